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
from resolvers.kit.arguments import After, Before, First, Last, PageArguments
from resolvers.kit.context import IF_IT_FAILS, Info, reader
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.pagination import Connection, Pager
from resolvers.types.case import Case, case_of
from resolvers.types.currency_amount import CurrencyAmount
from resolvers.types.order import Order, order_of

From = Annotated[
    datetime,
    strawberry.argument(
        name="from",
        description="The start of the period, which includes this time. It has to be before `to`.",
    ),
]
Until = Annotated[
    datetime, strawberry.argument(name="to", description="The end of the period, which excludes this time.")
]


@strawberry.type(
    description="How a margin call was met, in the account's base currency: by how much each of four "
    "causes reduced the need for margin between the first and the last snapshot of the case. The need is "
    "the amount to collect before it is rounded and limited to at least 0. A cause that enlarged the need "
    "is negative. The four add up to the need at the beginning plus the surplus."
)
class MarginCure:
    """From domain.cure.CureParts."""

    client_trades: Decimal = strawberry.field(
        description="The reduction by the client's own trades, valued at the marks of the first snapshot."
    )
    deposits: Decimal = strawberry.field(description="The reduction by money paid in, less withdrawals.")
    liquidation: Decimal = strawberry.field(
        description="The reduction by the desk's orders, at their prices and after their fees."
    )
    market: Decimal = strawberry.field(
        description="The reduction by everything else: changes of prices, FX rates, margin factors, "
        "interest, limits and rules."
    )
    surplus: Decimal = strawberry.field(
        description="The surplus at the end. If it is negative, that amount was still needed."
    )


@strawberry.type(
    description="A margin call for money: how much was required, until when, and when and how it was met."
)
class MarginRecord:
    """From desk.evidence.reports.MarginRecord."""

    case: Case = strawberry.field(description="The case of the call.")
    required_amount: Decimal = strawberry.field(
        description="The amount to collect when the call was triggered, in the account's base currency."
    )
    counted_amount: Decimal = strawberry.field(
        description="The part of requiredAmount that no other open call of the account demanded at that "
        "time. Add up this field, since the sum of requiredAmount counts some amounts twice."
    )
    required_at: datetime = strawberry.field(description="The time at which the call was triggered.")
    due_at: datetime = strawberry.field(description="The deadline of the call.")
    met_at: datetime | None = strawberry.field(
        description="The time since which nothing was owed; if the case was closed for another reason, the "
        "time of closing. Null while the case is live."
    )
    met_by: list[MetBy] = strawberry.field(
        description="The causes that met the call, the largest contribution first; empty while the case is "
        "live."
    )
    cure: MarginCure | None = strawberry.field(
        description="The contribution of each cause; null while the case is live, or if evidence is missing."
    )
    evidence_missing: bool = strawberry.field(
        description="Whether the case is closed, but a snapshot or an execution that shows how the call "
        "was met is missing or damaged. Then `cure` is null, and `metBy` is empty, unless the case was "
        "exempted, written off or voided."
    )


@strawberry.type(
    description="An order, with its prices compared with the market. Amounts are in the instrument's "
    "currency; positive slippage is a loss."
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
        description="The amount by which the fills brought less, or cost more, than the same quantity at "
        "markAtDecision, without fees; null if there are no fills or no mark."
    )
    slippage_at_send: Decimal | None = strawberry.field(
        description="The amount by which the fills brought less, or cost more, than the same quantity at "
        "markAtSend, without fees; null if there are no fills or no mark."
    )
    slippage_ratio: Decimal | None = strawberry.field(
        description="slippageAtDecision divided by the value of the filled quantity at markAtDecision, "
        "rounded to four digits; null if it cannot be computed."
    )


@strawberry.type(description="The liquidation of one case, with its execution quality.")
class LiquidationReportRow:
    """From desk.evidence.reports.LiquidationRecord."""

    case: Case = strawberry.field(description="The liquidated case.")
    legs: list[LiquidationLegReport] = strawberry.field(description="The orders of the case, oldest first.")
    slippage: Decimal | None = strawberry.field(
        description="The sum of slippageAtDecision over all orders, in the account's base currency at the "
        "FX rates of the decisions; null if it is not known for an order with fills."
    )
    over_liquidated: Decimal | None = strawberry.field(
        description="The part of the reduction by the desk's orders that was more than needed, in the "
        "account's base currency; null while the case is live, and for a case that asks for stock."
    )
    seconds_to_cure: int | None = strawberry.field(
        description="Seconds from the first order until nothing was owed; null if something is still owed, "
        "or if nothing was owed before the first order."
    )
    evidence_missing: bool = strawberry.field(
        description="Whether a snapshot or an execution is missing or damaged. The values that depend on "
        "it are null."
    )


@strawberry.type(description="The live cases of one age range.")
class AgingBucket:
    """From domain.aging.AgingBucket."""

    first_day: int = strawberry.field(
        description="The first day of the range; the day on which a case opens is day 1."
    )
    last_day: int | None = strawberry.field(
        description="The last day of the range; null if the range has no upper limit."
    )
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
        "records: RISK_APPROVER, RISK_SETTING_FULL or AUDITOR." + IF_IT_FAILS
    )
    async def margin_records(
        self,
        info: Info,
        from_: From,
        to: Until,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[MarginRecord] | None:
        """A keyset page."""
        context = reader(info, Capability.EXPORT_RECORDS)
        period = _period(from_, to)
        pager: Pager[reports.MarginRecord] = Pager(("margin", period), "ts", context.api.page_size_max)
        request = pager.request(PageArguments(first, after, last, before))
        now = context.api.desk.clock()
        return await pager.connection(
            request,
            lambda at: margin_records(context.audience, period, at),
            lambda record: (record.view.case.opened_at, record.view.case.id),
            lambda record: _record(record, now),
            lambda: count_called(context.audience, period),
        )

    @strawberry.field(
        description="The liquidation report: every case for which the desk placed orders in the period, "
        "oldest case first. Also as CSV at /reports/liquidations.csv. Requires a permission to export "
        "records: RISK_APPROVER, RISK_SETTING_FULL or AUDITOR." + IF_IT_FAILS
    )
    async def liquidation_report(
        self,
        info: Info,
        from_: From,
        to: Until,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[LiquidationReportRow] | None:
        """A keyset page."""
        context = reader(info, Capability.EXPORT_RECORDS)
        period = _period(from_, to)
        pager: Pager[reports.LiquidationRecord] = Pager(("sold", period), "ts", context.api.page_size_max)
        request = pager.request(PageArguments(first, after, last, before))
        now = context.api.desk.clock()
        return await pager.connection(
            request,
            lambda at: liquidation_records(context.audience, period, at),
            lambda record: (record.view.case.opened_at, record.view.case.id),
            lambda record: _liquidation(record, now),
            lambda: count_liquidated(context.audience, period),
        )

    @strawberry.field(
        description="Live cases by age, one row for each age range of the desk's settings. Also as CSV at "
        "/reports/aging.csv; the CSV requires RISK_APPROVER, RISK_SETTING_FULL or AUDITOR." + IF_IT_FAILS
    )
    async def aging_buckets(self, info: Info) -> list[AgingBucket] | None:
        """One bucket for each range in the settings."""
        context = reader(info)
        async with context.summing:
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
