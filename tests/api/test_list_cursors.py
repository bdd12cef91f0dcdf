"""List cursors: each is good for one list, filter and order, and cannot be bent into anything else."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.api.test_lists import CLIENTS, ORDERS, PAGE
from tests.api.trading import cases
from tests.kit.book_files import a_book, a_client, owing, quotes
from tests.kit.desk_client import Caller
from tests.kit.desk_server import World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.both_stacks]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trader(shared_world: World) -> Caller:
    """Who sees one case."""
    desk = await shared_world.desk(a_book(a_client("C1", owing("M1"))))
    trader = desk.caller()
    await shared_world.market.says(*quotes(shared_world.clock()))

    async def is_open() -> bool:
        return bool(await cases(trader))

    await desk.until(is_open, "the case to open")
    return trader


@pytest.mark.parametrize("first", [0, -1, 101])
async def test_a_page_of_no_size_is_an_error(trader: Caller, first: int) -> None:
    for document in (PAGE, ORDERS, CLIENTS):
        assert (await trader.answer(document, first=first)).codes == ["BAD_USER_INPUT"]


def _tampered(cursor: str, key: list[Any]) -> str:
    version, scope, *_ = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return urlsafe_b64encode(orjson.dumps([version, scope, *key])).decode().rstrip("=")


TIME, ID = "t2020-03-16T04:00:00+00:00", "s0"
BAD_KEYS: dict[str, list[Any]] = {
    "no key": [],
    "a key too few": [TIME],
    "a key too many": [TIME, ID, ID],
    "keys in another order": [ID, TIME],
    "a NUL": [TIME, "s\x00"],
    "no time": ["tnow", ID],
    "a naive time": ["t2020-03-16T04:00:00", ID],
    "a time before all time": ["t0001-01-01T00:00:00+14:00", ID],
    "a number": [7, ID],
    "an object": [{}, ID],
    "a list in place of a text": [TIME, ["s", "0"]],
    "a list in place of a time": [["t", TIME[1:]], ID],
    "an amount": ["d7", ID],
    "an unknown kind": ["x7", ID],
    "an empty text": ["", ID],
}


@pytest.mark.parametrize("name", BAD_KEYS)
async def test_a_tampered_cursor_is_refused(trader: Caller, name: str) -> None:
    cursor = (await trader.ask(PAGE, first=1))["cases"]["pageInfo"]["endCursor"]
    answer = await trader.answer(PAGE, first=1, after=_tampered(cursor, BAD_KEYS[name]))
    assert answer.codes == ["CURSOR_INVALID"]


async def test_a_cursor_of_another_list_order_or_filter_is_refused(trader: Caller) -> None:
    cursor = (await trader.ask(PAGE, first=1))["cases"]["pageInfo"]["endCursor"]
    by_amount = {"orderBy": {"field": "AMOUNT"}}
    amounts = (await trader.ask(PAGE, first=1, **by_amount))["cases"]["pageInfo"]["endCursor"]
    for amount in ("dNaN", "d1e400", "d-Infinity", "d"):
        tampered = _tampered(amounts, ["b0", amount, ID])
        assert (await trader.answer(PAGE, first=1, after=tampered, **by_amount)).codes == ["CURSOR_INVALID"]
    for unknown in ("b2", "b", "i1", f"i{'9' * 18}", ["b", "1"]):
        tampered = _tampered(amounts, [unknown, "d1", ID])
        assert (await trader.answer(PAGE, first=1, after=tampered, **by_amount)).codes == ["CURSOR_INVALID"]
    elsewhere: list[tuple[str, dict[str, Any]]] = [
        (ORDERS, {}),
        (CLIENTS, {}),
        (PAGE, by_amount),
        (PAGE, {"orderBy": {"direction": "ASC"}}),
        (PAGE, {"filter": {"symbol": "1.HK"}}),
    ]
    for document, variables in elsewhere:
        answer = await trader.answer(document, first=1, after=cursor, **variables)
        assert answer.codes == ["CURSOR_INVALID"], variables
    for garbage in (
        "",
        "x",
        "%%%",
        "\U0001f4a5",
        cursor[:-4],
        cursor + "AAAA",
        "bnVsbA",
        "W10",
        "x" * 90_000,
    ):
        assert (await trader.answer(PAGE, first=1, after=garbage)).codes == ["CURSOR_INVALID"], garbage[:20]
