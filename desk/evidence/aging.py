"""The age of open calls within the caller's scope."""

from desk.context import DeskContext
from domain.aging import AgedCase, AgingBucket, aging_buckets
from domain.case_filter import CaseFilter
from domain.principal import Audience
from models.case_list import case_totals


async def aging(desk: DeskContext, audience: Audience) -> list[AgingBucket]:
    """Open calls by the aging buckets of the settings."""
    now = desk.clock()
    totals = await case_totals(audience, CaseFilter(), now)
    cases = [AgedCase(each.opened_at, each.claim) for each in totals]
    return aging_buckets(cases, desk.policy.aging_last_days, now)
