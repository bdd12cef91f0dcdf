"""The daily margin record, the liquidation report and the aging of open cases."""

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

From = Annotated[datetime, strawberry.argument(name="from", description="The start of the period, included.")]
Until = Annotated[datetime, strawberry.argument(name="to", description="The end of the period, excluded.")]


@strawberry.type(
    description="The contributions by which a margin call was met, between its first and last snapshot, in "
    "the account's base currency. A negative contribution made the need larger. The four contributions add "
    "up to the need at the beginning plus the surplus."
)
class MarginCure:
    """From domain.cure.CureParts."""

    client_trades: Decimal = strawberry.field(
        description="The client's own trades, at the marks of the beginning."
    )
    deposits: Decimal = strawberry.field(description="Money paid in, less withdrawals.")
    liquidation: Decimal = strawberry.field(
        description="The desk's orders, at their prices and with their fees."
    )
    market: Decimal = strawberry.field(
        description="Changes of prices, FX rates, margin factors, interest, limits and rules."
    )
    surplus: Decimal = strawberry.field(
        description="The surplus at the end; negative: the amount that was still needed."
    )


@strawberry.type(
    description="A margin call for money: how much was required, until when, and when and how it was met."
)
class MarginRecord:
    """From desk.evidence.reports.MarginRecord."""

    case: Case = strawberry.field(
        description="The case with its account, client, trigger, deadline and amounts."
    )
    required_amount: Decimal = strawberry.field(
        description="The required amount when the call was triggered, in the account's base currency."
    )
    counted_amount: Decimal = strawberry.field(
        description="The part of requiredAmount that no other open call of the account demanded at that "
        "time. These amounts can be added up."
    )
    required_at: datetime = strawberry.field(description="The time at which the call was triggered.")
    due_at: datetime = strawberry.field(description="The deadline of the call.")
    met_at: datetime | None = strawberry.field(
        description="The time since which nothing was owed, or at which the case was closed otherwise; null "
        "while it is open."
    )
    met_by: list[MetBy] = strawberry.field(
        description="The causes that met the call, the largest contribution first; empty while it is open."
    )
    cure: MarginCure | None = strawberry.field(
        description="The contributions in money; null while the case is open, or if evidence is missing."
    )
    evidence_missing: bool = strawberry.field(
        description="Whether the case is closed but a snapshot or an execution that shows how it was met is "
        "missing or cannot be read. Then metBy is empty unless the case was closed otherwise, and cure is "
        "null."
    )


@strawberry.type(
    description="An order compared with the market, in the instrument's currency. Positive slippage is a "
    "loss."
)
class LiquidationLegReport:
    """From desk.evidence.reports.LiquidationLeg."""

    order: Order = strawberry.field(description="The order that is compared.")
    mark_at_decision: Decimal | None = strawberry.field(
        description="The mark when the liquidation was accepted; null if there was no quote."
    )
    mark_at_send: Decimal | None = strawberry.field(
        description="The mark when the order was last sent to the venue; null if it was not sent, or if "
        "there was no quote."
    )
    slippage_at_decision: Decimal | None = strawberry.field(
        description="The amount by which the fills brought less, or cost more, than the mark at the "
        "decision, without fees; null without fills or mark."
    )
    slippage_at_send: Decimal | None = strawberry.field(
        description="The amount by which the fills brought less, or cost more, than the mark when sent, "
        "without fees; null without fills or mark."
    )
    slippage_ratio: Decimal | None = strawberry.field(
        description="The slippage at the decision divided by the value at its mark, to four digits; null if "
        "it cannot be computed."
    )


@strawberry.type(description="The liquidation of one case, with its execution quality.")
class LiquidationReportRow:
    """From desk.evidence.reports.LiquidationRecord."""

    case: Case = strawberry.field(description="The liquidated case.")
    legs: list[LiquidationLegReport] = strawberry.field(description="The orders of the case, oldest first.")
    slippage: Decimal | None = strawberry.field(
        description="The slippage of all orders against the marks at the decisions, in base currency at the "
        "FX rates of the decisions; null if that of a filled order is not known."
    )
    over_liquidated: Decimal | None = strawberry.field(
        description="The part of the sales' relief that the cure did not need, in base currency; null while "
        "the case is open, and for a case that asks for stock."
    )
    seconds_to_cure: int | None = strawberry.field(
        description="Seconds from the first order until nothing was owed; null if that has not happened, or "
        "if nothing was owed before the first order."
    )
    evidence_missing: bool = strawberry.field(
        description="Whether a snapshot or an execution is missing or cannot be read. The values that "
        "depend on it are null."
    )


@strawberry.type(description="Open cases of one age range.")
class AgingBucket:
    """From domain.aging.AgingBucket."""

    first_day: int = strawberry.field(
        description="The first day of the range; the day on which a case opens is day 1."
    )
    last_day: int | None = strawberry.field(description="The last day of the range; null: no upper limit.")
    cases: int = strawberry.field(description="The number of cases in the range.")
    amounts: list[CurrencyAmount] = strawberry.field(
        description="The amounts to collect, by base currency of the accounts. Of several cases of one "
        "account only the largest counts."
    )


@strawberry.type
class ReportQueries:
    """Root fields of the reports."""

    @strawberry.field(
        description="The daily margin record: every call for money triggered in the period, oldest first, "
        "and how it was met. Also as CSV at /reports/margin-records.csv. Requires a permission to export "
        "records: RISK_APPROVER, RISK_SETTING_FULL or AUDITOR."
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
        description="The liquidation report: every case for which the desk placed orders in the period. "
        "Also as CSV at /reports/liquidations.csv. Requires a permission to export records: RISK_APPROVER, "
        "RISK_SETTING_FULL or AUDITOR."
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
        description="Open cases by age. Also as CSV at /reports/aging.csv, for tokens that may export "
        "records."
    )
    async def aging_buckets(self, info: Info) -> list[AgingBucket]:
        """One bucket for each range in the settings."""
        context = reader(info)
        return [_bucket(bucket) for bucket in await aging(context.api.desk, context.audience)]


def _period(start: datetime, end: datetime) -> Period:
    if start >= end:
        raise ApiError(BAD_USER_INPUT, "from must be before to.")
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
