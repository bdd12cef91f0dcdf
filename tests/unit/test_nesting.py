"""How deep documents nest and how many aliases they have, looked through once for each fragment."""

from dataclasses import replace

import pytest
from graphql import ASTValidationRule, parse, validate

from resolvers.execution.documents import Documents
from resolvers.execution.limits import DocumentLimits
from resolvers.execution.nesting import max_aliases, max_depth
from tests.kit.executing import LIMITS, SCHEMA

DOUBLING = "".join(f"fragment F{n} on Viewer {{ ...F{n + 1} ...F{n + 1} }} " for n in range(60))
"""There are 2 to the power of 60 ways through them."""


def refused(document: str, rule: type[ASTValidationRule]) -> bool:
    return bool(validate(SCHEMA, parse(document), [rule]))


def errors_of(document: str, limits: DocumentLimits = LIMITS) -> list[str]:
    documents = Documents(SCHEMA, limits, introspection=True)
    return [error.message for error in documents.get(document).errors]


CONTACT = "fragment K on Client { contact { email } }"


@pytest.mark.parametrize(
    ("document", "depth"),
    [
        ("{ viewer { subject } }", 1),
        ("{ cases { nodes { account { client { id } } } } }", 4),
        ("{ cases { nodes { ... on Case { account { client { id } } } } } }", 4),
        ("{ cases { nodes { ...C } } } fragment C on Case { account { client { id } } }", 4),
        ('{ client(id: "x") { ...K } cases { nodes { client { ...K } } } }' + CONTACT, 4),
        ('{ cases { nodes { client { ...K } } } client(id: "x") { ...K } }' + CONTACT, 4),
        ("query A { viewer { subject } } query B { cases { nodes { id } } }", 2),
    ],
)
def test_the_deepest_field_counts_wherever_it_is_written(document: str, depth: int) -> None:
    assert not refused(document, max_depth(depth))
    assert refused(document, max_depth(depth - 1))


def test_introspection_fields_are_not_counted() -> None:
    assert not refused("{ __schema { types { fields { type { name } } } } }", max_depth(0))


@pytest.mark.parametrize(
    ("document", "aliases"),
    [
        ("{ a: viewer { subject } }", 1),
        ("{ viewer { a: subject ... on Viewer { b: subject } } }", 2),
        ("{ viewer { ...V } again: viewer { ...V } } fragment V on Viewer { a: subject b: subject }", 5),
        ("query A { a: viewer { subject } } query B { b: viewer { subject } }", 2),
    ],
)
def test_an_alias_counts_as_often_as_its_fragment_is_spread(document: str, aliases: int) -> None:
    assert not refused(document, max_aliases(aliases))
    assert refused(document, max_aliases(aliases - 1))


def test_fragments_that_double_each_other_are_looked_through_at_once() -> None:
    document = "{ viewer { ...F0 } } " + DOUBLING
    many = replace(LIMITS, spreads=1000)
    assert errors_of(document + "fragment F60 on Viewer { subject }", many) == []
    assert errors_of(document + "fragment F60 on Viewer { x: subject }", many) == [
        f"The document has {2**60} aliases, more than 15."
    ]
