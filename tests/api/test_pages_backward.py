"""`last` and `before`: every list of the schema read from its end, and where rows are beyond a page."""

from typing import Any

import pytest
import pytest_asyncio
from graphql import GraphQLNonNull, GraphQLObjectType, get_named_type

from domain.principal import Permission
from tests.api.a_full_desk import a_full_desk
from tests.api.trading import try_to_liquidate
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World
from tests.kit.executing import SCHEMA

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.both_stacks]

INFO = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
REPORTS = 'from: "2020-01-01T00:00:00Z", to: "2020-12-31T00:00:00Z", '
NESTED = {
    "followUps": "cases(last: 1) {{ nodes {{ followUps{page} }} }}",
    "deadlineChanges": "cases(last: 1) {{ nodes {{ deadlineChanges{page} }} }}",
    "orders": "cases(last: 1) {{ nodes {{ orders{page} }} }}",
    "snapshots": "cases(last: 1) {{ nodes {{ snapshots{page} }} }}",
    "messages": "cases(last: 1) {{ nodes {{ messages{page} }} }}",
    "positions": "accounts(last: 1) {{ nodes {{ positions{page} }} }}",
}


PERIOD = {"from", "to"}
assert SCHEMA.query_type is not None
ROOT = SCHEMA.query_type.fields


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(shared_world: World) -> Desk:
    desk = await a_full_desk(shared_world, waves=2)
    caller = desk.caller()
    found = (await caller.ask("{ cases(first: 12) { nodes { id } } }"))["cases"]["nodes"]
    assert (await try_to_liquidate(caller, [{"caseId": node["id"]} for node in found])).data
    return desk


@pytest.fixture
def caller(desk: Desk) -> Caller:
    return desk.caller(*Permission)


def lists() -> list[str]:
    """The root fields that are lists and need no argument, or a period."""
    return [
        name
        for name, field in ROOT.items()
        if str(get_named_type(field.type)).endswith("Connection")
        and {name for name, each in field.args.items() if isinstance(each.type, GraphQLNonNull)} <= PERIOD
    ]


async def page(caller: Caller, name: str, arguments: str) -> Any:
    needs = REPORTS if set(ROOT[name].args) >= PERIOD else ""
    text = f"{{ {name}({needs}{arguments}) {{ edges {{ cursor }} {INFO} }} }}"
    found = (await caller.ask(text))[name]
    return found | {"cursors": [edge["cursor"] for edge in found["edges"]]}


async def forward(caller: Caller, name: str) -> list[str]:
    found: list[str] = []
    after = ""
    while True:
        read = await page(caller, name, f"first: 100 {after}")
        found += read["cursors"]
        assert read["pageInfo"]["hasPreviousPage"] is bool(after)
        if not read["pageInfo"]["hasNextPage"]:
            return found
        after = f'after: "{read["pageInfo"]["endCursor"]}"'


async def test_every_list_is_read_from_its_end_as_from_its_beginning(caller: Caller) -> None:
    lengths = {}
    for name in lists():
        whole = await forward(caller, name)
        lengths[name] = len(whole)
        found: list[str] = []
        before = ""
        while True:
            read = await page(caller, name, f"last: 7 {before}")
            found = read["cursors"] + found
            assert read["pageInfo"]["hasNextPage"] is bool(before)
            if not read["pageInfo"]["hasPreviousPage"]:
                break
            before = f'before: "{read["pageInfo"]["startCursor"]}"'
        # Of the audit trail, newer entries may have come meanwhile.
        assert found[len(found) - len(whole) :] == whole, name
    assert lengths["cases"] == 20
    assert {"cases", "orders", "clients", "accounts", "auditTrail", "marginRecords"} <= {
        name for name, length in lengths.items() if length > 7
    }


async def test_every_connection_of_the_schema_is_read_in_both_directions() -> None:
    connections = [
        (type_.name, name, field)
        for type_ in SCHEMA.type_map.values()
        if isinstance(type_, GraphQLObjectType)
        for name, field in type_.fields.items()
        if str(get_named_type(field.type)).endswith("Connection")
    ]
    assert len(connections) > 25
    for owner, name, field in connections:
        # The arguments of bookWhatIf are those of its accounts.
        if (owner, name) != ("BookWhatIf", "accounts"):
            assert {"first", "after", "last", "before"} <= set(field.args), (owner, name)


async def test_nested_lists_are_read_from_their_end(caller: Caller) -> None:
    for name, document in NESTED.items():
        whole = await nested(caller, document, "(first: 100)")
        assert whole or name not in ("snapshots", "positions"), name
        assert await nested(caller, document, "(last: 100)") == whole
        assert await nested(caller, document, "(last: 1)") == whole[-1:]
        if len(whole) > 1:
            assert await nested(caller, document, f'(last: 1, before: "{whole[-1]}")') == whole[-2:-1]


async def nested(caller: Caller, document: str, arguments: str) -> list[str]:
    text = document.format(page=f"{arguments} {{ edges {{ cursor }} }}")
    found: Any = await caller.ask(f"{{ {text} }}")
    while "edges" not in found:
        found = found[0] if isinstance(found, list) else next(iter(found.values()))
    return [edge["cursor"] for edge in found["edges"]]


async def test_after_a_cursor_rows_precede_the_page_if_there_are_any(caller: Caller) -> None:
    first, second, *_ = (await page(caller, "clients", "first: 3"))["cursors"]
    between = await page(caller, "clients", f'first: 3, after: "{first}", before: "{second}"')
    assert between["cursors"] == []
    assert between["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": True,
        "startCursor": None,
        "endCursor": None,
    }
    assert (await page(caller, "clients", "first: 3"))["pageInfo"]["hasPreviousPage"] is False


async def test_both_sizes_at_once_are_refused_and_relays_null_is_none(caller: Caller) -> None:
    for field in ("cases", "orders", "clients"):
        both = await caller.answer(f"{{ {field}(first: 1, last: 1) {{ totalCount }} }}")
        assert both.codes == ["BAD_USER_INPUT"]
        for last in (0, -1, 101):
            assert (await caller.answer(f"{{ {field}(last: {last}) {{ totalCount }} }}")).codes == [
                "BAD_USER_INPUT"
            ]
    relay = """query ($first: Int, $after: String, $last: Int, $before: String) {
        clients(first: $first, after: $after, last: $last, before: $before) { nodes { clientNo } } }"""
    newest = (await caller.ask(relay, first=None, after=None, last=2))["clients"]["nodes"]
    assert newest == (await caller.ask(relay))["clients"]["nodes"][-2:]


async def test_a_cursor_of_another_list_is_refused_as_the_end_too(caller: Caller) -> None:
    (cursor,) = (await page(caller, "clients", "first: 1"))["cursors"]
    for bad in (cursor, "AAAA", ""):
        text = f'{{ cases(last: 1, before: "{bad}") {{ totalCount }} }}'
        assert (await caller.answer(text)).codes == ["CURSOR_INVALID"]
