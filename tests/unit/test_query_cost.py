"""The cost of an operation: the fields that its answer may have, reckoned from page sizes and nesting."""

import tracemalloc
from typing import Any

import pytest
from graphql import parse

from resolvers.execution.cost import cost_of
from resolvers.execution.executor import AdmittedOperation
from resolvers.kit.errors import QUERY_TOO_EXPENSIVE
from tests.kit.executing import LIMITS, SCHEMA, executor

POSITION = "quantity mark marketValue factors { initial maintenance } instrument { symbol name }"


def cost(document: str, **variables: Any) -> int:
    return cost_of(SCHEMA, parse(document), variables, 100)


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ("{ viewer { subject } }", 2),
        ("{ cases(first: 100) { nodes { id } } }", 201),
        ("{ cases { edges { node { id } } } }", 151),
        ("{ cases(last: 100) { nodes { id } } }", 201),
        ("{ cases(first: 3, last: 100) { nodes { id } } }", 201),
        ("{ cases(first: null, last: 3) { nodes { id } } }", 7),
        ("{ a: cases(first: 10) { nodes { id } } b: cases(first: 10) { nodes { id } } }", 42),
        ("{ clients(first: 2) { nodes { accounts { id } } } }", 15),
        ("{ cases(first: 2) { nodes { account { positions(first: 3) { nodes { mark } } } } } }", 19),
        ('{ node(id: "x") { ... on Case { ...C } } } fragment C on Case { id amount }', 3),
        ("{ __typename }", 1),
    ],
)
def test_every_field_counts_as_often_as_its_page_has_rows(document: str, fields: int) -> None:
    assert cost(document) == fields


def test_a_page_size_in_a_variable_counts_like_one_in_the_text() -> None:
    document = "query ($n: Int! = 20) { cases(first: $n) { nodes { id } } }"
    assert cost(document, n=100) == cost("{ cases(first: 100) { nodes { id } } }")
    assert cost(document) == cost("{ cases(first: 20) { nodes { id } } }")


def test_a_page_size_counts_in_every_form_that_graphql_reads_as_a_whole_number() -> None:
    document = "query ($n: Int) { cases(first: $n) { nodes { orders(first: $n) { nodes { id } } } } }"
    executing = executor()
    read = executing.read(document)
    costs = []
    for size in (100, 100.0, 1e2, 100.5, "100", True, [100]):
        operation = executing.admit(read, None, {"n": size})
        if isinstance(operation, AdmittedOperation):
            assert operation.prepared.variable_values.coerced["n"] == 100
            costs.append(operation.cost)
    assert costs == [cost(document, n=100)] * 3


def test_a_document_keeps_nothing_of_variables_that_are_no_page_sizes() -> None:
    executing = executor()
    read = executing.read("query ($n: Int) { cases(first: $n) { nodes { id } } }")

    def admit(rounds: range) -> None:
        for each in rounds:
            executing.admit(read, None, {"n": 7, **{f"{each}.{number}": number for number in range(500)}})

    admit(range(1))
    tracemalloc.start()
    try:
        admit(range(1, 50))
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes < 1_000_000


def test_a_number_that_is_no_page_size_is_not_even_read() -> None:
    assert cost(f"query ($id: ID! = {'9' * 5000}) {{ case(id: $id) {{ id }} }}") == 2


def test_a_negative_page_size_makes_nothing_cheaper() -> None:
    dear = "b: cases(first: 100) { nodes { id } }"
    assert cost(f"{{ {dear} a: cases(first: -1000) {{ nodes {{ id }} }} }}") > cost(f"{{ {dear} }}")


def test_fragments_that_double_each_other_are_reckoned_at_once() -> None:
    doubling = "".join(f"fragment F{n} on Client {{ ...F{n + 1} x{n}: id ...F{n + 1} }} " for n in range(60))
    assert (
        cost("{ clients(first: 1) { nodes { ...F0 } } } " + doubling + "fragment F60 on Client { id }")
        > 2**60
    )


def test_a_page_of_everything_is_let_through_and_fifteen_of_them_are_not() -> None:
    page = f"cases(first: 100) {{ nodes {{ id account {{ positions {{ nodes {{ {POSITION} }} }} }} }} }}"
    assert cost(f"{{ {page} }}") < 250_000
    fifteen = " ".join(f"a{number}: {page}" for number in range(15))
    executing = executor()
    refused = executing.admit(executing.read(f"{{ {fifteen} }}"), None, None)
    assert isinstance(refused, tuple)
    assert [error.extensions for error in refused] == [{"code": QUERY_TOO_EXPENSIVE}]


def test_the_values_of_a_variable_count_wherever_they_are_used() -> None:
    shock = {"factor": "0.5", "symbols": ["1.HK"]}
    one = "whatIf(input: {scenario: $s}) { __typename }"
    fragments = f"fragment A on Query {{ a: {one} }} fragment B on Query {{ b: {one} c: {one} }}"
    head = "query ($s: ScenarioInput!)"
    documents = {
        f"{head} {{ a: {one} }}": 1,
        f"{head} {{ {' '.join(f'a{n}: {one}' for n in range(15))} }}": 15,
        f"{head} {{ ...A ...B }} {fragments}": 3,
    }
    for document, uses in documents.items():
        most = LIMITS.input_fields // uses
        for shocks, admitted in ((most // 8, True), (most // 5 + 1, False)):
            executing = executor()
            operation = executing.admit(executing.read(document), None, {"s": {"prices": [shock] * shocks}})
            assert isinstance(operation, AdmittedOperation) is admitted, (uses, shocks)


def test_the_items_of_a_list_count_like_fields() -> None:
    pages = " ".join(f"a{n}: cases(filter: {{status: $s}}) {{ totalCount }}" for n in range(10))
    document = f"query ($s: [CaseStatus!]) {{ {pages} }}"
    executing = executor()
    for items, admitted in ((LIMITS.input_fields // 10, True), (LIMITS.input_fields // 10 + 1, False)):
        operation = executing.admit(executing.read(document), None, {"s": ["LIQUIDATING"] * items})
        assert isinstance(operation, AdmittedOperation) is admitted


@pytest.mark.parametrize(
    "wrong",
    [{"prices": [1] * 49_000}, {"prices": [[]] * 30_000}, {f"x{number}": 1 for number in range(9_000)}],
)
def test_values_of_a_wrong_type_count_like_right_ones(wrong: dict[str, Any]) -> None:
    executing = executor()
    document = "query ($s: ScenarioInput!) { whatIf(input: {scenario: $s}) { __typename } }"
    refused = executing.admit(executing.read(document), None, {"s": wrong})
    assert isinstance(refused, tuple)
    assert [error.extensions for error in refused] == [{"code": QUERY_TOO_EXPENSIVE}]


def test_large_variables_count_as_work() -> None:
    executing = executor()
    document = "query ($s: ScenarioInput!) { whatIf(input: {scenario: $s}) { __typename } }"
    wide = {"prices": [{"factor": "0.5"}] * 100}
    small, large = (executing.admit(executing.read(document), None, {"s": each}) for each in ({}, wide))
    assert isinstance(small, AdmittedOperation)
    assert isinstance(large, AdmittedOperation)
    assert large.cost == small.cost
    assert large.work >= small.work + 400
