"""Texts keep to docs/glossary.md: none uses a word listed as not used, and descriptions say something."""

import ast
import re

from tests.guards.language import GLOSSARY, descriptions, findings, is_poor, texts, wrong_words
from tests.kit.source import PRODUCT, ROOT

SCHEMA = (ROOT / "schema.graphql").read_text()


def test_no_text_uses_a_word_that_the_glossary_does_without() -> None:
    found = findings(texts())
    assert not found, f"say it by the words of docs/glossary.md: {found}"


def test_every_description_in_the_schema_is_a_phrase_or_a_sentence() -> None:
    assert not [each for each in descriptions(SCHEMA) if is_poor(each.text)]


def test_terms_are_listed_once_and_in_order() -> None:
    table = GLOSSARY.read_text().split("## Terms")[1].split("## ")[0]
    terms = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)[1:]
    assert terms == sorted(set(terms), key=str.casefold)


def test_guard_notices_a_word_and_a_short_description() -> None:
    assert wrong_words("Somebody has to look; it is planned anew.") == ["Somebody", "anew"]
    assert wrong_words("The event is\n    told once.") == ["is\n    told"]
    assert wrong_words("Run `whoever` as the caller.") == []
    assert is_poor("Which.")
    assert not is_poor("The case's number.")
    found = list(descriptions('type Query { "A" a("B" b: Int): Int } enum E { "C" X }'))
    assert [(each.name, each.text) for each in found if len(each.text) == 1] == [
        ("Query.a", "A"),
        ("Query.a(b)", "B"),
        ("E.X", "C"),
    ]


def test_no_identifier_uses_such_a_word() -> None:
    """Names in snake case count as their words."""
    found = []
    for folder in PRODUCT:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    found += wrong_words(node.name.replace("_", " "))
    assert not found
