"""How a call was met: the contributions of client, desk and market, from two snapshots and the fills.

The first book is transformed into the second in this order, and each step is credited with what it takes off
the need: the client's own trades at the initial marks, then deposits, then the desk's sales at their prices
and fees, then everything else (prices, rates, factors, interest, limits). The contributions add up exactly to
the initial need less the final need.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.booking import credited
from domain.case import CaseCloseReason
from domain.ids import Symbol
from domain.margin import (
    Book,
    Holding,
    currencies_in_use,
    largest,
    needs,
    standing_of,
    total_up,
    valuation_price,
)
from domain.market import FxRate
from domain.money import ZERO, Currency, exact, round_money, total
from domain.order import OrderSide


def seconds_between(first_order_at: datetime, cured_since: datetime) -> int | None:
    """Whole seconds from the first order until nothing was owed; None if that was so before the order."""
    if cured_since < first_order_at:
        return None
    return (cured_since - first_order_at) // timedelta(seconds=1)


class MetBy(StrEnum):
    """The source of what met a call."""

    DEPOSIT = "DEPOSIT"
    CLIENT_TRADE = "CLIENT_TRADE"
    LIQUIDATION = "LIQUIDATION"
    MARKET = "MARKET"
    EXEMPTED = "EXEMPTED"
    WRITTEN_OFF = "WRITTEN_OFF"
    VOIDED = "VOIDED"


@dataclass(frozen=True, slots=True)
class BookedFill:
    """One execution as booked; `cash` is its effect in the instrument's currency, including the fee."""

    symbol: Symbol
    side: OrderSide
    quantity: Decimal
    cash: Decimal

    @property
    def signed_quantity(self) -> Decimal:
        """Bought > 0, sold < 0."""
        return self.quantity if self.side is OrderSide.BUY else self.quantity.copy_negate()


@dataclass(frozen=True, slots=True)
class CureParts:
    """The reduction of the need by each source, in base currency, exact; negative: it increased the need."""

    client_trades: Decimal
    deposits: Decimal
    sales: Decimal
    market: Decimal
    surplus: Decimal
    """The surplus at the end; negative: the remaining need."""

    def in_whole_units(self, currency: Currency) -> "CureParts":
        """The contributions as shown in reports, in whole minor units.

        Rounding differences count as the market's, so that the four still add up to the initial need plus the
        surplus.
        """
        needed = round_money(
            total([self.client_trades, self.deposits, self.sales, self.market, self.surplus.copy_negate()]),
            currency,
        )
        trades, deposits, sales, surplus = (
            round_money(each, currency)
            for each in (self.client_trades, self.deposits, self.sales, self.surplus)
        )
        others = (trades, deposits, sales)
        market = total([needed, surplus, *(each.copy_negate() for each in others)])
        return CureParts(trades, deposits, sales, market, surplus)

    @property
    def over_liquidated(self) -> Decimal:
        """The part of the relief from sales that the cure did not need."""
        return max(ZERO, min(self.sales, self.surplus))

    @property
    def met_by(self) -> tuple[MetBy, ...]:
        """The sources that contributed, the largest first."""
        parts = {
            MetBy.CLIENT_TRADE: self.client_trades,
            MetBy.DEPOSIT: self.deposits,
            MetBy.LIQUIDATION: self.sales,
            MetBy.MARKET: self.market,
        }
        return tuple(sorted((name for name, part in parts.items() if part > 0), key=lambda n: -parts[n]))


_WITHOUT_CURE = {
    CaseCloseReason.EXEMPTED: MetBy.EXEMPTED,
    CaseCloseReason.WRITTEN_OFF: MetBy.WRITTEN_OFF,
    CaseCloseReason.VOIDED: MetBy.VOIDED,
}


def how_met(reason: CaseCloseReason | None, parts: CureParts | None) -> tuple[MetBy, ...]:
    """The sources for a closed case; empty while it is live, or without its snapshots."""
    if reason in _WITHOUT_CURE:
        return (_WITHOUT_CURE[reason],)
    return parts.met_by if reason is not None and parts is not None else ()


def need(book: Book) -> Decimal:
    """The amount to collect, neither rounded nor limited to 0: below 0 it is the surplus."""
    with exact():
        totals = total_up(book)
        standing = standing_of(book.rule, totals)
        return largest(needs(book.terms, book.rule, standing, totals.accrued_interest))


def cure_parts(
    before: Book, after: Book, fills: Sequence[BookedFill], passing: Sequence[Holding] = ()
) -> CureParts:
    """The contributions between two snapshots; `fills` are the desk's own fills of the account in between.

    `passing`: holdings that fills sold but that are in neither snapshot, such as shares of a spin-off, as
    held then.
    """
    before = replace(before, fx=_rates(before, after))
    traded = _client_traded(before, after, fills, passing)
    funded = _deposited(traded, after, fills)
    sold = _sold(funded, fills)
    left = [need(book) for book in (before, traded, funded, sold, after)]
    with exact():
        trades, deposits, sales, market = (left[step] - left[step + 1] for step in range(4))
        return CureParts(trades, deposits, sales, market, surplus=-left[-1])


def passing_symbols(before: Book, after: Book, fills: Sequence[BookedFill]) -> set[Symbol]:
    """Instruments of the fills that are in neither book: they came and went in between."""
    held = {held.instrument.symbol for held in (*before.holdings, *after.holdings)}
    return {fill.symbol for fill in fills} - held


def _rates(before: Book, after: Book) -> Mapping[Currency, FxRate]:
    """The initial rates; for currencies that were added later, the final rate."""
    new = after.fx.keys() - before.fx.keys() - currencies_in_use(before)
    return {**before.fx, **{currency: after.fx[currency] for currency in new}}


def _client_traded(
    before: Book, after: Book, fills: Sequence[BookedFill], passing: Sequence[Holding]
) -> Book:
    book = before
    known = {held.instrument.symbol: held for held in (*passing, *after.holdings, *before.holdings)}
    for symbol, held in known.items():
        moved = total(
            [
                _quantity(after, symbol),
                _quantity(before, symbol).copy_negate(),
                *(fill.signed_quantity.copy_negate() for fill in fills if fill.symbol == symbol),
            ]
        )
        if moved:
            with exact():
                paid = -moved * held.instrument.multiplier * valuation_price(held)
            book = _moved(book, held, moved, paid)
    return book


def _deposited(book: Book, after: Book, fills: Sequence[BookedFill]) -> Book:
    currencies = {cash.currency for cash in (*book.cash, *after.cash)}
    for currency in sorted(currencies):
        own = [fill.cash for fill in fills if _currency(book, fill.symbol) == currency]
        came = total(
            [_cash(after, currency), *(amount.copy_negate() for amount in (_cash(book, currency), *own))]
        )
        if came:
            book = replace(book, cash=credited(book.cash, currency, came))
    return book


def _sold(book: Book, fills: Sequence[BookedFill]) -> Book:
    for fill in fills:
        held = book.holding(fill.symbol)
        if held is not None:
            book = _moved(book, held, fill.signed_quantity, fill.cash)
    return book


def _moved(book: Book, reference: Holding, quantity: Decimal, cash: Decimal) -> Book:
    """The book with a position changed and paid for; a position of 0 stays, so that later steps find it."""
    symbol = reference.instrument.symbol
    held = book.holding(symbol)
    now = replace(held or reference, quantity=total([held.quantity if held else ZERO, quantity]))
    others = [each for each in book.holdings if each.instrument.symbol != symbol]
    return replace(
        book,
        holdings=(*others, now),
        cash=credited(book.cash, reference.instrument.currency, cash),
    )


def _quantity(book: Book, symbol: Symbol) -> Decimal:
    held = book.holding(symbol)
    return held.quantity if held else ZERO


def _currency(book: Book, symbol: Symbol) -> Currency | None:
    held = book.holding(symbol)
    return held.instrument.currency if held else None


def _cash(book: Book, currency: Currency) -> Decimal:
    return total(cash.balance for cash in book.cash if cash.currency == currency)
