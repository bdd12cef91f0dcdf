"""The daily margin record and the liquidation report, row by row, from the snapshots, orders and fills.

Nothing is stored here: a report of an old period has the same result, since its sources never change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import structlog

from domain.case import RECOVERY_ALERTS, Case, CaseCloseReason
from domain.cure import CureParts, MetBy, cure_parts, how_met, passing_symbols, seconds_between
from domain.events import AccountReference, CaseView
from domain.ids import CaseId, OrderId, Symbol
from domain.margin import Book, Holding, rate_to_base
from domain.money import Currency, divide_ratio, exact, round_money, total
from domain.order import Order, OrderSide, plan_of
from domain.principal import MASKED, Audience, Capability
from domain.reporting import counted_amount
from domain.snapshot import SnapshotInputs, SnapshotKind
from models.order import orders_of_cases
from models.report import (
    EarlierCall,
    Period,
    RecordedFill,
    calls_beside,
    fills_during,
    marks_at_send,
    page_called,
    page_liquidated,
)
from models.snapshot import StoredSnapshot, snapshots_of
from models.sql.where import Page, PageRequest

log = structlog.get_logger()

_ERROR_CHARACTERS = 200
_ENDS = (SnapshotKind.TRIGGER, SnapshotKind.END)


@dataclass(frozen=True, slots=True)
class MarginRecord:
    """One required margin: the account, the amount, the deadline, and when and how it was met."""

    view: CaseView
    client_name: str
    met_at: datetime | None
    """Since when the account owed nothing, or when the case was closed otherwise; None while it is live."""
    met_by: tuple[MetBy, ...]
    parts: CureParts | None
    """None while the case is live, and for a case without snapshots."""
    counted_amount: Decimal
    """The part of the amount at the trigger that no other call of the account demanded then."""
    evidence_missing: bool
    """The case is closed, and a snapshot or fill that shows how it was met is missing or cannot be read."""


@dataclass(frozen=True, slots=True)
class LiquidationLeg:
    """One order compared with the market. Money is in the instrument's currency; above 0 is a loss."""

    order: Order
    currency: Currency | None
    mark_at_decision: Decimal | None
    mark_at_send: Decimal | None
    slippage_at_decision: Decimal | None
    slippage_at_send: Decimal | None
    slippage_ratio: Decimal | None
    """Slippage against the mark at the decision, as a fraction of the value traded at that mark."""
    base_slippage: Decimal | None
    """Slippage against the decision's mark, in base currency at the decision's rate."""


@dataclass(frozen=True, slots=True)
class LiquidationRecord:
    """The liquidation of one case."""

    view: CaseView
    client_name: str
    legs: tuple[LiquidationLeg, ...]
    base_slippage: Decimal | None
    over_liquidated: Decimal | None
    """The part of the relief from the sales that the cure did not need; None while the case is live, and for
    one that demands stock.
    """
    seconds_to_cure: int | None
    """Whole seconds from the first order until nothing was owed; None if nothing was owed before it already,
    as for a sale ordered with an override.
    """
    evidence_missing: bool
    """A snapshot or fill on which some of the record depends is missing or cannot be read."""


async def margin_records(audience: Audience, period: Period, request: PageRequest) -> Page[MarginRecord]:
    """Records of the cases opened in the period, oldest first."""
    page = await page_called(audience, period, request)
    cured = await _cures(page.rows)
    beside = await calls_beside([view.case for view in page.rows])
    records = [_record(audience, view, cured.get(view.case.id), beside) for view in page.rows]
    return Page(records, page.more)


async def liquidation_records(
    audience: Audience, period: Period, request: PageRequest
) -> Page[LiquidationRecord]:
    """Records of the cases with orders recorded in the period, each with all of its orders."""
    page = await page_liquidated(audience, period, request)
    ids = [view.case.id for view in page.rows]
    cured = await _cures(page.rows)
    orders = await orders_of_cases(ids)
    decisions = {
        (each.case_id, each.occasion): inputs
        for each in await snapshots_of(ids, [SnapshotKind.FORCE])
        if (inputs := _inputs_of(each)) is not None
    }
    marks = await marks_at_send([order.id for each in orders.values() for order in each])
    records = [
        _liquidation(audience, view, orders[view.case.id], decisions, marks, cured.get(view.case.id))
        for view in page.rows
        if view.case.id in orders
    ]
    return Page(records, page.more)


async def _cures(views: Sequence[CaseView]) -> dict[CaseId, CureParts]:
    """How each case was met: of closed cases with both snapshots, whose fills can all be read."""
    closed = [view.case for view in views if not view.case.live]
    inputs_of = {
        (each.case_id, each.kind): inputs
        for each in await snapshots_of([case.id for case in closed], _ENDS)
        if (inputs := _inputs_of(each)) is not None
    }
    fills = await fills_during(closed)
    stretches = []
    for case in closed:
        before, after = (inputs_of.get((case.id, kind)) for kind in _ENDS)
        if before is not None and after is not None and case.account_id in fills:
            between = _between(case, fills[case.account_id], before, after)
            stretches.append(_Stretch(case.id, before.book, after.book, between))
    sold = await _sold_in_passing(stretches)
    return {each.case_id: parts for each in stretches if (parts := _parts(each, sold)) is not None}


@dataclass(frozen=True, slots=True)
class _Stretch:
    """One case: the books at its trigger and its end, and the fills between them."""

    case_id: CaseId
    before: Book
    after: Book
    between: Sequence[RecordedFill]

    @property
    def passing(self) -> set[tuple[CaseId, Symbol]]:
        """Instruments sold for a case that are in neither book."""
        symbols = passing_symbols(self.before, self.after, [each.fill for each in self.between])
        return {(each.case_id, each.fill.symbol) for each in self.between if each.fill.symbol in symbols}


async def _sold_in_passing(stretches: Sequence[_Stretch]) -> dict[tuple[CaseId, Symbol], Holding]:
    """Those holdings as in the snapshots of the decisions to sell."""
    keys = {key for each in stretches for key in each.passing}
    holdings = {}
    for snapshot in await snapshots_of(sorted({case_id for case_id, _ in keys}), [SnapshotKind.FORCE]):
        inputs = _inputs_of(snapshot)
        for held in inputs.book.holdings if inputs is not None else ():
            holdings[snapshot.case_id, held.instrument.symbol] = held
    return {key: holdings[key] for key in keys if key in holdings}


def _parts(stretch: _Stretch, sold: Mapping[tuple[CaseId, Symbol], Holding]) -> CureParts | None:
    """None if the value of something sold is unknown, because its snapshot cannot be read."""
    if not stretch.passing <= sold.keys():
        return None
    passing = [sold[key] for key in sorted(stretch.passing)]
    fills = [each.fill for each in stretch.between]
    return cure_parts(stretch.before, stretch.after, fills, passing)


def _inputs_of(snapshot: StoredSnapshot) -> SnapshotInputs | None:
    """None if they cannot be read: the row of that case then lacks the figures that depend on them."""
    try:
        return snapshot.decoded().inputs
    except ValueError as unreadable:
        log.warning(
            "a snapshot cannot be read: the report omits its figures",
            case=snapshot.case_id,
            snapshot=snapshot.id,
            error=str(unreadable)[:_ERROR_CHARACTERS],
        )
        return None


def _between(
    case: Case, fills: Sequence[RecordedFill], before: SnapshotInputs, after: SnapshotInputs
) -> list[RecordedFill]:
    """The account's fills between both moments; fills of the case itself count even at the very moment."""
    return [
        each
        for each in fills
        if each.recorded_at <= after.as_of and (each.case_id == case.id or each.recorded_at > before.as_of)
    ]


def _record(
    audience: Audience, view: CaseView, parts: CureParts | None, beside: Sequence[EarlierCall]
) -> MarginRecord:
    case = view.case
    met_at = case.cured_since if case.close_reason is CaseCloseReason.CURED else case.closed_at
    met_by = how_met(case.close_reason, parts)
    demanded_already = (each.amount_at_open for each in beside if each.is_open_at(case))
    whole = parts.in_whole_units(view.account.base_currency) if parts is not None else None
    return MarginRecord(
        view,
        _name(audience, view.account),
        None if case.live else met_at,
        met_by,
        whole,
        counted_amount(case.amount_at_open, demanded_already),
        evidence_missing=not case.live and parts is None,
    )


def _liquidation(
    audience: Audience,
    view: CaseView,
    orders: Sequence[Order],
    decisions: dict[tuple[CaseId, str], SnapshotInputs],
    marks: dict[OrderId, Decimal | None],
    parts: CureParts | None,
) -> LiquidationRecord:
    case, base = view.case, view.account.base_currency
    legs = tuple(
        _leg(order, decisions.get((case.id, f"plan {plan_of(order.client_order_id)}")), marks.get(order.id))
        for order in orders
    )
    for_money = case.alert_type not in RECOVERY_ALERTS
    slippages = [leg.base_slippage for leg in legs if leg.order.filled_quantity]
    known = [each for each in slippages if each is not None]
    whole = len(known) == len(slippages)
    return LiquidationRecord(
        view=view,
        client_name=_name(audience, view.account),
        legs=tuple(_in_whole_units(leg) for leg in legs),
        base_slippage=_whole(total(known), base) if known and whole else None,
        over_liquidated=_whole(parts.over_liquidated, base) if parts is not None and for_money else None,
        seconds_to_cure=_seconds_to_cure(case, orders),
        evidence_missing=not whole or (for_money and not case.live and parts is None),
    )


def _in_whole_units(leg: LiquidationLeg) -> LiquidationLeg:
    """The leg as shown in the report; ratios and sums use the exact amounts."""
    currency = leg.currency
    if currency is None:
        return leg
    return replace(
        leg,
        slippage_at_decision=_whole(leg.slippage_at_decision, currency),
        slippage_at_send=_whole(leg.slippage_at_send, currency),
    )


def _whole(amount: Decimal | None, currency: Currency) -> Decimal | None:
    """Round money to whole minor units of its currency. The only place where reports round."""
    return None if amount is None else round_money(amount, currency)


def _seconds_to_cure(case: Case, orders: Sequence[Order]) -> int | None:
    if case.live or case.cured_since is None or not orders:
        return None
    return seconds_between(orders[0].created_at, case.cured_since)


def _leg(order: Order, decision: SnapshotInputs | None, mark_at_send: Decimal | None) -> LiquidationLeg:
    book = decision.book if decision is not None else None
    held = book.holding(order.symbol) if book is not None else None
    mark = held.quote.mark if held is not None and held.quote is not None else None
    multiplier = held.instrument.multiplier if held is not None else None
    at_decision = _slippage(order, mark, multiplier)
    return LiquidationLeg(
        order=order,
        currency=held.instrument.currency if held is not None else None,
        mark_at_decision=mark,
        mark_at_send=mark_at_send,
        slippage_at_decision=at_decision,
        slippage_at_send=_slippage(order, mark_at_send, multiplier),
        slippage_ratio=_ratio(order, at_decision, mark, multiplier),
        base_slippage=_in_base(book, held.instrument.currency if held else None, at_decision),
    )


def _slippage(order: Order, mark: Decimal | None, multiplier: Decimal | None) -> Decimal | None:
    """The loss of the fills against the same quantity at the mark, without fees; negative: a gain."""
    if mark is None or multiplier is None or not order.filled_quantity:
        return None
    with exact():
        lost = mark * order.filled_quantity - order.filled_notional
        return multiplier * (lost if order.side is OrderSide.SELL else -lost)


def _ratio(
    order: Order, slippage: Decimal | None, mark: Decimal | None, multiplier: Decimal | None
) -> Decimal | None:
    if slippage is None or mark is None or multiplier is None:
        return None
    with exact():
        value = abs(mark) * order.filled_quantity * multiplier
    return divide_ratio(slippage, value) if value else None


def _in_base(book: Book | None, currency: Currency | None, amount: Decimal | None) -> Decimal | None:
    if book is None or currency is None or amount is None:
        return None
    with exact():
        return amount * rate_to_base(book, currency)


def _name(audience: Audience, account: AccountReference) -> str:
    return account.client_name if audience.may(Capability.SEE_PERSONAL_DATA) else MASKED
