"""A desk shortly before 15:45 in New York, when everything that it liquidates by itself falls due at once.

Meanwhile it sends its messages to the clients and tells an endpoint of every case and order. What has to
become of each account is written here; `problems` and `outward_problems` say how far the world is from that.
"""

import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

from rich.console import Console

from desk.case_work.adjust_deadline import AdjustDeadline, adjust_deadline
from desk.case_work.case_command import CaseCommand
from desk.case_work.mark_exception import WithReason, mark_exception
from desk.liquidation.set_auto_liquidation import SetAutoLiquidation, set_auto_liquidation
from desk.outcomes import Done
from domain.canonical import content_hash
from domain.case import CaseStatus
from domain.events import CaseEvent, Event
from domain.ids import AccountId, CaseId, ClientId, Symbol
from domain.margin import AccountType
from domain.message import Contact
from domain.phrase import FollowUpCode
from domain.principal import EVERYTHING, SYSTEM
from domain.snapshot import SnapshotKind, recomputed
from domain.webhook import ALERTS, Webhook, WebhookId, event_name
from gateway.cli.audit_export import verify_audit
from models import outbox
from models.case import live_cases_of
from models.contact import state_contact
from models.snapshot import snapshots_of
from models.sql.codec import event_from_text, loads
from models.sql.database import Database, Row, fetch
from models.webhook import insert_webhook
from tests.integration.crash_checks import (
    Before,
    execution_problems,
    money_problems,
    order_problems,
    order_story,
    outbox_problems,
)
from tests.integration.crash_run import Aftermath, Scene
from tests.kit.desk_kit import APPLE, BOEING, TRADER, Clock, DeskKit
from tests.kit.follow_ups import desk_phrases
from tests.kit.receiver import Receiver
from tests.kit.servers import fresh_database

PREPARED_AT = datetime(2020, 3, 9, 19, 0, tzinfo=UTC)
BEFORE_DUE = datetime(2020, 3, 9, 19, 40, tzinfo=UTC)
DUE = datetime(2020, 3, 9, 19, 45, tzinfo=UTC)
"""The deadline, the time of the selection, and 15 minutes before the close."""
TENCENT = Symbol("00700.HK")
SCENE = Scene(
    (APPLE, BOEING, TENCENT),
    displayed=5_000,
    quote_interval_s=1,
    environment={
        "GATEWAY_LEASE_RENEW_S": "0.5",
        "GATEWAY_AUTO_LIQUIDATION_POLL_S": "0.05",
        "GATEWAY_AUDIT_CHAIN_INTERVAL_S": "0.05",
        "GATEWAY_MESSAGE_AUTOMATIC_CHANNELS": "SMS",
        "GATEWAY_MESSAGE_TIMEOUT_S": "60",
        "GATEWAY_MESSAGE_POLL_INTERVAL_S": "0.05",
        "GATEWAY_MESSAGE_SWEEP_INTERVAL_S": "0.05",
        "GATEWAY_WEBHOOK_POLL_INTERVAL_S": "0.05",
        "GATEWAY_WEBHOOK_ALLOW_HTTP": "true",
        "GATEWAY_WEBHOOK_ALLOW_PRIVATE": "true",
    },
)
_PLANNED = (SnapshotKind.FORCE, "plan 1")
_SOLD = frozenset({(SnapshotKind.TRIGGER, ""), _PLANNED, (SnapshotKind.END, "")})
_OPENED = frozenset({(SnapshotKind.TRIGGER, "")})
_ELIGIBLE = (SnapshotKind.FORCE, "eligible")


@dataclass(frozen=True, slots=True)
class Expected:
    """What becomes of an account's only case. `told`: the code of the desk's only record of it."""

    orders: int
    status: CaseStatus
    told: FollowUpCode
    snapshots: frozenset[tuple[SnapshotKind, str]]
    held: str | None = None


_IS_SOLD = Expected(1, CaseStatus.RESOLVED, FollowUpCode.AUTO_LIQUIDATION_PLACED, _SOLD)
EXPECTED: Mapping[str, Expected] = {
    "DEADLINE": Expected(2, CaseStatus.RESOLVED, FollowUpCode.AUTO_LIQUIDATION_PLACED, _SOLD | {_ELIGIBLE}),
    "CHOSEN-1": _IS_SOLD,
    "CHOSEN-2": _IS_SOLD,
    # It is due when it has to be flat, so that its deadline passes before it is sold.
    "INTRADAY": replace(_IS_SOLD, snapshots=_SOLD | {_ELIGIBLE}),
    "SHORT": Expected(1, CaseStatus.RESOLVED, FollowUpCode.AUTO_LIQUIDATION_PLACED, _SOLD | {_ELIGIBLE}),
    "EXCEPTION": Expected(0, CaseStatus.EXCEPTION, FollowUpCode.AUTO_LIQUIDATION_OFF, _OPENED),
    "SHUT": Expected(0, CaseStatus.OPEN, FollowUpCode.AUTO_LIQUIDATION_WAITS, _OPENED, "MARKET_CLOSED"),
}
"""By account number."""


@dataclass(frozen=True, slots=True)
class AutomaticTemplate:
    """A database in which all of that is about to happen, to be copied for each run."""

    server_url: str
    url: str
    accounts: Mapping[str, Before]


@asynccontextmanager
async def automatic_template(postgres_url: str) -> AsyncIterator[AutomaticTemplate]:
    """Migrated and prepared."""
    async with fresh_database(postgres_url) as url:
        database = Database(url, pool_size=1)
        await database.open()
        await database.migrate()
        with database.active():
            accounts = await _prepare(DeskKit(Clock(PREPARED_AT)))
        await database.close()
        yield AutomaticTemplate(postgres_url, url, accounts)


async def _prepare(kit: DeskKit) -> dict[str, Before]:
    for symbol, market in ((APPLE, "XNYS"), (BOEING, "XNYS"), (TENCENT, "XHKG")):
        await kit.instrument(symbol, market=market)
        await kit.quote(symbol, 100)
    accounts = {
        "DEADLINE": await _account(kit, "DEADLINE", -90_000, {APPLE: 500, BOEING: 500}),
        "CHOSEN-1": await _account(kit, "CHOSEN-1", -75_000, {APPLE: 1000}),
        "CHOSEN-2": await _account(kit, "CHOSEN-2", -75_000, {BOEING: 1000}),
        "INTRADAY": await _account(kit, "INTRADAY", -40_000, {APPLE: 1000}, AccountType.INTRADAY),
        "SHORT": await _account(kit, "SHORT", 90_000, {BOEING: -300}, AccountType.INTRADAY),
        "EXCEPTION": await _account(kit, "EXCEPTION", -75_000, {APPLE: 1000}),
        "SHUT": await _account(kit, "SHUT", -75_000, {TENCENT: 1000}),
    }
    await _set_up(kit, {name: before.case_id for name, before in accounts.items()})
    await _listen(kit)
    return accounts


async def _listen(kit: DeskKit) -> None:
    """Every client can be reached, and an endpoint receives every event from now on."""
    for row in await fetch("SELECT id FROM client"):
        await state_contact(ClientId(row["id"]), Contact(phone="+12025550123"), PREPARED_AT)
    head = await outbox.stream_head()
    endpoint = Webhook(
        WebhookId(uuid4().hex),
        "http://127.0.0.1:9/",
        ALERTS,
        "trader",
        EVERYTHING,
        PREPARED_AT,
        "salt",
        PREPARED_AT,
        head.epoch,
        head.last_offset,
    )
    await insert_webhook(endpoint)


def outward_environment(receiver: Receiver) -> dict[str, str]:
    """Settings: messages lead to this receiver."""
    return {"GATEWAY_MESSAGE_SMS_URL": receiver.url("/sms?:to={to}&+Idempotency-Key={id}", "json")}


async def outward_problems(receiver: Receiver, published: Sequence[bytes]) -> list[str]:
    """What clients and the endpoint were told: everything, and more than once only under the same id."""
    rows = await fetch("SELECT id, status, reason FROM client_message")
    sent = {row["id"] for row in rows if row["status"] == "SENT"}
    arrived = {posted.headers["idempotency-key"] for posted in receiver.at("/sms")}
    found = [f"a message is {row['status']}: {row['reason']}" for row in rows if row["status"] in UNSENT]
    if not sent <= arrived or not arrived <= {row["id"] for row in rows}:
        found.append(f"sent {len(sent)} messages, {len(arrived)} arrived")
    events = [event_from_text(payload) for payload in published]
    due = [event.id for event in events if event_name(event) in ALERTS]
    posted = [each.headers["webhook-id"] for each in receiver.at("/hook")]
    if list(dict.fromkeys(posted)) != due:
        found.append(f"the endpoint was told {len(set(posted))} of {len(due)} events, or in another order")
    return found


UNSENT = ("QUEUED", "FAILED")


async def _account(
    kit: DeskKit,
    name: str,
    cash: int,
    positions: dict[Symbol, int],
    account_type: AccountType = AccountType.MARGIN,
) -> Before:
    account_id = await kit.account(name, cash, positions, account_type)
    await kit.assess(account_id)
    cases = [view.case.id for view in await live_cases_of([account_id])]
    case_id = cases[0] if cases else CaseId("")
    return Before(account_id, case_id, Decimal(cash), {s: Decimal(q) for s, q in positions.items()})


async def _set_up(kit: DeskKit, case_ids: Mapping[str, CaseId]) -> None:
    at_deadline = case_ids["DEADLINE"]
    move = AdjustDeadline(CaseCommand(uuid4().hex, at_deadline, None), DUE, "today")
    moved = await adjust_deadline(kit.desk, TRADER, move)
    assert isinstance(moved, Done), moved
    await _set(kit, [at_deadline], at=None)
    chosen = [case_ids[name] for name in ("CHOSEN-1", "CHOSEN-2", "EXCEPTION", "SHUT")]
    await _set(kit, chosen, at=DUE)
    why = WithReason(CaseCommand(uuid4().hex, case_ids["EXCEPTION"], None), "lawyers")
    marked = await mark_exception(kit.desk, TRADER, why)
    assert isinstance(marked, Done), marked


async def _set(kit: DeskKit, ids: Sequence[CaseId], at: datetime | None) -> None:
    command = SetAutoLiquidation(uuid4().hex, tuple(ids), at, at_deadline=at is None)
    for outcome in await set_auto_liquidation(kit.desk, TRADER, command):
        assert isinstance(outcome, Done), outcome


async def problems(accounts: Mapping[str, Before], left: Aftermath) -> list[str]:
    """What is wrong when everything has ended; needs an active database."""
    orders = await fetch("SELECT * FROM liquidation_order ORDER BY created_at, id")
    events = [event_from_text(payload) for payload in left.published]
    found = [
        *left.resent,
        *order_problems(orders, left.venue),
        *execution_problems(orders, await fetch("SELECT * FROM execution"), left.venue),
        *await outbox_problems(left.published),
        *[problem for order in orders for problem in await order_story(order, events)],
        *await _chain_problems(),
    ]
    for name, before in accounts.items():
        own = [order for order in orders if order["account_id"] == before.account_id]
        told = await _account_problems(before.account_id, EXPECTED[name], own, events)
        found += [f"{name}: {problem}" for problem in told]
        found += [f"{name}: {problem}" for problem in await money_problems(before, orders, left.venue)]
    return found


async def _account_problems(
    account_id: AccountId, expected: Expected, orders: Sequence[Row], events: Sequence[Event]
) -> list[str]:
    cases = await fetch("SELECT * FROM margin_case WHERE account_id = $1", account_id)
    if len(cases) != 1:
        return [f"{len(cases)} cases"]
    (case,) = cases
    found = []
    if len(orders) != expected.orders:
        found.append(f"{len(orders)} orders: {[order['client_order_id'] for order in orders]}")
    if (case["status"], case["auto_liquidate_held"]) != (expected.status, expected.held):
        found.append(f"the case is {case['status']}, held {case['auto_liquidate_held']}")
    if (case["auto_liquidate_at"] is None) != (expected.held is None):
        found.append(f"the setting is {case['auto_liquidate_at']}")
    return [
        *found,
        *await _follow_up_problems(case, expected),
        *await _audit_problems(case, orders),
        *await _snapshot_problems(case, expected),
        *_event_problems(case, events),
    ]


async def _follow_up_problems(case: Row, expected: Expected) -> list[str]:
    """The desk's own follow-up records."""
    said = await desk_phrases(case["id"])
    return [] if [each.code for each in said] == [expected.told] else [f"was told {said}"]


async def _audit_problems(case: Row, orders: Sequence[Row]) -> list[str]:
    """Each order stands in one row, and each run has one answer."""
    rows = await fetch(
        "SELECT actor, detail FROM audit WHERE action = 'liquidate' AND entity_id = $1", case["id"]
    )
    named = [leg["clientOrderId"] for row in rows for leg in loads(row["detail"])["legs"]]
    found = []
    if sorted(named) != sorted(order["client_order_id"] for order in orders):
        found.append(f"the audit names {named}")
    if any(row["actor"] != SYSTEM for row in rows) or len(rows) != bool(orders):
        found.append(f"{len(rows)} audit rows of liquidations")
    answers = await fetch(
        "SELECT id FROM idempotency_item WHERE actor = $1 AND item = $2", SYSTEM, case["id"]
    )
    if len(answers) != bool(orders):
        found.append(f"{len(answers)} stored answers")
    return found


async def _snapshot_problems(case: Row, expected: Expected) -> list[str]:
    """Every moment that counts has one, and it is what its inputs and its hash say."""
    taken = await snapshots_of([CaseId(case["id"])], list(SnapshotKind))
    moments = [(each.kind, each.occasion) for each in taken if each.kind is not SnapshotKind.NOTICE]
    found = []
    if len(moments) != len(set(moments)) or set(moments) != expected.snapshots:
        found.append(f"snapshots {moments}")
    for each in taken:
        content = each.decoded()
        if content_hash(each.content) != each.hash or recomputed(content.inputs) != content.outputs:
            found.append(f"the snapshot {each.kind} {each.occasion} does not follow from its inputs")
    return found


def _event_problems(case: Row, events: Sequence[Event]) -> list[str]:
    """The last event tells what the case is, and none goes back."""
    told = [
        each.view.case for each in events if isinstance(each, CaseEvent) and each.view.case.id == case["id"]
    ]
    if not told or (told[-1].status, told[-1].version) != (case["status"], case["version"]):
        return ["the last event is not of the case as it is"]
    versions = [each.version for each in told]
    return [] if versions == sorted(versions) else [f"versions {versions} were told"]


async def _chain_problems() -> list[str]:
    text = io.StringIO()
    whole = await verify_audit(Console(file=text), None, lambda *_: None)
    return [] if whole else [text.getvalue()]


DONE_SQL = (
    "SELECT (SELECT COUNT(*) FROM liquidation_order"
    " WHERE status NOT IN ('FILLED', 'CANCELED', 'REJECTED', 'EXPIRED')) AS open,"
    " (SELECT COUNT(*) FROM margin_case WHERE status = 'RESOLVED') AS resolved,"
    " (SELECT COUNT(*) FROM margin_case WHERE status IN ('OPEN', 'LIQUIDATING')"
    "  AND auto_liquidate_held IS NULL) AS waiting,"
    " (SELECT COUNT(*) FROM margin_case WHERE status = 'EXCEPTION'"
    "  AND auto_liquidate_at IS NOT NULL) AS undecided,"
    " (SELECT COUNT(*) FROM outbox WHERE stream_offset IS NULL) AS unpublished,"
    " (SELECT COUNT(*) FROM outbox) AS events,"
    " (SELECT COUNT(*) FROM client_message WHERE status = 'QUEUED') AS unsent,"
    " (SELECT COUNT(*) FROM margin_case c WHERE c.status = 'RESOLVED' AND EXISTS (SELECT 1 FROM"
    "  client_message m WHERE m.case_id = c.id AND m.status = 'SENT') AND NOT EXISTS (SELECT 1 FROM"
    "  client_message m WHERE m.automatic_key = CAST(c.id AS TEXT) || ':cured')) AS untold,"
    " (SELECT COUNT(*) FROM webhook w JOIN stream s ON s.last_offset <> w.stream_offset) AS behind,"
    " (SELECT COUNT(*) FROM audit) - (SELECT COUNT(*) FROM audit_link) AS unchained"
)
"""When nothing of this is left, everything has ended; the desk is patient, the harness is not."""
RESOLVED = sum(expected.status is CaseStatus.RESOLVED for expected in EXPECTED.values())
