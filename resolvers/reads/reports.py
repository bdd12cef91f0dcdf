"""The daily margin record, the liquidation report and the aging of open calls."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from desk.evidence import reports
from desk.evidence.aging import aging
from desk.evidence.reports import liquidation_records, margin_records
from domain.aging import AgingBucket as Bucket
from domain.cure import CureParts, MetBy
from domain.events import OrderView
from domain.principal import Capability
from models.report import Period, count_called, count_liquidated
from resolvers.kit.arguments import After, First
from resolvers.kit.context import Info, reader
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.pagination import Connection, Pager
from resolvers.types.case import Case, case_of
from resolvers.types.currency_amount import CurrencyAmount
from resolvers.types.order import Order, order_of

From = Annotated[datetime, strawberry.argument(name="from", description="From this moment on.")]
Until = Annotated[datetime, strawberry.argument(name="to", description="Until before this moment.")]


@strawberry.type(
    description="What took how much off the need, between the snapshots at trigger and at end, in the "
    "account's base currency; below 0: it made the need larger. The four add up to the need at the beginning "
    "plus the surplus."
)
class MarginCure:
    """From domain.cure.CureParts."""

    client_trades: Decimal = strawberry.field(
        description="The client's own trades, at the marks of the beginning."
    )
    deposits: Decimal = strawberry.field(description="Money that came in, less what was withdrawn.")
    liquidation: Decimal = strawberry.field(description="The desk's orders, at their prices and fees.")
    market: Decimal = strawberry.field(description="Prices, rates, factors, interest, limits and rules.")
    surplus: Decimal = strawberry.field(description="What was left over; below 0: what was still needed.")


@strawberry.type(description="One required margin: of whom, how much, when due, when and how met.")
class MarginRecord:
    """From desk.evidence.reports.MarginRecord."""

    case: Case = strawberry.field(description="The call: account, client, trigger, deadline, amounts.")
    required_amount: Decimal = strawberry.field(description="In the account's base currency, at the trigger.")
    counted_amount: Decimal = strawberry.field(
        description="Of requiredAmount what no other call of the account that was open then asked for: these "
        "amounts can be added up."
    )
    required_at: datetime = strawberry.field(description="When the call was triggered.")
    due_at: datetime = strawberry.field(description="The deadline.")
    met_at: datetime | None = strawberry.field(
        description="Since when nothing was owed, or when it was closed otherwise; null while it is open."
    )
    met_by: list[MetBy] = strawberry.field(description="What met it, the most first; empty while it is open.")
    cure: MarginCure | None = strawberry.field(
        description="In money; null while it is open, and where evidenceMissing."
    )
    evidence_missing: bool = strawberry.field(
        description="It is closed, and a snapshot or an execution that tells how it was met is missing or "
        "cannot be read: metBy is empty unless it was closed otherwise, and cure is null."
    )


@strawberry.type(description="One order beside the market, in the instrument's currency; above 0 is a loss.")
class LiquidationLegReport:
    """From desk.evidence.reports.LiquidationLeg."""

    order: Order = strawberry.field(description="The order.")
    mark_at_decision: Decimal | None = strawberry.field(
        description="When the liquidation was accepted; null where it had no quote."
    )
    mark_at_send: Decimal | None = strawberry.field(description="When it went to the venue last.")
    slippage_at_decision: Decimal | None = strawberry.field(
        description="What the fills brought less, or cost more, than at the decision's mark, without fees."
    )
    slippage_at_send: Decimal | None = strawberry.field(description="The same against the mark when sent.")
    slippage_ratio: Decimal | None = strawberry.field(
        description="Of the slippage against the decision to the value at its mark, to four digits."
    )


@strawberry.type(description="What the desk sold for one case, and how well.")
class LiquidationReportRow:
    """From desk.evidence.reports.LiquidationRecord."""

    case: Case = strawberry.field(description="The case.")
    legs: list[LiquidationLegReport] = strawberry.field(description="All of its orders, oldest first.")
    slippage: Decimal | None = strawberry.field(
        description="Against the marks of the decisions, over all orders, in base currency at their FX "
        "rates; null where that of one that has filled is not known."
    )
    over_liquidated: Decimal | None = strawberry.field(
        description="Of the relief that the sales brought, what the cure did not need, in base currency; "
        "null while the case is open, and of one that asks for stock."
    )
    seconds_to_cure: int | None = strawberry.field(
        description="From the first order until nothing was owed; null if that is not so, or not yet, and "
        "where nothing was owed any more when the first order was placed."
    )
    evidence_missing: bool = strawberry.field(
        description="A snapshot or an execution that some of it follows from is missing or cannot be read: "
        "what follows from it is null."
    )


@strawberry.type(description="Open cases of one age.")
class AgingBucket:
    """From domain.aging.AgingBucket."""

    first_day: int = strawberry.field(description="Of this day on; the day on which a case opens is day 1.")
    last_day: int | None = strawberry.field(description="Up to this day; null: or later.")
    cases: int = strawberry.field(description="How many.")
    amounts: list[CurrencyAmount] = strawberry.field(
        description="To be collected, by base currency of the accounts. Of several cases of one account only "
        "the one for the most is counted."
    )


@strawberry.type
class ReportQueries:
    """Of the query root."""

    @strawberry.field(
        description="The daily margin record: every call for money triggered in a period, oldest first, and "
        "how it was met. Needs a permission to export records; as CSV at /reports/margin-records.csv."
    )
    async def margin_records(
        self, info: Info, from_: From, to: Until, first: First = 50, after: After = None
    ) -> Connection[MarginRecord]:
        """A keyset page."""
        context = reader(info, Capability.EXPORT_RECORDS)
        period = _period(from_, to)
        pager: Pager[reports.MarginRecord] = Pager(("margin", period), "ts", context.api.page_size_max)
        request = pager.request(first, after)
        page = await margin_records(context.audience, period, request)
        now = context.api.desk.clock()
        return pager.connection(
            page,
            request,
            lambda record: (record.view.case.opened_at, record.view.case.id),
            lambda record: _record(record, now),
            lambda: count_called(context.audience, period),
        )

    @strawberry.field(
        description="The liquidation report: every case for which the desk placed orders in a period. Needs "
        "a permission to export records; as CSV at /reports/liquidations.csv."
    )
    async def liquidation_report(
        self, info: Info, from_: From, to: Until, first: First = 50, after: After = None
    ) -> Connection[LiquidationReportRow]:
        """A keyset page."""
        context = reader(info, Capability.EXPORT_RECORDS)
        period = _period(from_, to)
        pager: Pager[reports.LiquidationRecord] = Pager(("sold", period), "ts", context.api.page_size_max)
        request = pager.request(first, after)
        page = await liquidation_records(context.audience, period, request)
        now = context.api.desk.clock()
        return pager.connection(
            page,
            request,
            lambda record: (record.view.case.opened_at, record.view.case.id),
            lambda record: _liquidation(record, now),
            lambda: count_liquidated(context.audience, period),
        )

    @strawberry.field(
        description="How long open cases have been open. As CSV, for who may export, at /reports/aging.csv."
    )
    async def aging_buckets(self, info: Info) -> list[AgingBucket]:
        """As many as the settings name."""
        context = reader(info)
        return [_bucket(bucket) for bucket in await aging(context.api.desk, context.audience)]


def _period(start: datetime, end: datetime) -> Period:
    if start >= end:
        raise ApiError(BAD_USER_INPUT, "from must be earlier than to.")
    return Period(start, end)


def _record(record: reports.MarginRecord, now: datetime) -> MarginRecord:
    case = record.view.case
    return MarginRecord(
        case=case_of(record.view, now),
        required_amount=case.amount_at_open,
        counted_amount=record.counted_amount,
        required_at=case.opened_at,
        due_at=case.deadline,
        met_at=record.met_at,
        met_by=list(record.met_by),
        cure=_cure(record.parts) if record.parts is not None else None,
        evidence_missing=record.evidence_missing,
    )


def _cure(parts: CureParts) -> MarginCure:
    return MarginCure(
        client_trades=parts.client_trades,
        deposits=parts.deposits,
        liquidation=parts.sales,
        market=parts.market,
        surplus=parts.surplus,
    )


def _liquidation(record: reports.LiquidationRecord, now: datetime) -> LiquidationReportRow:
    return LiquidationReportRow(
        case=case_of(record.view, now),
        legs=[
            LiquidationLegReport(
                order=order_of(OrderView(leg.order, record.view.account)),
                mark_at_decision=leg.mark_at_decision,
                mark_at_send=leg.mark_at_send,
                slippage_at_decision=leg.slippage_at_decision,
                slippage_at_send=leg.slippage_at_send,
                slippage_ratio=leg.slippage_ratio,
            )
            for leg in record.legs
        ],
        slippage=record.base_slippage,
        over_liquidated=record.over_liquidated,
        seconds_to_cure=record.seconds_to_cure,
        evidence_missing=record.evidence_missing,
    )


def _bucket(bucket: Bucket) -> AgingBucket:
    return AgingBucket(
        first_day=bucket.first_day,
        last_day=bucket.last_day,
        cases=bucket.cases,
        amounts=[CurrencyAmount(currency=c, amount=amount) for c, amount in bucket.amounts.items()],
    )
