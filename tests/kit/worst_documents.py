"""The documents and variables within the limits that cost the desk most to check, by what makes them costly.

Each family grows with a number; `largest` finds the largest member that the limits admit to validation. A new
limit, or a new rule of validation, deserves a family here.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from graphql import GraphQLError, get_named_type, is_leaf_type, parse

from resolvers.execution.repetition import errors_before_validation
from tests.kit.executing import LIMITS, SCHEMA

BODY_BYTES = 100_000
"""The default of `GATEWAY_MAX_BODY_BYTES`; the JSON around a text takes some of it."""
TEXT_BYTES = BODY_BYTES - 1_000
GROWS_TO = 1_000

Family = Callable[[int], str]


@cache
def leaves(type_name: str) -> tuple[str, ...]:
    """The fields of a type that have no selection and no arguments."""
    fields: Mapping[str, Any] = SCHEMA.type_map[type_name].fields  # type: ignore[attr-defined]
    return tuple(
        name for name, each in fields.items() if is_leaf_type(get_named_type(each.type)) and not each.args
    )


def leaf(number: int, type_name: str = "Case") -> str:
    """One of them; each stands as often as it may in one object."""
    return leaves(type_name)[number // LIMITS.equal_fields % len(leaves(type_name))]


def _of_cases(selection: str, *fragments: str) -> str:
    return f"{{ cases {{ nodes {{ {selection} }} }} }} {' '.join(fragments)}"


def _each(number: int, text: Callable[[int], str]) -> str:
    return " ".join(text(each) for each in range(number))


def _side_by_side(number: int) -> str:
    """Every pair of fragments is compared."""
    names = leaves("Case")
    fragments = _each(number, lambda n: f"fragment F{n} on Case {{ {names[n % len(names)]} }}")
    return _of_cases(_each(number, lambda n: f"...F{n}"), fragments)


def _in_a_chain(number: int) -> str:
    """Each spreads the next one."""
    names = leaves("Case")
    fragments = _each(number, lambda n: f"fragment F{n} on Case {{ {names[n % len(names)]} ...F{n + 1} }}")
    return _of_cases("...F0", fragments, f"fragment F{number} on Case {{ id }}")


def _each_with_all_later(number: int) -> str:
    """As many spreads as fragments allow."""
    number = min(number, LIMITS.spreads)
    fragments = (
        f"fragment F{n} on Case {{ id {' '.join(f'...F{m}' for m in range(n + 1, number))} }}"
        for n in range(number)
    )
    return _of_cases("...F0", *fragments)


def _in_equal_fields(number: int) -> str:
    """Equal fields are compared in pairs, with the fragments of both."""
    places = min(LIMITS.equal_fields, max(1, LIMITS.spreads // max(1, number)))
    selection = " ".join(["account { " + _each(number, lambda n: f"...A{n}") + " }"] * places)
    names = leaves("Account")
    return _of_cases(
        selection, _each(number, lambda n: f"fragment A{n} on Account {{ {names[n % len(names)]} }}")
    )


def _in_parents_of_their_own(number: int) -> str:
    """Two fragments for each equal field."""
    fragments = _each(
        number,
        lambda n: (
            f"fragment F{n} on Case {{ account {{ ...G{n} }} }} fragment G{n} on Account {{ accountNo }}"
        ),
    )
    return _of_cases(_each(number, lambda n: f"...F{n}"), fragments)


def _nested_equal_fields(number: int) -> str:
    """Equal parents on each level, down to the limit of depth."""
    path = ["account", "client", "accounts", "client", "accounts"]
    one = " { ".join(path) + " { accountNo" + " }" * len(path)
    return _of_cases(" ".join([one] * min(number, LIMITS.equal_fields)))


def _operations_with_a_chain(number: int) -> str:
    """Variables are looked for in each operation, with its fragments."""
    operations = _each(number, lambda n: f"query Q{n}($a: Int!) {{ ...F0 }}")
    chain = _each(number, lambda n: f"fragment F{n} on Query {{ ...F{n + 1} }}")
    return f"{operations} {chain} fragment F{number} on Query {{ cases(first: $a) {{ totalCount }} }}"


@cache
def _nodes() -> tuple[str, ...]:
    node: Any = SCHEMA.type_map["Node"]
    return tuple(each.name for each in SCHEMA.get_possible_types(node))


FAMILIES: Mapping[str, Family] = {
    "fragments side by side": _side_by_side,
    "fragments in a chain": _in_a_chain,
    "fragments that spread all later ones": _each_with_all_later,
    "fragments in equal fields": _in_equal_fields,
    "fragments in parents of their own": _in_parents_of_their_own,
    "equal fields": lambda number: _of_cases(_each(number, leaf)),
    "nested equal fields": _nested_equal_fields,
    "inline fragments": lambda number: _of_cases(_each(number, lambda n: f"... on Case {{ {leaf(n)} }}")),
    "directives": lambda number: _of_cases(
        _each(number, lambda n: f"{leaf(n)} @include(if: true) @skip(if: false)")
    ),
    "one directive again and again": lambda number: _of_cases("id " + "@include(if: true) " * number),
    "variables of directives": lambda number: (
        f"query ({_each(number, lambda n: f'$v{n}: Boolean!')}) "
        + _of_cases(_each(number, lambda n: f"{leaf(n)} @include(if: $v{n})"))
    ),
    "unused variables": lambda number: (
        f"query ({_each(number, lambda n: f'$v{n}: Int')}) {{ viewer {{ subject }} }}"
    ),
    "operations": lambda number: _each(number, lambda n: f"query Q{n} {{ viewer {{ subject }} }}"),
    "operations with a chain of fragments": _operations_with_a_chain,
    "a list of enums": lambda number: (
        f"{{ cases(filter: {{status: [{'OPEN ' * number}]}}) {{ totalCount }} }}"
    ),
    "a list of wrong enums": lambda number: (
        f"{{ cases(filter: {{status: [{'NOPE ' * number}]}}) {{ totalCount }} }}"
    ),
    "one field of an input again and again": lambda number: (
        f"{{ cases(filter: {{{'closed: true ' * number}}}) {{ totalCount }} }}"
    ),
    "lists in lists": lambda number: (
        f"{{ cases(filter: {{status: {'[' * number}OPEN{']' * number}}}) {{ totalCount }} }}"
    ),
    "input objects": lambda number: (
        f"{{ bookWhatIf(input: {{prices: [{'{factor: 1} ' * number}]}}) {{ __typename }} }}"
    ),
    "unknown fields": lambda number: _of_cases(_each(number, lambda n: f"x{n}")),
    "types of a node": lambda number: (
        '{ node(id: "x") { '
        + _each(number, lambda n: f"... on {_nodes()[n % len(_nodes())]} {{ id }}")
        + " } }"
    ),
    "a chain of fragments, and a comment": lambda number: (
        f"{_in_a_chain(min(number, LIMITS.spreads - 1))}#{'x' * (number * (TEXT_BYTES - 5_000) // GROWS_TO)}"
    ),
    "white space": lambda number: "{ viewer { subject } }" + "\n" * (number * TEXT_BYTES // 2 // GROWS_TO),
    "a comment": lambda number: "{ viewer { subject } }#" + "x" * (number * TEXT_BYTES // GROWS_TO),
    "an escaped string": lambda number: (
        '{ node(id: "' + "\\n" * (number * TEXT_BYTES // 3 // GROWS_TO) + '") { id } }'
    ),
    "a block string": lambda number: (
        '{ node(id: """' + "\n x" * (number * TEXT_BYTES // 4 // GROWS_TO) + '""") { id } }'
    ),
    "a text that ends badly": lambda number: (
        "{ viewer { subject } }" + "\n" * (number * TEXT_BYTES // 2 // GROWS_TO) + "?"
    ),
}


_OF_CASES = "{ cases { nodes {"


def _of_case_events(family: Family) -> Family:
    """The same selections of the case in an event."""
    return lambda number: family(number).replace(_OF_CASES, "subscription { caseEvents { case {", 1)


def _figures_by_alias(number: int) -> str:
    """Everything that an event contains, as often as aliases allow."""
    figures = " ".join(leaves("MarginFigures"))
    return _of_cases(_each(min(number, LIMITS.aliases), lambda n: f"a{n}: figures {{ {figures} }}"))


SUBSCRIPTIONS: Mapping[str, Family] = {
    name: _of_case_events(family)
    for name, family in {**FAMILIES, "figures by alias": _figures_by_alias}.items()
    if family(2).startswith(_OF_CASES)
}


def largest(family: Family) -> str:
    """The largest document of a family that is validated, or that the parser refuses by itself."""
    low, high = 1, GROWS_TO
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if is_validated(family(middle)) else (low, middle - 1)
    return family(low)


def is_validated(text: str) -> bool:
    """Whether no limit that is checked before the validation refuses it."""
    try:
        ast = parse(text, max_tokens=LIMITS.tokens)
    except GraphQLError as malformed:
        return "Unexpected character" in malformed.message
    return not errors_before_validation(SCHEMA, ast, LIMITS)


LIQUIDATE = "mutation ($input: LiquidateInput!) { liquidate(input: $input) { __typename } }"
BY_STATUS = "query ($status: [CaseStatus!]) { cases(filter: {status: $status}) { totalCount } }"
BY_FILTER = "query ($filter: CaseFilter) { cases(filter: $filter) { totalCount } }"
CASE = {"caseId": "1", "expectedVersion": 1}
LEG = {"symbol": "A", "quantity": "1"}


def variables() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, document and variables, each about as large as a body may be."""
    yield "a list of enums", BY_STATUS, {"status": ["OPEN"] * 13_000}
    yield "a list of wrong enums", BY_STATUS, {"status": ["NOPE"] * 13_000}
    yield "unknown fields", BY_FILTER, {"filter": {f"x{number}": 1 for number in range(9_000)}}
    yield "unknown variables", BY_FILTER, {f"x{number}": 1 for number in range(9_000)}
    yield "input objects", LIQUIDATE, _liquidate([CASE] * (LIMITS.input_fields // 14 - 1))
    yield (
        "inner input objects",
        LIQUIDATE,
        _liquidate([{**CASE, "legs": [LEG] * (LIMITS.input_fields // 3 - 10)}]),
    )
    yield "empty input objects", LIQUIDATE, _liquidate([{}] * (LIMITS.input_fields // 14 - 1))
    yield "too many input objects", LIQUIDATE, _liquidate([{}] * 30_000)
    yield "numbers in place of objects", LIQUIDATE, _liquidate([1] * 49_000)


def _liquidate(cases: list[Any]) -> dict[str, Any]:
    return {"input": {"idempotencyKey": "k", "cases": cases}}


BODIES: Mapping[str, bytes] = {
    "objects in objects": b'{"query": "{x}", "variables": ' + b'{"a":' * 990 + b"1" + b"}" * 991,
    "names of one object": b'{"query": "{x}", "variables": {'
    + b",".join(b'"%x":1' % number for number in range(11_000))
    + b"}}",
    "small objects": b'{"query": "{x}", "variables": {"a": [' + b",".join([b'{"a":1}'] * 12_000) + b"]}}",
    "empty objects": b'{"query": "{x}", "variables": {"a": [' + b",".join([b"{}"] * 33_000) + b"]}}",
    "numbers": b'{"query": "{x}", "variables": {"a": [' + b",".join([b"1"] * 49_000) + b"]}}",
}
"""Bodies of requests that cost most to read."""
