"""List the accounts whose dates depend on a calendar that does not exist, or that ends before the date.

Only automatic orders in a market without a calendar wait for it: the case opens, with a deadline by the usual
weekdays of the market.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from desk.assessment.doubts import clear_doubts, note_doubts
from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler
from domain.calendar import NoCalendar
from domain.case import Case
from domain.doubt import Doubt, DoubtReason
from domain.events import CaseView
from domain.ids import AccountId
from domain.money import Currency
from models.doubt import accounts_in_doubt, doubts_of
from models.market import markets_held, markets_of_instruments

_WHAT = "checking calendars"


def deadline_doubts(desk: DeskContext, case: Case, base_currency: Currency, now: datetime) -> list[Doubt]:
    """The doubt that the deadline lies after the last day of its calendar."""
    # A recall is due when the lender says, whatever the calendar.
    if case.is_recovery or not desk.is_assumed(case.deadline, base_currency):
        return []
    market = desk.market_of(base_currency)
    last = desk.calendar_of(market).last_known_day
    detail = f"The calendar of {market} ends on {last}: later deadlines follow its usual weekdays."
    return [Doubt(DoubtReason.UNKNOWN_CALENDAR, market, detail, now)]


def market_doubts(desk: DeskContext, markets: Sequence[str], now: datetime) -> list[Doubt]:
    """A doubt for each of these markets that has no calendar."""
    doubts = []
    for market in sorted(set(markets)):
        try:
            desk.calendar_of(market)
        except NoCalendar as unknown:
            detail = f"The desk places no automatic orders in the market {market}: {unknown}."
            doubts.append(Doubt(DoubtReason.UNKNOWN_CALENDAR, market, detail, now))
    return doubts


async def list_unknown_calendars(
    desk: DeskContext, views: Sequence[CaseView], scheduler: FairScheduler
) -> None:
    """Update the list for `views`, which are all live cases."""
    now = desk.clock()
    due: dict[AccountId, dict[str, Doubt]] = defaultdict(dict)
    for view in views:
        for doubt in deadline_doubts(desk, view.case, view.account.base_currency, now):
            due[view.case.account_id][doubt.subject] = doubt
    unknown = {doubt.subject: doubt for doubt in market_doubts(desk, await markets_of_instruments(), now)}
    called = sorted({view.case.account_id for view in views})
    for account_id, market in await markets_held(called, sorted(unknown)):
        due[account_id][market] = unknown[market]
    for account_id in sorted({*due, *await accounts_in_doubt(DoubtReason.UNKNOWN_CALENDAR)}):
        who = f"{account_id} calendar"
        if not scheduler.waits(who):
            await scheduler.run(who, _WHAT, partial(_bring_up, account_id, due[account_id], now))


async def _bring_up(account_id: AccountId, due: dict[str, Doubt], now: datetime) -> None:
    stored = (await doubts_of([account_id])).get(account_id, [])
    known = {
        each.doubt.subject: each.doubt.detail
        for each in stored
        if each.doubt.reason is DoubtReason.UNKNOWN_CALENDAR
    }
    new = [doubt for subject, doubt in due.items() if known.get(subject) != doubt.detail]
    if new:
        await note_doubts(account_id, new, now)
    over = sorted(known.keys() - due.keys())
    if over:
        await clear_doubts(account_id, [DoubtReason.UNKNOWN_CALENDAR], over)
