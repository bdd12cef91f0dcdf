"""The effect of an execution on cash and positions, defined here only.

Cash moves in whole minor units of the instrument's currency: the gross amount and the fee are each rounded
HALF_UP. The planner, the paper venue and the records of executions all use these functions.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from domain.ids import Symbol
from domain.margin import Book, CashBalance, Holding
from domain.market import Instrument
from domain.money import Currency, average_price, exact, round_money


def booked(instrument: Instrument, quantity: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
    """Gross amount and fee of trading `quantity` (>= 0) at `price`. Call it inside `money.exact()`.

    At a price below 0 the gross amount is below 0: the seller pays it. The fee is never below 0.
    """
    gross = round_money(quantity * instrument.multiplier * price, instrument.currency)
    return gross, round_money(instrument.fee_rate * abs(gross), instrument.currency)


def trade_fee(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """The fee of trading `quantity` (>= 0) at `price`: the rate times the booked gross amount, in whole minor
    units.
    """
    with exact():
        return booked(instrument, quantity, price)[1]


def cash_effect(instrument: Instrument, signed_quantity: Decimal, price: Decimal, fee: Decimal) -> Decimal:
    """The effect of an execution on the ledger cash of the instrument's currency; a buy (> 0) takes cash out.

    A fee that a venue states with more digits is rounded like a computed one.
    """
    with exact():
        gross, _ = booked(instrument, abs(signed_quantity), price)
        return (-gross if signed_quantity > 0 else gross) - round_money(fee, instrument.currency)


def contains(stated_at: datetime, placed_at: datetime, happened_at: datetime, now: datetime) -> bool:
    """Whether a statement of cash or a position as of `stated_at` contains an execution of `happened_at`, of
    an order of `placed_at`.

    A statement as of the moment of the order does not: the order was based on it. Statements and executions
    give the same book in any order of arrival: the late report of a lost execution, too, changes only what is
    older than it. A statement as of later than `now` comes from a wrong clock and says nothing about the
    order.
    """
    return placed_at < stated_at and happened_at <= stated_at <= now


def filled(holding: Holding, signed_quantity: Decimal, price: Decimal) -> Holding:
    """The position after an execution, with quantity 0 if that closes it."""
    cost = cost_after(holding.quantity, holding.average_cost, signed_quantity, price)
    with exact():
        quantity = holding.quantity + signed_quantity
    return replace(holding, quantity=quantity, average_cost=cost)


def cost_after(
    held: Decimal, cost: Decimal | None, signed_quantity: Decimal, price: Decimal
) -> Decimal | None:
    """The average cost of a position after a fill; `cost`: before the fill, None if unknown.

    It stays the same if the fill reduces the position, as every order of the desk does. A fill that turns
    long into short, or follows the closing of the position, starts at its own price. A fill that extends the
    position, such as a second fill beyond the held quantity, is averaged in.
    """
    with exact():
        after = held + signed_quantity
        if after * held < 0 or not held:
            return price
        if cost is None or abs(after) <= abs(held):
            return cost
        paid = held * cost + signed_quantity * price
    return average_price(paid, after)


def after_fill(book: Book, symbol: Symbol, signed_quantity: Decimal, price: Decimal, fee: Decimal) -> Book:
    """The book after an execution (bought > 0, sold < 0); `fee` is in the instrument's currency.

    Raises LookupError if the book has no position in `symbol`, since the desk only reduces positions.
    """
    held = book.holding(symbol)
    if held is None:
        raise LookupError(f"no position in {symbol}")
    after = filled(held, signed_quantity, price)
    holdings = (after if each is held else each for each in book.holdings)
    effect = cash_effect(held.instrument, signed_quantity, price, fee)
    return replace(
        book,
        holdings=tuple(each for each in holdings if each.quantity),
        cash=credited(book.cash, held.instrument.currency, effect),
    )


def credited(cash: tuple[CashBalance, ...], currency: Currency, effect: Decimal) -> tuple[CashBalance, ...]:
    """The balances with `effect` added to that of `currency`, which is created if necessary."""
    held = next((each for each in cash if each.currency == currency), None)
    if held is None:
        return (*cash, CashBalance(currency, effect))
    with exact():
        after = replace(held, balance=held.balance + effect)
    return tuple(after if each is held else each for each in cash)
