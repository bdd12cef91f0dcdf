"""The figures of an account in the next session of its market."""

from datetime import date, datetime
from decimal import Decimal

import strawberry

from desk.assessment.due_calls import due_calls
from desk.monitoring.undecided import undecided as find_undecided
from domain.case import AlertType
from domain.events import AccountReference
from domain.judgement import judge
from domain.look_ahead import accrue, expired_by, lived_until, next_session
from domain.margin import compute_figures
from resolvers.kit.context import ReadContext
from resolvers.kit.errors import in_scope
from resolvers.types import undecided
from resolvers.types.figures import MarginFigures, figures_of
from resolvers.types.undecided import UndecidedReason, reasons_of


@strawberry.type(
    description="An account as it will stand in the next session of its market: today's prices, positions "
    "and rules, the margin factors in force at the close of that session, options that expire before it at "
    "the value they will have, and the interest that debits bear until the trades of the session are "
    "settled."
)
class LookAhead:
    """From domain.look_ahead."""

    market: str = strawberry.field(
        description="The market of the session, such as XHKG. The account's base currency decides which one."
    )
    closes_at: datetime = strawberry.field(description="The time at which the next session closes.")
    expiring: list[str] = strawberry.field(
        description="The symbols of options whose last day is before the session. They count with the value "
        "of their exercise if their market exercises automatically, otherwise with 0."
    )
    interest: Decimal = strawberry.field(
        description="The interest on debits from today to interestUntil, in the account's base currency. "
        "figures.accruedInterest includes it."
    )
    interest_until: date = strawberry.field(
        description="The day on which trades of that session are settled. A sale in the session does not "
        "end the interest earlier."
    )
    interest_unknown: list[str] = strawberry.field(
        description="Currencies, as ISO 4217 codes, with a debit but without a configured interest rate "
        "(`GATEWAY_DEBIT_INTEREST_RATES`): `interest` contains nothing for them."
    )
    figures: MarginFigures = strawberry.field(
        description="The margin figures that the account will have in that session."
    )
    calls: list[AlertType] = strawberry.field(
        description="The alert types of margin calls that these figures demand and no exemption suppresses."
    )
    undecided_calls: list[AlertType] = strawberry.field(description=undecided.CALLS)
    undecided_reasons: list[UndecidedReason] = strawberry.field(description=undecided.REASONS)


async def look_ahead(context: ReadContext, account: AccountReference) -> LookAhead:
    """Batched over the accounts of one market."""
    desk = context.api.desk
    now, market = desk.clock(), desk.market_of(account.base_currency)
    calendar = desk.calendar_of(market)
    session = next_session(now, calendar)
    ahead = in_scope(await context.loaders.books_ahead.load((account.account_id, session.close)))
    await context.pace.turn()
    expiring = expired_by(ahead.book, session.day)
    book_then = lived_until(ahead.book, session.day, desk.policy.books.expiry)
    accrued = accrue(book_then, session, calendar, desk.policy.interest)
    book = accrued.book
    figures = compute_figures(book, now, desk.policy.max_price_age)
    judgement = judge(book, figures, desk.policy.judgement)
    open_ = find_undecided(ahead, judgement, figures, now)
    return LookAhead(
        market=market,
        closes_at=session.close,
        expiring=list(expiring),
        interest=accrued.interest,
        interest_until=accrued.until,
        interest_unknown=list(accrued.unknown),
        figures=figures_of(figures),
        calls=sorted(due_calls(ahead, judgement, figures, now)),
        undecided_calls=list(open_.calls),
        undecided_reasons=reasons_of(open_.reasons),
    )
