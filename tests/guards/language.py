"""Where a text of the desk uses a word that docs/glossary.md does without, or describes too little.

`python -m tests.guards.language [PATH ...]` prints every place, in all texts or only those under the paths.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    build_schema,
)

from tests.kit.source import PRODUCT, ROOT, tracked_files

LEAST_WORDS = 3
"""Of a description in the schema: a noun phrase or a sentence, never the name said once more."""
GLOSSARY = ROOT / "docs/glossary.md"
_FENCE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


Described = GraphQLArgument | GraphQLEnumValue | GraphQLField | GraphQLInputField


@dataclass(frozen=True, slots=True)
class Place:
    """A text and where it stands."""

    name: str
    text: str


@cache
def avoided() -> re.Pattern[str]:
    """Any of the words that are not used."""
    table = GLOSSARY.read_text().split("## Words that are not used")[1]
    rows = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)[1:]
    words = [word.strip() for row in rows for word in row.split(",")]
    return re.compile(rf"\b({'|'.join(map(_over_lines, words))})\b", re.IGNORECASE)


def _over_lines(words: str) -> str:
    """A pattern of words that a line break may divide."""
    return r"\s+".join(map(re.escape, words.split()))


def wrong_words(text: str) -> list[str]:
    """Those of the text that are not used, quoted code aside."""
    return avoided().findall(_FENCE.sub("", text))


def descriptions(schema: str) -> Iterator[Place]:
    """Of every type, field, argument and value of a GraphQL schema."""
    for name, type_ in build_schema(schema).type_map.items():
        if not name.startswith("__"):
            yield Place(name, type_.description or "")
            for member, described in _members(type_):
                yield Place(f"{name}.{member}", described.description or "")


def _members(type_: GraphQLNamedType) -> Iterator[tuple[str, Described]]:
    if isinstance(type_, GraphQLEnumType):
        yield from type_.values.items()
    elif isinstance(type_, GraphQLInputObjectType):
        yield from type_.fields.items()
    elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in type_.fields.items():
            yield name, field
            yield from ((f"{name}({argument})", of) for argument, of in field.args.items())


def is_poor(description: str) -> bool:
    """Whether it says too little to be read without context."""
    return len(description.split()) < LEAST_WORDS


def texts_of_code(path: Path) -> Iterator[Place]:
    """Every string of a module, its docstrings included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield Place(f"{path.relative_to(ROOT)}:{node.lineno}", node.value)


def texts_of_page(path: Path) -> Iterator[Place]:
    """The paragraphs of a page without its code; the table of words that are not used is no use of them."""
    text = path.read_text().split("## Words that are not used")[0]
    text = _FENCE.sub(lambda found: "\n" * found.group().count("\n"), text)
    number = 1
    for paragraph in text.split("\n\n"):
        yield Place(f"{path.relative_to(ROOT)}:{number}", paragraph)
        number += paragraph.count("\n") + 2


def texts() -> Iterator[Place]:
    """All of them: code, pages, descriptions."""
    for path in tracked_files():
        parts = path.relative_to(ROOT).parts
        if path.suffix == ".py" and parts[0] in PRODUCT and "migrations" not in parts:
            yield from texts_of_code(path)
        elif path.suffix == ".md":
            yield from texts_of_page(path)


def findings(places: Iterable[Place]) -> list[str]:
    """One line for each place with a word that is not used."""
    return [f"{each.name}: {', '.join(words)}" for each in places if (words := wrong_words(each.text))]


def main(paths: list[str]) -> None:
    """Print what is found."""
    shown = [line for line in findings(texts()) if not paths or line.startswith(tuple(paths))]
    schema = (ROOT / "schema.graphql").read_text()
    poor = [
        f"schema.graphql {each.name}: {each.text!r} is short"
        for each in descriptions(schema)
        if is_poor(each.text)
    ]
    for line in [*shown, *(poor if not paths or "schema.graphql" in paths else [])]:
        print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
