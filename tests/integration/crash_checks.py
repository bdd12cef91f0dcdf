"""What must hold after any crash between accepting a liquidation and recording its fills.

`check` takes the database, the venue's journal and the bus as they are when all orders have ended, and says
everything that is wrong.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby, pairwise
from pathlib import Path

from desk.context import DeskContext
from domain.booking import cash_effect
from domain.case import CaseStatus
from domain.events import CaseEvent, Event, OrderEvent
from domain.execution import ExecType, ExecutionReport
from domain.ids import AccountId, CaseId, OrderId, Symbol
from domain.margin import compute_figures
from domain.money import total
from domain.order import OrderSide, OrderStatus
from models.book import load_books
from models.market import load_instruments
from models.sql.codec import event_from_text
from models.sql.database import Row, fetch, fetch_one
from tests.kit.desk_kit import case, cash_of, position_of
from venues.base import NewOrder
from venues.paper_journal import FileJournal, Header


@dataclass(frozen=True, slots=True)
class Before:
    """The account before the liquidation."""

    account_id: AccountId
    case_id: CaseId
    cash: Decimal
    positions: dict[Symbol, Decimal]


@dataclass(frozen=True, slots=True)
class VenueJournal:
    """What the venue's journal says."""

    orders: tuple[NewOrder, ...]
    reports: tuple[ExecutionReport, ...]


def read_journal(path: Path) -> VenueJournal:
    """Everything that the paper venue ever wrote; it is not running."""
    journal = FileJournal(path, Header("PAPER", ""), fsync=False)
    steps = journal.load()
    journal.close()
    return VenueJournal(
        tuple(step.order for step in steps if step.order is not None),
        tuple(report for step in steps for report in step.reports),
    )


async def check(
    desk: DeskContext,
    before: Before,
    answered: Sequence[OrderId],
    venue: VenueJournal,
    published: Sequence[bytes],
) -> list[str]:
    """What is wrong; needs an active database."""
    orders = await fetch("SELECT * FROM liquidation_order ORDER BY created_at, id")
    executions = await fetch("SELECT * FROM execution")
    events = [event_from_text(payload) for payload in published]
    return [
        *_answers(orders, answered),
        *order_problems(orders, venue),
        *execution_problems(orders, executions, venue),
        *await money_problems(before, orders, venue),
        *await _case(desk, before),
        *await outbox_problems(published),
        *_case_story(events, before.case_id),
        *[problem for order in orders for problem in await order_story(order, events)],
    ]


def _answers(orders: Sequence[Row], answered: Sequence[OrderId]) -> Iterator[str]:
    if {order["id"] for order in orders} != set(answered) or len(orders) != len(answered):
        yield f"{len(orders)} orders are stored, {len(answered)} were answered"


def order_problems(orders: Sequence[Row], venue: VenueJournal) -> Iterator[str]:
    """The venue took every stored order once and filled it, and took no other."""
    taken = Counter(order.client_order_id for order in venue.orders)
    for name in taken.keys() | {order["client_order_id"] for order in orders}:
        if taken[name] != 1:
            yield f"the venue took {name} {taken[name]} times"
    for order in orders:
        if order["status"] != OrderStatus.FILLED:
            yield f"{order['client_order_id']} is {order['status']}"


def execution_problems(
    orders: Sequence[Row], executions: Sequence[Row], venue: VenueJournal
) -> Iterator[str]:
    """What the venue said is what is stored, each report once."""
    recorded = Counter(row["execution_id"] for row in executions)
    said = Counter(report.execution_id for report in venue.reports)
    if recorded != said:
        yield f"recorded {recorded - said} too many, {said - recorded} too few"
    for order in orders:
        at_venue = total(
            report.last_quantity
            for report in venue.reports
            if report.client_order_id == order["client_order_id"]
        )
        booked = total(Decimal(row["quantity"]) for row in executions if row["order_id"] == order["id"])
        if not at_venue == booked == Decimal(order["filled_quantity"]):
            yield f"filled at the venue {at_venue}, executions {booked}, order {order['filled_quantity']}"


async def money_problems(before: Before, orders: Sequence[Row], venue: VenueJournal) -> list[str]:
    """Cash and positions of the account are what the fills at the venue make of them."""
    instruments = await load_instruments()
    own = {order["client_order_id"] for order in orders if order["account_id"] == before.account_id}
    sold = {order.client_order_id: order for order in venue.orders if order.client_order_id in own}
    cash, positions = before.cash, dict(before.positions)
    for report in venue.reports:
        if report.exec_type is ExecType.TRADE and report.client_order_id in own:
            order = sold[report.client_order_id]
            selling = order.side is OrderSide.SELL
            signed = report.last_quantity.copy_negate() if selling else report.last_quantity
            symbol = order.instrument.symbol
            positions[symbol] += signed
            cash += cash_effect(instruments[symbol], signed, report.last_price, report.fee)
    problems = []
    if await cash_of(before.account_id) != cash:
        problems.append(f"cash is {await cash_of(before.account_id)}, not {cash}")
    for symbol, quantity in positions.items():
        if await position_of(before.account_id, symbol) != quantity:
            problems.append(f"{symbol} is {await position_of(before.account_id, symbol)}, not {quantity}")
    return problems


async def _case(desk: DeskContext, before: Before) -> list[str]:
    now = desk.clock()
    book = (await load_books([before.account_id], desk.policy.books, now))[before.account_id].book
    owed = compute_figures(book, now, desk.policy.max_price_age).amount
    expected = CaseStatus.OPEN if owed else CaseStatus.RESOLVED
    found = (await case(before.case_id)).case
    return [] if found.status is expected else [f"the case is {found.status} with {owed} owed"]


async def outbox_problems(published: Sequence[bytes]) -> list[str]:
    """What is stored was published, in order and without a gap."""
    rows = await fetch("SELECT payload, stream_offset, event_id FROM outbox ORDER BY stream_offset")
    head = await fetch_one("SELECT last_offset FROM stream")
    assert head is not None
    problems = []
    if [row["stream_offset"] for row in rows] != list(range(1, head["last_offset"] + 1)):
        problems.append(f"the outbox has offsets {[row['stream_offset'] for row in rows]}")
    if [row["payload"].encode() for row in rows] != list(published):
        problems.append(f"{len(rows)} events are stored, {len(published)} published, or in another order")
    return problems


def _case_story(events: Sequence[Event], case_id: CaseId) -> Iterator[str]:
    """Every event of the case goes on where the one before it ended."""
    told = [event for event in events if isinstance(event, CaseEvent) and event.view.case.id == case_id]
    for earlier, later in pairwise(told):
        if later.previous_status is not earlier.view.case.status:
            yield f"case event {later.kind} comes from {later.previous_status}"
    statuses = [event.view.case.status for event in told if event.previous_status != event.view.case.status]
    if statuses[:2] != [CaseStatus.OPEN, CaseStatus.LIQUIDATING] or len(statuses) != 3:
        yield f"the case's events tell of {statuses}"


async def order_story(order: Row, events: Sequence[Event]) -> list[str]:
    """The events tell the order's stored history, each step once, and each fill once."""
    told = [e for e in events if isinstance(e, OrderEvent) and e.view.order.id == order["id"]]
    problems = [
        f"an event of {order['client_order_id']} comes from {later.previous_status}"
        for earlier, later in pairwise(told)
        if later.previous_status is not earlier.view.order.status
    ]
    changes = await fetch("SELECT status FROM order_change WHERE order_id = $1 ORDER BY id", order["id"])
    steps = [e.view.order.status for e in told if e.previous_status is not e.view.order.status]
    # A cancel that was asked for, or refused, stands in the history under a status that may stay.
    stored = [OrderStatus(status) for status, _ in groupby(change["status"] for change in changes)]
    if steps != stored:
        problems.append(f"{order['client_order_id']}: told {steps}, stored {stored}")
    fills = [e.fill.execution_id for e in told if e.fill is not None]
    trades = await fetch(
        "SELECT execution_id FROM execution WHERE order_id = $1 AND exec_type = 'TRADE'", order["id"]
    )
    if sorted(fills) != sorted(row["execution_id"] for row in trades):
        problems.append(f"{order['client_order_id']}: fills {fills} were told")
    return problems
