"""Accounts that the desk cannot judge are listed with the reason, counted, and accepted by a person."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from domain.doubt import DoubtReason
from domain.principal import Permission
from gateway.workers.term import LEASE
from models.lease import acquire_lease
from models.sql.database import Database
from tests.api.doubts import UNWATCHED, noted, unwatched
from tests.kit.book_files import APPLE, a_book, a_client, an_account, an_instrument
from tests.kit.desk_client import Caller
from tests.kit.desk_server import Desk, World, scraped

ACCEPT = """mutation ($input: AcceptIncompleteInput!) { acceptIncomplete(input: $input) { result {
  __typename
  ... on AcceptIncompleteRefused { code message }
  ... on IncompleteAccepted { account { accountNo doubts { reason subject } } } } } }"""


async def a_desk(world: World) -> Desk:
    """One that does not lead: no round of the desk ends a doubt by itself."""
    await another_process_leads(world)
    clients = [a_client(f"C-{no}", an_account(no, "0", {APPLE: 1})) for no in ("A1", "A2", "A3")]
    return await world.desk(a_book(*clients, instruments=(an_instrument(APPLE),)))


async def another_process_leads(world: World) -> None:
    database = Database(world.database_url, pool_size=1)
    await database.open()
    with database.active():
        lease = await acquire_lease(LEASE, "another process", timedelta(days=1))
    await database.close()
    assert lease is not None


async def accept(caller: Caller, account_id: str, *subjects: str, key: str = "") -> Any:
    asked = {"accountId": account_id, "subjects": list(subjects), "reason": "settled by telephone"}
    answer = await caller.ask(ACCEPT, input=asked | {"idempotencyKey": key or uuid4().hex})
    return answer["acceptIncomplete"]["result"]


async def test_accounts_in_doubt_are_listed_the_longest_first_and_counted(world: World) -> None:
    desk = await a_desk(world)
    trader = desk.caller()
    assert await unwatched(trader) == {}
    await noted(desk, "A2", DoubtReason.UNKNOWN_CALENDAR)
    desk.clock.advance(minutes=1)
    await noted(desk, "A1", DoubtReason.INCOMPLETE, "NEW.US")
    desk.clock.advance(minutes=1)
    await noted(desk, "A1", DoubtReason.UNKNOWN_CALENDAR, "XNOW")
    everything = {
        "A2": [("UNKNOWN_CALENDAR", "")],
        "A1": [("INCOMPLETE", "NEW.US"), ("UNKNOWN_CALENDAR", "XNOW")],
    }
    assert list((await unwatched(trader)).items()) == list(everything.items())
    assert list(await unwatched(trader, reason=["TOO_LARGE", "INCOMPLETE"])) == ["A1"]
    assert list(await unwatched(trader, accountNo="A2")) == ["A2"]
    assert await unwatched(trader, reason=["TOO_LARGE"]) == {}
    assert list(await unwatched(desk.caller(accounts=["A1"]))) == ["A1"]
    first = (await trader.ask(UNWATCHED, first=1))["unwatched"]
    second = (await trader.ask(UNWATCHED, first=1, after=first["pageInfo"]["endCursor"]))["unwatched"]
    assert [page["nodes"][0]["account"]["accountNo"] for page in (first, second)] == ["A2", "A1"]
    counted = await scraped(desk)
    assert counted['desk_unwatched_accounts{reason="INCOMPLETE"}'] == 1
    assert counted['desk_unwatched_accounts{reason="TOO_LARGE"}'] == 0


async def test_a_doubt_that_is_met_again_keeps_its_beginning_and_is_counted(world: World) -> None:
    desk = await a_desk(world)
    began = desk.clock()
    await noted(desk, "A1", DoubtReason.INCOMPLETE, "NEW.US")
    desk.clock.advance(minutes=1)
    await noted(desk, "A1", DoubtReason.INCOMPLETE, "NEW.US")
    (node,) = (await desk.caller().ask(UNWATCHED))["unwatched"]["nodes"]
    (doubt,) = node["doubts"]
    assert doubt["attempts"] == 2
    assert doubt["since"] == node["since"] == _text(began)
    assert doubt["lastSeenAt"] == _text(began + timedelta(minutes=1))


async def test_acceptance_covers_only_the_named_doubts(world: World) -> None:
    desk = await a_desk(world)
    trader = desk.caller()
    account_id = await noted(desk, "A1", DoubtReason.INCOMPLETE, "NEW.US")
    await noted(desk, "A1", DoubtReason.INCOMPLETE, "OTHER.US")
    await noted(desk, "A1", DoubtReason.UNKNOWN_CALENDAR)
    assert (await accept(trader, account_id, "NEW.US", "UNSEEN.US"))["code"] == "NOT_INCOMPLETE"
    assert (await accept(trader, account_id, ""))["code"] == "NOT_INCOMPLETE"
    outside = desk.caller(accounts=["A2"])
    assert (await accept(outside, account_id, "NEW.US"))["code"] == "NOT_FOUND"
    operator = desk.caller(Permission.RISK_WARNING_OPERATOR)
    assert (await accept(operator, account_id, "NEW.US"))["code"] == "FORBIDDEN"
    accepted = await accept(trader, account_id, "NEW.US", key="once")
    assert accepted["__typename"] == "IncompleteAccepted"
    left = [("INCOMPLETE", "OTHER.US"), ("UNKNOWN_CALENDAR", "")]
    assert (await unwatched(trader))["A1"] == left
    assert (await accept(trader, account_id, "NEW.US", key="once"))["__typename"] == "IncompleteAccepted"
    (entry,) = await desk.rows("SELECT * FROM audit WHERE action = 'acceptIncomplete'")
    assert "NEW.US" in entry["before_state"]
    assert "settled by telephone" in entry["detail"]


def _text(at: Any) -> str:
    return str(at.isoformat()).replace("+00:00", "Z")
