"""No value in any place of the schema is a fault of ours, or is stored as if it made sense.

What is no value of a type is refused by the type, whatever the place: that is tried once. Every place is
given values of its type that cannot be, one at a time, since one error hides the next of a document.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from graphql import (
    GraphQLInputField,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_required_input_field,
)

from domain.principal import Permission
from resolvers.execution.documents import ERRORS_MAX
from resolvers.kit.node import global_id
from resolvers.schema import sdl
from tests.api.every_mutation import EVERY, Scene, a_called_desk, a_scene, the_case, use
from tests.api.every_place import Place, arguments, path_to, places, selection
from tests.api.permission_matrix import QUERIES
from tests.kit.book_files import BANK
from tests.kit.desk_client import Answer, Caller
from tests.kit.desk_server import Desk, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMA = build_schema(sdl())
PLACES = places(SCHEMA)
LONG = "x" * 30_000
ALIASES_MAX = 15

TEXTS: tuple[object, ...] = ("", "\u3000", "a\x00\u202eb", LONG, "\ufdfa" * 1000)
VALUES: Mapping[str, tuple[object, ...]] = {
    "String": TEXTS,
    "ID": ("", "a\x00b", global_id("Case", "a\x00b"), "\U0001f4a5"),
    "Int": (-1, 0, 2**31 - 1),
    "Decimal": ("-0", "-1", "-" + "9" * 20, "0.0000000001", "9" * 20),
    "DateTime": ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    "Date": ("0001-01-01", "9999-12-31"),
}
"""What a place of the type is given. Each of these is a value of the type; what is none is in `NO_VALUES`."""
OF_ONE_CHECK: Mapping[str, tuple[object, ...]] = dict.fromkeys(
    ("after", "idempotencyKey"), ("", "a\x00b", LONG)
)
"""Of the names that stand in every operation, and are read by one function."""
NO_VALUES: Mapping[str, tuple[object, ...]] = {
    "String": (7, True, [[]], {}),
    "ID": (True, 1.5, [[]], {}),
    "Int": (2**31, 2**63, 10**30, 1.5, "1", "", LONG, True),
    "Decimal": (
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "1e-400",
        "",
        " ",
        "0x10",
        "1_0",
        "\u0663",
        LONG,
        "9" * 21,
        "1e20",
        "0.00000000001",
        "9" * 5000,
        10**30,
        10**20,
        1.5,
        -0.0,
        True,
        {},
        "\x07",
    ),
    "DateTime": (
        "",
        " ",
        "now",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "10000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "2020-02-30T00:00:00Z",
        "2020-03-16T10:00:00",
        LONG,
        0,
        1e30,
        True,
        "2020-03-16T24:00:01Z",
        "2020-03-16T10:00:00Z\x00",
    ),
    "Date": (
        "",
        " ",
        "today",
        "0000-01-01",
        "10000-01-01",
        "2020-02-30",
        "2020-W10-1",
        "20200316",
        LONG,
        "2020-03-16\x00",
        0,
        1e30,
        True,
    ),
}
LITERALS: Mapping[str, tuple[str, ...]] = {
    "String": ("1", "-0", "1e400", "true", "NONE", "{}", "[[]]", '"\\ud800"', '"\\udc00a"'),
    "ID": ("1.5", "1e400", "true", "NONE", "{}", "[[]]", '"\\ud800"'),
    "Int": ("1e400", "-0.0", str(10**30), "9" * 5000, "1.5", "true", "NONE", '""', "{}"),
    "Decimal": ("1e400", "1.5", str(10**30), "9" * 5000, "true", "NONE", '""', "{}", '"NaN"'),
    "DateTime": ("1", "1e400", "NONE", '""', "{}", '"0001-01-01T00:00:00+14:00"'),
    "Date": ("1", "1e400", "NONE", '""', "{}", '"2020-02-30"'),
}
"""No values of the type, written into a document."""
RAW = ("NaN", "Infinity", "-Infinity", "1e400", "9" * 5000, '"\\ud800"', '"\\udc00a"', '"a\nb"')
"""What no JSON may have, or no text of it: refused before any place is looked at."""
WORDS = ("\ufdfa" * 1000,)
"""A person may write so."""
BLANK = ("", "\u3000")
"""In a text that may be left out: as if it were."""
SENSIBLE: Mapping[str, Sequence[object]] = {
    "updateRemark.remark": BLANK,
    "recallStock.quantity": ["9" * 20],
    "liquidate.cases.priceBand": ["-0", "0.0000000001"],
    "liquidate.cases.maxAdvShare": ["0.0000000001"],
    "liquidate.cases.maxSliceNotional": ["9" * 20],
    "liquidate.cases.expected.notionalAtMost": ["9" * 20],
    "liquidate.cases.expected.amountAfterAtMost": ["-0", "9" * 20],
    "requestSettingChange.setting.amountRule.coefficient": ["0.0000000001"],
    "requestSettingChange.setting.approvalLimits.notional": ["-0", "0.0000000001", "9" * 20],
    "requestSettingChange.setting.approvalLimits.cases": [2**31 - 1],
}
"""What else a mutation may do, for it says something: a recall tells what of it nobody is short of, a limit
that nobody reaches limits nobody, with one of 0 everything takes two people, a share of a volume that is not
known caps nothing."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    """An account with a case for each mutation."""
    return await a_called_desk(shared_world, *EVERY)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ids(desk: Desk) -> dict[str, str]:
    """Of things that are there, by the names of arguments."""
    found = await desk.caller().ask("{ cases(first: 1) { nodes { id account { id client { id } } } } }")
    (case,) = found["cases"]["nodes"]
    return {"id": case["id"], "caseId": case["id"], "accountId": case["account"]["id"]}


def of(*parents: str) -> list[str]:
    """The fields of these types that have a place."""
    return sorted({f"{each.parent}.{each.field}" for each in PLACES if each.parent in parents})


def _places_of(field: str) -> list[Place]:
    return [each for each in PLACES if f"{each.parent}.{each.field}" == field]


def _values_of(place: Place) -> tuple[object, ...]:
    return OF_ONE_CHECK.get(place.path[-1], VALUES[place.type_name])


def _field(place: Place) -> Any:
    parent = SCHEMA.type_map[place.parent]
    assert isinstance(parent, GraphQLObjectType)
    return parent.fields[place.field]


async def test_a_value_of_another_type_is_refused_in_every_place_of_the_type(
    desk: Desk, ids: dict[str, str]
) -> None:
    """By the type, so at one place of it; the schema says which type each place has."""
    assert {each.type_name for each in PLACES} == VALUES.keys() == NO_VALUES.keys() == LITERALS.keys()
    caller = desk.caller()
    for type_name, values in NO_VALUES.items():
        (place, *_) = sorted(
            (each for each in PLACES if each.type_name == type_name and each.parent in ("Query", "Mutation")),
            key=lambda each: (each.parent != "Query", each.field != "cases", each.field != "case"),
        )
        kind = place.parent.lower()
        for batch in _batches(values, ERRORS_MAX):
            made = [_known(place, value, ids) for value in batch]
            document, variables = _document(place, kind, made)
            answer = await caller.answer(document, **variables)
            assert set(answer.codes) == {"BAD_USER_INPUT"}, (str(place), answer)
            assert not answer.body.get("data")
            messages = [error["message"] for error in answer.body["errors"]]
            for number, value in enumerate(batch):
                assert any(f"'$v{number}_" in each for each in messages), (str(place), value)
        for literal in LITERALS[type_name]:
            passed = ", ".join(
                f"{name}: {_written(value, literal)}" for name, value in _known(place, "@", ids).items()
            )
            answer = await caller.answer(
                f"{kind} {{ {place.field}({passed}) {selection(_field(place).type)} }}"
            )
            assert answer.codes, (str(place), literal, answer)
            assert set(answer.codes) <= {"GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"}, (literal, answer)


@pytest.mark.parametrize("field", of("Query"))
async def test_no_impossible_value_in_a_query_is_an_internal_error(
    desk: Desk, ids: dict[str, str], field: str
) -> None:
    allowed = QUERIES[field.removeprefix("Query.")].allowed
    trader = Permission.RISK_WARNING_FULL
    caller = desk.caller(trader if trader in allowed else min(allowed))
    for place in _places_of(field):
        if field == "Query.bookWhatIf" and place.path[0] == "input":
            continue  # Each takes a process of its own; whatIf has the same scenario.
        for value in _values_of(place):
            await _ask(caller, place, "query", _known(place, value, ids))


NESTED = sorted({each.parent for each in PLACES} - {"Query", "Mutation", "Subscription"})


@pytest.mark.parametrize("parent", NESTED)
async def test_no_impossible_value_in_a_nested_field_is_an_internal_error(desk: Desk, parent: str) -> None:
    way = path_to(SCHEMA, parent)
    if way is None:
        assert parent == "StockRecalled", "only a mutation leads to it, with the arguments that others have"
        return
    caller = desk.caller(Permission.RISK_SETTING_FULL)
    for place in (each for each in PLACES if each.parent == parent):
        asked = f"{place.field}({place.path[0]}: $v) {selection(_field(place).type)}"
        opened = " { ".join([*way, asked])
        document = f"query ($v: {_field(place).args[place.path[0]].type}) {{ {opened} {'}' * (len(way) + 1)}"
        for value in _values_of(place):
            answer = await caller.answer(document, v=value)
            _no_fault(answer, place, value)
            assert answer.codes, "a page of no rows, or behind no cursor"


@pytest.mark.parametrize("field", of("Mutation"))
async def test_no_impossible_value_in_a_mutation_is_an_internal_error_or_stored(
    desk: Desk, ids: dict[str, str], field: str
) -> None:
    """Where it makes sense, it may be done; see `SENSIBLE`."""
    name = field.removeprefix("Mutation.")
    scene = await a_scene(desk, name, EVERY[name].by, subject=f"who does {name.lower()}")
    base = await EVERY[name].prepare(scene)
    senseless = []
    for place in sorted(_places_of(field), key=_what_does_the_least_first):
        if "expectedVersion" in base:
            base["expectedVersion"] = (await the_case(scene))["version"]
        for value in _values_of(place):
            known = {"input": base | {"idempotencyKey": uuid4().hex}}
            made = arguments(_field(place), known, place, value, ids)
            answer = await _ask(scene.by, place, "mutation", made)
            if answer is None or not _did_something(answer):
                continue
            senseless += [] if _is_sensible(name, place, value) else [(str(place), value)]
            if name == "requestSettingChange":
                await _withdraw_all(scene)
    assert not senseless, "\n".join(f"SENSE {each}" for each in senseless)


def _what_does_the_least_first(place: Place) -> int:
    """So that what is done on the way leaves something to do for the others."""
    if "idempotencyKey" in place.path:
        return 3
    return 0 if place.type_name in ("DateTime", "Date", "Int") else 2 if "quantity" in place.path else 1


def _did_something(answer: Any) -> bool:
    results = answer.get("results") or [answer.get("result", {})]
    return any("Refused" not in each.get("__typename", "Refused") for each in results)


def _is_sensible(name: str, place: Place, value: object) -> bool:
    if place.type_name == "String" and value in WORDS:
        return True
    if place.type_name == "String" and value in BLANK and _is_optional(place):
        return True
    if name == "cancelAll":
        return "filter" in place.path  # Orders of what is not there: none.
    return value in SENSIBLE.get(".".join((name, *place.path[1:])), ())


def _is_optional(place: Place) -> bool:
    return place.path[-1] in ("reason", "text") and not is_required_input_field(_input_field(place))


def _input_field(place: Place) -> GraphQLInputField:
    at: Any = get_named_type(_field(place).args[place.path[0]].type)
    for name in place.path[1:-1]:
        at = get_named_type(at.fields[name].type)
    found: GraphQLInputField = at.fields[place.path[-1]]
    return found


async def _withdraw_all(scene: Scene) -> None:
    found = await scene.by.ask("{ approvalRequests(filter: {status: [PENDING]}) { nodes { id maker } } }")
    own = [each["id"] for each in found["approvalRequests"]["nodes"] if "requestsetting" in each["maker"]]
    if own:
        await use(scene.by, "withdraw", {"ids": own, "idempotencyKey": uuid4().hex})


@pytest.mark.parametrize("field", of("Subscription"))
async def test_no_impossible_value_in_a_subscription_is_an_internal_error(
    desk: Desk, ids: dict[str, str], field: str
) -> None:
    caller = desk.caller()
    socket = await caller.socket()
    for place in _places_of(field):
        for value in _values_of(place):
            made = _known(place, value, ids)
            document, variables = _document(place, "subscription", [made])
            operation = await socket.operate(document.replace("a0: ", ""), **variables)
            await socket.round_trip()
            if operation.unread():
                message = await operation.message()
                if message["type"] != "next" or "errors" in message["payload"]:
                    payload = message["payload"]
                    errors = payload if isinstance(payload, list) else payload["errors"]
                    assert not any(map(_is_ours, errors)), (str(place), value, errors)
                    continue
            await operation.stop()


async def test_malformed_json_is_refused_in_every_place(desk: Desk) -> None:
    caller = desk.caller()
    document = "query ($v: CaseFilter) { cases(filter: $v) { totalCount } }"
    for field in ("amountAtLeast", "search", "openedAfter"):
        for raw in RAW:
            body = json.dumps({"query": document, "variables": {"v": {field: "@"}}}).replace('"@"', raw)
            answer = await caller.post(content=body.encode(), headers={"Content-Type": "application/json"})
            assert (answer.status, answer.codes) == (400, ["BAD_REQUEST"]), (field, raw, answer)


def _known(place: Place, value: object, ids: Mapping[str, str]) -> Any:
    """Arguments with what else such an operation needs."""
    known: dict[str, Any] = {}
    if place.field == "whatIf" and "caseId" not in place.path:
        known = {"input": {"accountId": ids["accountId"]}}
    if place.field == "quotes":
        known = {"symbols": [BANK]}
    return arguments(_field(place), known, place, value, ids)


def _batches(values: Sequence[object], most: int = ALIASES_MAX) -> list[list[object]]:
    """As many at once as a document may have aliases, or as errors are listed; a long one alone fills a
    body.
    """
    short = [value for value in values if value is not LONG]
    cut = [list(short[n : n + most]) for n in range(0, len(short), most)]
    return [*cut, [LONG]] if LONG in values else cut


def _document(place: Place, kind: str, made: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
    """One that asks the field once for each of these arguments."""
    field = _field(place)
    declared, asked, variables = [], [], {}
    for number, each in enumerate(made):
        passed = []
        for name, value in each.items():
            variable = f"v{number}_{name}"
            declared.append(f"${variable}: {field.args[name].type}")
            passed.append(f"{name}: ${variable}")
            variables[variable] = value
        asked.append(f"a{number}: {place.field}({', '.join(passed)}) {selection(field.type)}")
    return f"{kind} ({', '.join(declared)}) {{ {' '.join(asked)} }}", variables


async def _ask(caller: Caller, place: Place, kind: str, made: Mapping[str, Any]) -> Any:
    """What it was answered; None: it was refused with an error."""
    document, variables = _document(place, kind, [made])
    answer = await caller.answer(document, **variables)
    _no_fault(answer, place, variables)
    return (answer.body.get("data") or {}).get("a0")


def _written(value: Any, literal: str) -> str:
    if value == "@":
        return literal
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_written(each, literal)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_written(each, literal) for each in value) + "]"
    return json.dumps(value)


def _no_fault(answer: Answer, place: Place, value: object) -> None:
    assert answer.status in (200, 400, 413), (str(place), str(value)[:300], answer)
    assert isinstance(answer.body, dict), (str(place), str(value)[:300], answer)
    errors = answer.body.get("errors", ())
    assert not any(map(_is_ours, errors)), (str(place), str(value)[:600], errors)


def _is_ours(error: Any) -> bool:
    return error["extensions"]["code"] in (
        "INTERNAL",
        "DATABASE_TIMEOUT",
        "DATABASE_UNAVAILABLE",
        "UNREADABLE_DATA",
    )
