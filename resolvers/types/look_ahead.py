"""An account as the next session of its market will find it."""

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
    description="An account at today's prices, positions and rules, with the margin factors that count by "
    "the close of its market's next session, with the options that expire before it at what they then are "
    "worth, and with the "
    "interest that its debits bear until the trades of that session are settled."
)
class LookAhead:
    """From domain.look_ahead."""

    market: str = strawberry.field(description="Whose session, by the account's base currency.")
    closes_at: datetime = strawberry.field(description="The close of the next session.")
    expiring: list[str] = strawberry.field(
        description="Options whose last day is before the session. They count with what their exercise "
        "brings where their market exercises by itself, else with nothing."
    )
    interest: Decimal = strawberry.field(
        description="What debits will bear from today to interestUntil, in base currency: part of "
        "figures.accruedInterest."
    )
    interest_until: date = strawberry.field(
        description="The day on which trades of that session are settled: until then a sale ends no interest."
    )
    interest_unknown: list[str] = strawberry.field(
        description="Currencies with a debit for which no interest rate is set: no interest is added."
    )
    figures: MarginFigures = strawberry.field(description="What the session would find.")
    calls: list[AlertType] = strawberry.field(
        description="Margin calls that these figures would demand and no exemption prevents."
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
    expiring = expired_by(ahead.book, session.day)
    book_then = lived_until(ahead.book, session.day, desk.rules.books.expiry)
    accrued = accrue(book_then, session, calendar, desk.rules.interest)
    book = accrued.book
    figures = compute_figures(book, now, desk.rules.max_price_age)
    judgement = judge(book, figures, desk.rules.judgement)
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
