"""Documents that repeat a field: counted with their fragments, in few steps, before they are validated."""

from dataclasses import replace

import pytest
from graphql import OperationDefinitionNode, parse

from resolvers.execution.documents import Documents
from resolvers.execution.limits import FIELDS_MAX, DocumentLimits
from resolvers.execution.nesting import fragments_of
from resolvers.execution.repetition import (
    FieldsExhausted,
    Repeated,
    Walk,
    errors_before_validation,
    over_the_whole_book,
)
from tests.kit.executing import LIMITS, SCHEMA

FEW = replace(LIMITS, equal_fields=3, root_fields=4)


def reasons(document: str, limits: DocumentLimits = FEW) -> list[str]:
    return [error.message for error in errors_before_validation(SCHEMA, parse(document), limits)]


def viewers(count: int) -> str:
    return "viewer { subject } " * count


AT_THE_LIMIT = {
    "root fields": "{ viewer { subject } a: viewer { subject } b: viewer { subject } orders { totalCount } }",
    "equal root fields": f"{{ {viewers(3)} }}",
    "equal leaves": "{ viewer { subject subject subject } }",
    "leaves of equal parents": "{ viewer { subject subject } viewer { subject } }",
    "one fragment again and again": "{ viewer { ...V ...V ...V ...V } } fragment V on Viewer { subject }",
    "a fragment in several places": (
        "{ a: viewer { ...V } b: viewer { ...V } c: viewer { ...V } d: viewer { ...V } } "
        "fragment V on Viewer { subject }"
    ),
    "aliases that differ": "{ viewer { a: subject b: subject c: subject d: subject e: subject } }",
    "several operations": " ".join(f"query Q{n} {{ {viewers(3)} }}" for n in range(5)),
}

OVER_THE_LIMIT = {
    "root fields": "{ a: viewer { subject } b: viewer { subject } c: clients { totalCount }"
    " d: viewer { subject } orders { totalCount } }",
    "root fields of fragments": (
        "{ ...A ...B } fragment A on Query { a: viewer { subject } b: viewer { subject } }"
        " fragment B on Query { c: viewer { subject } d: viewer { subject } e: viewer { subject } }"
    ),
    "root fields of a mutation": "mutation { "
    + " ".join(f'm{n}: releaseCase(input: {{idempotencyKey: "k"}}) {{ __typename }}' for n in range(5))
    + " }",
    "equal root fields": f"{{ {viewers(4)} }}",
    "bookWhatIf twice": "{ bookWhatIf(input: {}) { asOf } bookWhatIf(input: {}) { asOf } }",
    "bookWhatIf under two aliases": "{ a: bookWhatIf(input: {}) { asOf } ...B }"
    " fragment B on Query { ... on Query { b: bookWhatIf(input: {}) { asOf } } }",
    "equal leaves": "{ viewer { subject subject subject subject } }",
    "leaves of equal parents": "{ viewer { subject subject } viewer { subject subject } }",
    "names of types": "{ viewer { __typename __typename __typename __typename } }",
    "the same alias": "{ viewer { a: subject a: subject a: subject a: subject } }",
    "an alias equal to a field": "{ viewer { subject: subject subject subject subject } }",
    "inline fragments": "{ viewer { " + "... on Viewer { subject } " * 4 + "} }",
    "inline fragments without a type": "{ viewer { " + "... { subject } " * 4 + "} }",
    "directives": "{ viewer { " + "subject @include(if: true) " * 4 + "} }",
    "fragments that say the same": (
        "{ viewer { ...A ...B ...C ...D } } "
        + " ".join(f"fragment {name} on Viewer {{ subject }}" for name in "ABCD")
    ),
    "fragments in fragments that say the same": (
        "{ viewer { ...A ...B } } fragment A on Viewer { subject ...C } fragment B on Viewer { subject ...D }"
        " fragment C on Viewer { subject } fragment D on Viewer { subject }"
    ),
    "fields of fields of fragments": (
        "{ cases { ...A ...B } } fragment A on CaseConnection { nodes { id id } }"
        " fragment B on CaseConnection { nodes { id id } }"
    ),
    "a fragment that nothing spreads": (
        "{ viewer { subject } } fragment V on Viewer { subject subject subject subject }"
    ),
    "the last of several operations": f"query A {{ {viewers(1)} }} query B {{ {viewers(4)} }}",
    "a field that does not exist": "{ viewer { nothing nothing nothing nothing } }",
    "deep below": "{ a " * 90 + "{ b b b b }" + "}" * 90,
}


@pytest.mark.parametrize("name", AT_THE_LIMIT)
def test_a_document_at_the_limit_is_validated(name: str) -> None:
    assert reasons(AT_THE_LIMIT[name]) == []


@pytest.mark.parametrize("name", OVER_THE_LIMIT)
def test_a_document_over_the_limit_is_refused_with_a_reason(name: str) -> None:
    (reason,) = reasons(OVER_THE_LIMIT[name])
    assert "more than" in reason


def _doubling(levels: int) -> str:
    """Each fragment asks twice for the next one, in objects of their own: 2 to the power of `levels`."""
    chain = " ".join(
        f"fragment F{n} on Case {{ a: account {{ c: openCases {{ ...F{n + 1} }} }}"
        f" b: account {{ c: openCases {{ ...F{n + 1} }} }} }}"
        for n in range(levels)
    )
    return f"{{ cases {{ nodes {{ ...F0 }} }} }} {chain} fragment F{levels} on Case {{ id }}"


@pytest.mark.parametrize(
    "document",
    [
        _doubling(40),
        f"{{ {viewers(240)} }}",
        "{ " + "__typename " * 990 + "}",
        "{ " + " ".join(f"...F{n}" for n in range(80)) + " } "
        + " ".join(f"fragment F{n} on Query {{ viewer {{ subject }} }}" for n in range(80)),
    ],
    ids=["doubling", "one field 240 times", "names of types", "fragments"],
)  # fmt: skip
def test_the_count_takes_no_more_steps_than_it_may_and_ends_at_the_first_excess(document: str) -> None:
    ast = parse(document)
    walk = Walk(fragments_of(ast), FEW)
    with pytest.raises((FieldsExhausted, Repeated)):
        walk.document(ast)
    assert walk.steps <= FIELDS_MAX + 1
    assert reasons(document)


def test_a_fragment_that_spreads_itself_is_refused_as_such() -> None:
    cycle = "{ cases { nodes { client { ...C } } } } fragment C on Client { openCases { client { ...C } } }"
    (reason,) = reasons(cycle)
    assert reason == "Cannot spread fragment 'C' within itself."


def test_what_computes_over_the_book_is_counted_in_one_walk_over_fragments_that_double() -> None:
    doubling = "".join(f"fragment F{n} on Query {{ ...F{n + 1} ... {{ ...F{n + 1} }} }} " for n in range(60))
    document = parse(
        f"{{ ...F0 }} {doubling} fragment F60 on Query {{ a: bookWhatIf(input: {{}}) {{ asOf }} }}"
    )
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    assert over_the_whole_book(operation, fragments_of(document)) == 1


def test_a_document_that_repeats_itself_is_refused_for_that_alone_and_remembered() -> None:
    documents = Documents(SCHEMA, LIMITS, introspection=True)
    repeated = documents.get("{ " + "unknown { subject } " * 31 + "}")
    assert [error.extensions for error in repeated.errors] == [{"code": "QUERY_TOO_EXPENSIVE"}]
    assert repeated.ast is None
    assert documents.get("{ " + "unknown { subject } " * 31 + "}") is repeated
