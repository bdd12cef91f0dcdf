"""When a liquidation takes a second person, and how two plans of it differ.

The limits are those of the risk settings, or of the process where nothing is set. What cannot be measured
against a limit, for want of an FX rate, counts as above it.
"""

from decimal import Decimal

from desk.desk import Desk
from desk.outcomes import plain
from desk.request_approval import Facts
from domain.liquidation import Plan
from domain.money import ONE, Currency, exact
from domain.refusals import Refusal, RefusalCode
from models.book import AccountBook, load_fx_rates


async def why_two(desk: Desk, account: AccountBook, made: Plan, cases: int, override: bool) -> str | None:
    """Why one person may not do this alone: the end of a sentence; None: may."""
    limits, own = account.rules.approval_limits, desk.rules.approval_limits
    most_cases = own.cases if limits.cases is None else limits.cases
    most = own.notional if limits.notional is None else limits.notional
    if override and not made.uncovered_before:
        return "nothing is left to collect"
    if most_cases is not None and cases > most_cases:
        return f"{cases} cases at once are more than {most_cases}"
    if most is None:
        return None
    currency = desk.rules.reporting_currency
    above = await _above(made.notional, account.account.base_currency, most, currency)
    if above is None:
        return f"the notional in {currency} is not known, for there is no FX rate"
    return f"the notional is above {plain(most)} {currency}" if above else None


async def _above(amount: Decimal, currency: Currency, most: Decimal, of: Currency) -> bool | None:
    """Whether the amount is worth more than `most` of another currency; None: there is no rate.

    Where only the inverse rate is known the limit is converted, not the amount: a quotient may have no end.
    """
    rates = {(rate.base_currency, rate.quote_currency): rate.rate for rate in await load_fx_rates()}
    rate = ONE if currency == of else rates.get((currency, of))
    inverse = rates.get((of, currency))
    with exact():
        if rate is not None:
            return amount * rate > most
        return amount > most * inverse if inverse else None


def facts_before(made: Plan) -> Facts:
    """Before anything is sold."""
    return {"uncoveredAmount": plain(made.uncovered_before)}


def facts_after(made: Plan) -> Facts:
    """What the plan would do, for people to compare."""
    legs = {
        f"{leg.side} {leg.instrument.symbol}": f"{plain(leg.quantity)} at {plain(leg.price)}"
        for leg in made.legs
    }
    return {"uncoveredAmount": plain(made.amount_after), "notional": plain(made.notional), **legs}


def outgrown(asked: Facts, made: Plan, growth: Decimal) -> Refusal | None:
    """Why an approval does not cover this plan any more: it was given for much less."""
    notional = Decimal(asked["notional"] or 0)
    with exact():
        if made.notional <= notional * (ONE + growth):
            return None
    return Refusal(
        RefusalCode.VERSION_CONFLICT,
        f"It would now trade {plain(made.notional)}, and {plain(notional)} was asked for: decline it, and "
        "have it asked for anew.",
    )


def differences(asked: Facts, done: Facts) -> dict[str, tuple[str | None, str | None]]:
    """By name, what was asked for and what was done instead."""
    names = [*asked, *(name for name in done if name not in asked)]
    return {name: (asked.get(name), done.get(name)) for name in names if asked.get(name) != done.get(name)}
