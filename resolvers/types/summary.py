"""Totals over cases, as the header of a client shows them."""

from collections import Counter
from datetime import datetime
from decimal import Decimal

import strawberry

from domain.case import LIVE, LONG_TERM, CaseStatus
from domain.case_filter import CaseFilter
from domain.principal import Audience
from domain.reporting import by_account, convert
from models.book import load_fx_rates, rates_by_base
from models.case_list import CaseTotal, case_totals, count_ended
from models.sql.database import consistent_read
from resolvers.kit.context import ReadContext
from resolvers.types.currency_amount import CurrencyAmount


@strawberry.type(description="The number of cases with a status.")
class CaseStatusCount:
    """One status with its count."""

    status: CaseStatus = strawberry.field(description="The status that is counted.")
    count: int = strawberry.field(description="The number of cases with this status.")


@strawberry.type(description="Totals over cases, in the desk's reporting currency.")
class CaseSummary:
    """Computed from models.case_list.case_totals."""

    open_cases: int = strawberry.field(description="The number of live cases that match the filter.")
    total_amount: Decimal = strawberry.field(
        description="The total amount to collect of the live cases, rounded to the minor unit of the "
        "currency (such as cents). Several cases of one account ask for the same shortfall, so only the "
        "largest of them counts."
    )
    long_term_unsettled_amount: Decimal = strawberry.field(
        description="The total amount to collect of the live cases opened more than 90 days ago, computed "
        "like totalAmount."
    )
    unconverted: list[CurrencyAmount] = strawberry.field(
        description="The amounts in currencies without an FX rate into the reporting currency, which the "
        "totals do not include."
    )
    currency: str = strawberry.field(description="The reporting currency, as an ISO 4217 code.")
    by_status: list[CaseStatusCount] = strawberry.field(
        description="The number of cases for each status; statuses without cases are omitted."
    )
    as_of: datetime = strawberry.field(description="The time at which the totals were computed.")


async def summarise(context: ReadContext, selection: CaseFilter) -> CaseSummary:
    """The totals over the cases that the audience may see. One computation of a request at a time."""
    async with context.summing:
        return await _summarise(context, selection)


async def _summarise(context: ReadContext, selection: CaseFilter) -> CaseSummary:
    now = context.api.desk.clock()
    currency = context.api.reporting_currency
    live, ended = await _totals(context.audience, selection, now)
    await context.pace.turn()
    rates = rates_by_base(await load_fx_rates()).get(currency, {})
    total = convert(by_account(each.claim for each in live), rates, currency)
    old = [each.claim for each in live if now - each.opened_at > LONG_TERM]
    counts = Counter(each.status for each in live) + Counter(ended)
    return CaseSummary(
        open_cases=len(live),
        total_amount=total.total,
        long_term_unsettled_amount=convert(by_account(old), rates, currency).total,
        unconverted=[CurrencyAmount(currency=c, amount=a) for c, a in sorted(total.unconverted.items())],
        currency=currency,
        by_status=[CaseStatusCount(status=s, count=counts[s]) for s in CaseStatus if counts[s]],
        as_of=now,
    )


async def _totals(
    audience: Audience, selection: CaseFilter, now: datetime
) -> tuple[list[CaseTotal], dict[CaseStatus, int]]:
    """One statement, unless the filter includes closed cases."""
    if selection.status is None or LIVE.issuperset(selection.status):
        return await case_totals(audience, selection, now), {}
    async with consistent_read():
        return await case_totals(audience, selection, now), await count_ended(audience, selection, now)
