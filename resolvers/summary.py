"""The header totals."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import strawberry

from domain.case import LIVE, LONG_TERM, CaseStatus
from domain.market import FxRate
from domain.money import ONE, ZERO, Currency, exact, round_money
from domain.principal import Audience
from models.book import load_fx_rates
from models.case_list import CaseFilter, CaseTotal, case_totals, count_ended
from models.database import consistent_read
from resolvers.context import ReadContext
from resolvers.errors import FX_RATE_MISSING, ApiError


@strawberry.type(description="How many cases have a status.")
class CaseStatusCount:
    """A count."""

    status: CaseStatus = strawberry.field(description="The status.")
    count: int = strawberry.field(description="How many.")


@strawberry.type(description="Totals over cases, in the desk's reporting currency.")
class CaseSummary:
    """Computed from models.case_list.case_totals."""

    open_cases: int = strawberry.field(description="How many are not closed.")
    total_amount: Decimal = strawberry.field(
        description="To be collected over all of them, whole minor units."
    )
    long_term_unsettled_amount: Decimal = strawberry.field(
        description="Of it, what was called more than 90 days ago."
    )
    currency: str = strawberry.field(description="The reporting currency.")
    by_status: list[CaseStatusCount] = strawberry.field(description="Counts by status.")
    as_of: datetime = strawberry.field(description="When it was computed.")


async def summarise(context: ReadContext, wanted: CaseFilter) -> CaseSummary:
    """Over what the audience may see."""
    now = context.api.desk.clock()
    currency = context.api.reporting_currency
    live, ended = await _totals(context.audience, wanted, now)
    rates = _rates(await load_fx_rates(), currency)
    counts = Counter(each.status for each in live) + Counter(ended)
    return CaseSummary(
        open_cases=len(live),
        total_amount=_sum(live, rates, currency),
        long_term_unsettled_amount=_sum(
            [each for each in live if now - each.opened_at > LONG_TERM], rates, currency
        ),
        currency=currency,
        by_status=[CaseStatusCount(status=s, count=counts[s]) for s in CaseStatus if counts[s]],
        as_of=now,
    )


async def _totals(
    audience: Audience, wanted: CaseFilter, now: datetime
) -> tuple[list[CaseTotal], dict[CaseStatus, int]]:
    """One statement, as long as nobody asks for those that have ended."""
    if wanted.status is None or LIVE.issuperset(wanted.status):
        return await case_totals(audience, wanted, now), {}
    async with consistent_read():
        return await case_totals(audience, wanted, now), await count_ended(audience, wanted, now)


def _rates(rates: Sequence[FxRate], currency: Currency) -> dict[Currency, Decimal]:
    into = {rate.base_currency: rate.rate for rate in rates if rate.quote_currency == currency}
    return {**into, currency: ONE}


def _sum(totals: Sequence[CaseTotal], rates: dict[Currency, Decimal], currency: Currency) -> Decimal:
    missing = {each.currency for each in totals} - rates.keys()
    if missing:
        raise ApiError(FX_RATE_MISSING, f"No FX rate from {', '.join(sorted(missing))} to {currency}.")
    with exact():
        return round_money(sum((each.amount * rates[each.currency] for each in totals), ZERO), currency)
