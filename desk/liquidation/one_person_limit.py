"""When a liquidation requires a second person, and how two plans of it differ.

The limits are those of the risk settings, or of the process where none are set. An amount that cannot be
measured, for lack of an FX rate, counts as above the limit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from desk.context import DeskContext
from desk.four_eyes.request_approval import Facts
from domain.ids import AccountId, Symbol
from domain.liquidation_plan import Plan, PlannedLeg
from domain.margin import rate_to_base, valuation_price
from domain.market import Instrument, Quote
from domain.money import ONE, ZERO, Currency, exact, plain_text, quotient_up, total
from domain.order import Order, OrderSide
from domain.phrase import DetailCode, Phrase, phrase
from domain.price_collar import CollarPlace, PriceCollar
from domain.refusals import Refusal, RefusalCode
from models.book import AccountBook, load_fx_rates
from models.market import load_instruments, load_quotes
from models.order import orders_since
from models.ordered_alone import OrderedAlone, ordered_alone
from models.sql.database import unreadable_rows
from models.sql.unreadable import UnreadableRow

Rates = Mapping[tuple[Currency, Currency], Decimal]
"""Units of the second currency per unit of the first."""
ADDED_UP_FOR = timedelta(days=1)
"""Orders of one account within this time count together, and so do those of one person: many small orders are
a large one.
"""


@dataclass(frozen=True, slots=True)
class RecentOrders:
    """Orders placed for an account within a day, for `second_person_reason` to add up."""

    notional: Decimal | None
    """Notional of the orders of the last day in the account's base currency; None: unknown."""
    rates: Rates


@dataclass(frozen=True, slots=True)
class OrdersOfDay:
    """The orders of the last day that count together with a plan: of its account, and of its person alone."""

    account: RecentOrders
    alone: Decimal | None
    """As from `alone_today`."""


async def load_recent_orders(accounts: Sequence[AccountBook], now: datetime) -> dict[AccountId, RecentOrders]:
    """Of each account, in as many round trips as for one."""
    ids = [account.account.account_id for account in accounts]
    orders: dict[AccountId, list[Order]] = {id_: [] for id_ in ids}
    for order in await orders_since(ids, now - ADDED_UP_FOR):
        orders[order.account_id].append(order)
    symbols = {order.symbol for each in orders.values() for order in each}
    instruments = await load_instruments(sorted(symbols)) if symbols else {}
    rates = await load_rates()
    return {
        id_: RecentOrders(_placed(account, orders[id_], instruments), rates)
        for id_, account in zip(ids, accounts, strict=True)
    }


async def alone_today(desk: DeskContext, person: str, rates: Rates, now: datetime) -> Decimal | None:
    """Notional that counts against the person's limit within a day, over all accounts, in the reporting
    currency; None: unknown.

    Call it under `lock_person`, except for a preview.
    """
    try:
        ordered = await ordered_alone(person, now - ADDED_UP_FOR)
    except UnreadableRow as damaged:
        # One unreadable order, of whichever account, must not block the person everywhere.
        unreadable_rows().note(damaged)
        return None
    if not ordered:
        return ZERO
    at_market = [each.symbol for each in ordered if each.symbol is not None and each.leaves_at_market]
    quotes = await load_quotes(at_market) if at_market else {}
    together = ZERO
    for each in ordered:
        worth = _worth_alone(desk, each, quotes.get(each.symbol) if each.symbol else None, rates)
        if worth is None:
            return None
        together = total([together, worth])
    return together


def _worth_alone(
    desk: DeskContext, ordered: OrderedAlone, quote: Quote | None, rates: Rates
) -> Decimal | None:
    """In the reporting currency; None without a price or rate."""
    mark = quote.mark if quote else ZERO
    if ordered.leaves_at_market and not mark:
        return None
    with exact():
        notional = ordered.known_notional + ordered.leaves_at_market * abs(mark)
    return _in_currency(notional, ordered.currency, desk.policy.reporting_currency, rates)


def second_person_reason(
    desk: DeskContext,
    account: AccountBook,
    ordered: OrdersOfDay,
    plan: Plan,
    cases: int,
    override: bool,
) -> Phrase | None:
    """Why one person may not do this alone, as the end of a sentence; None if they may."""
    limits, own = account.policy.approval_limits, desk.policy.approval_limits
    most_cases = own.cases if limits.cases is None else limits.cases
    most = own.notional if limits.notional is None else limits.notional
    if override and not plan.uncovered_before:
        return phrase(DetailCode.NOTHING_LEFT)
    if plan.second_person:
        return phrase(DetailCode.PRICED_OUTSIDE_COLLAR, prices="; ".join(plan.second_person))
    if most_cases is not None and cases > most_cases:
        return phrase(DetailCode.MANY_CASES, cases=cases, most=most_cases)
    if most is None:
        return None
    currency = desk.policy.reporting_currency
    if ordered.account.notional is None:
        return phrase(DetailCode.TRADED_UNKNOWN, currency=account.account.base_currency)
    with exact():
        together = plan.notional + ordered.account.notional
    base = account.account.base_currency
    above = _above(together, base, most, currency, ordered.account.rates)
    if above is None:
        return phrase(DetailCode.NOTIONAL_UNKNOWN, currency=currency)
    if above:
        return phrase(DetailCode.NOTIONAL_ABOVE, most=most, currency=currency)
    return _beyond_own_day(desk, plan, base, ordered, most)


def with_orders_of(desk: DeskContext, ordered: OrdersOfDay, plan: Plan, base: Currency) -> OrdersOfDay:
    """As if the person had placed the plan alone; `base`: the account's base currency."""
    recent, rates = ordered.account.notional, ordered.account.rates
    worth = _in_currency(plan.notional, base, desk.policy.reporting_currency, rates)
    return OrdersOfDay(
        RecentOrders(None if recent is None else total([recent, plan.notional]), rates),
        None if ordered.alone is None or worth is None else total([ordered.alone, worth]),
    )


def _beyond_own_day(
    desk: DeskContext, plan: Plan, base: Currency, ordered: OrdersOfDay, most: Decimal
) -> Phrase | None:
    """Check the person's limit over all accounts: many accounts are one large liquidation."""
    currency = desk.policy.reporting_currency
    worth = _in_currency(plan.notional, base, currency, ordered.account.rates)
    if ordered.alone is None or worth is None:
        return phrase(DetailCode.ALONE_UNKNOWN, currency=currency)
    if total([ordered.alone, worth]) <= most:
        return None
    return phrase(DetailCode.ALONE_ABOVE, most=most, currency=currency)


async def load_rates() -> Rates:
    """All rates that are known."""
    return {(rate.base_currency, rate.quote_currency): rate.rate for rate in await load_fx_rates()}


def _placed(
    account: AccountBook, orders: Sequence[Order], instruments: Mapping[Symbol, Instrument]
) -> Decimal | None:
    """Notional that the orders have traded or may still trade, in the account's base currency.

    The cancelled rest does not count. None if a price or rate is missing.
    """
    held = {holding.instrument.symbol: holding for holding in account.book.holdings}
    together = ZERO
    for order in orders:
        if not order.filled_quantity and not order.leaves_quantity:
            continue
        instrument = instruments.get(order.symbol)
        if instrument is None:
            # The order's row is damaged.
            return None
        price = order.limit_price or (valuation_price(held[order.symbol]) if order.symbol in held else ZERO)
        rate = rate_to_base(account.book, instrument.currency)
        notional = _notional(order, instrument, price)
        if not rate or notional is None:
            return None
        with exact():
            together += notional * rate
    return together


def _notional(order: Order, instrument: Instrument, price: Decimal | None) -> Decimal | None:
    """Notional that the order has traded or may still trade, in the instrument's currency; None without a
    price.
    """
    if order.leaves_quantity and not price:
        return None
    with exact():
        leaves = order.leaves_quantity * abs(price or ZERO)
        return (abs(order.filled_notional) + leaves) * instrument.multiplier


def _in_currency(amount: Decimal, currency: Currency, into: Currency, rates: Rates) -> Decimal | None:
    """For comparison only, since a quotient may not be finite; None without a rate. 0 needs no rate."""
    if not amount:
        return ZERO
    rate = ONE if currency == into else rates.get((currency, into))
    if rate is not None:
        with exact():
            return amount * rate
    inverse = rates.get((into, currency))
    return quotient_up(amount, inverse) if inverse else None


def _above(
    amount: Decimal,
    currency: Currency,
    most: Decimal,
    of: Currency,
    rates: Rates,
) -> bool | None:
    """Whether the amount exceeds `most` of another currency; None without a rate.

    If only the inverse rate is known, the limit is converted instead of the amount, since a quotient may not
    be finite.
    """
    rate = ONE if currency == of else rates.get((currency, of))
    inverse = rates.get((of, currency))
    with exact():
        if rate is not None:
            return amount * rate > most
        return amount > most * inverse if inverse else None


def facts_before(plan: Plan) -> Facts:
    """The state before anything is sold."""
    return {"uncoveredAmount": plain_text(plan.uncovered_before)}


def facts_after(plan: Plan) -> Facts:
    """The effect of the plan, for persons to compare."""
    legs = {_name_of(leg): f"{plain_text(leg.quantity)}{_AT}{plain_text(leg.price)}" for leg in plan.legs}
    return {"uncoveredAmount": plain_text(plan.amount_after), "notional": plain_text(plan.notional), **legs}


def exceeds_approval(requested: Facts, plan: Plan, growth: Decimal) -> Refusal | None:
    """The refusal if the plan has grown beyond its approval."""
    notional = Decimal(requested["notional"] or 0)
    with exact():
        if plan.notional <= notional * (ONE + growth):
            return None
    return Refusal(
        RefusalCode.VERSION_CONFLICT,
        f"The plan would now trade {plain_text(plan.notional)}, and the request was for "
        f"{plain_text(notional)}: decline the request and let the maker send a new one.",
    )


def beyond_what_was_seen(requested: Facts, plan: Plan, collar: PriceCollar) -> Refusal | None:
    """The refusal if a leg's price is outside the one-person collar and worse than the price that was
    approved.
    """
    for leg in plan.legs:
        price = leg.limit_price or leg.price
        if collar.place(leg.instrument, leg.quote, leg.side, price) is CollarPlace.WITHIN:
            continue
        seen = _seen_price(requested, leg)
        if seen is None or (price < seen if leg.side is OrderSide.SELL else price > seen):
            was = "no order in it" if seen is None else plain_text(seen)
            return Refusal(
                RefusalCode.VERSION_CONFLICT,
                f"{leg.instrument.symbol} would now be priced at {plain_text(price)}, outside its price "
                f"collar, and the request had {was}: decline the request and let the maker send a new "
                "one.",
            )
    return None


def _seen_price(requested: Facts, leg: PlannedLeg) -> Decimal | None:
    fact = requested.get(_name_of(leg))
    return Decimal(fact.rpartition(_AT)[2]) if fact else None


def _name_of(leg: PlannedLeg) -> str:
    return f"{leg.side} {leg.instrument.symbol}"


_AT = " at "


def differences(requested: Facts, done: Facts) -> dict[str, tuple[str | None, str | None]]:
    """Requested and executed value by name, where they differ."""
    names = [*requested, *(name for name in done if name not in requested)]
    return {
        name: (requested.get(name), done.get(name)) for name in names if requested.get(name) != done.get(name)
    }
