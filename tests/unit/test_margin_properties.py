"""After every change of a book, the live figures equal figures computed from scratch, to the last digit."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain.booking import after_fill, trade_fee
from domain.expiry import Life
from domain.ids import Symbol
from domain.live_book import LiveBook
from domain.margin import AccountType, AmountRule, Book, CashBalance, Holding, compute_figures
from domain.market import Instrument, MarginFactors, OptionRight, OptionTerms, Quote
from domain.money import Currency
from tests.unit.books import HKD, JPY, MAX_AGE, NOW, USD, book, factors, fx, holding, instrument

CURRENCIES = (HKD, USD, JPY)
OIL = replace(instrument("OIL", USD, fee="0.0013"), negative_prices=True)
INSTRUMENTS = (
    *(
        instrument(f"S{number}", CURRENCIES[number % 3], fee="0.0013", multiplier=str(1 + 99 * (number // 4)))
        for number in range(5)
    ),
    OIL,
    *(
        replace(
            instrument(f"O{right}", fee="0.0013", multiplier="100"),
            option=OptionTerms(Symbol("S0"), right, Decimal(50), NOW.date()),
        )
        for right in OptionRight
    ),
)
FACTORS = (
    factors(".40", ".30", ".35", ".25"),
    factors("1", "1", "1", "1"),
    factors("0.333", "0.1", "0.2", "0"),
)

symbols = st.sampled_from([each.symbol for each in INSTRUMENTS])
prices = st.decimals("0.0001", "9999", places=4)
stated_prices = st.just(Decimal(0)) | prices
quantities = st.decimals("-9999", "9999", places=2)
amounts = st.decimals("-999999", "999999", places=2)
seconds = st.integers(-5, 90).map(lambda count: timedelta(seconds=count))


def position(
    of: Instrument, quantity: Decimal, margin: MarginFactors, dead: bool, cost: Decimal | None, life: Life
) -> Holding:
    """Without a price; only an option ends."""
    stated = replace(holding(of, str(quantity), margin), dead=dead, average_cost=cost)
    return stated if of.option is None else replace(stated, life=life)


positions = st.builds(
    position,
    of=st.sampled_from(INSTRUMENTS),
    quantity=quantities,
    margin=st.sampled_from(FACTORS),
    dead=st.booleans(),
    cost=st.none() | prices,
    life=st.sampled_from(Life),
)


@st.composite
def quotes(draw: Callable[..., Decimal | None], symbol: str, at: datetime) -> Quote:
    """Any sides may be missing, and they may be crossed; without them there was a close."""
    side = st.none() | stated_prices
    if symbol == OIL.symbol:
        side = side | st.decimals("-99", "-0.01", places=2)
    bid, ask, last = draw(side), draw(side), draw(side)
    closes = stated_prices if last is not None or (bid and ask) else prices
    return Quote(instrument(symbol).symbol, at, bid=bid, ask=ask, last=last, previous_close=draw(closes))


class BookKeptLive(RuleBasedStateMachine):
    """Quotes, rates, fills, statements, suspensions and time, in any order."""

    @initialize(account_type=st.sampled_from(AccountType), on_equity=st.booleans(), cash=amounts)
    def open(self, account_type: AccountType, on_equity: bool, cash: Decimal) -> None:
        self.now = NOW
        start = book(
            cash=str(cash),
            limit="50000",
            account_type=account_type,
            rule=AmountRule(coefficient=Decimal("1.15"), on_equity=on_equity),
        )
        self.live = LiveBook(start, MAX_AGE)

    @rule(by=seconds)
    def time_passes(self, by: timedelta) -> None:
        self.now += by

    @rule(data=st.data(), symbol=symbols, age=seconds)
    def quote_arrives(self, data: st.DataObject, symbol: str, age: timedelta) -> None:
        self.live.on_quote(data.draw(quotes(symbol, self.now - age)))

    @rule(currency=st.sampled_from(CURRENCIES), rate=st.decimals("0.001", "99", places=6), age=seconds)
    def rate_arrives(self, currency: Currency, rate: Decimal, age: timedelta) -> None:
        self.live.on_fx(fx(currency, str(rate), at=self.now - age))

    @rule(stated=positions, age=st.none() | seconds, known=st.booleans())
    def position_is_stated(self, stated: Holding, age: timedelta | None, known: bool) -> None:
        of, price, underlying = stated.instrument, None, None
        if age is not None:
            price = Quote(of.symbol, self.now - age, last=Decimal("1.5"))
        if of.option is not None and known:
            underlying = Quote(of.option.underlying, self.now, last=Decimal("49"))
        self.live.set_holding(replace(stated, quote=price, underlying=underlying))

    @rule(symbol=symbols)
    def position_is_suspended(self, symbol: str) -> None:
        held = self.live.holding(instrument(symbol).symbol)
        if held is not None:
            self.live.set_holding(replace(held, dead=not held.dead))

    @rule(currency=st.sampled_from(CURRENCIES), balance=amounts, interest=st.decimals("0", "999", places=4))
    def cash_is_stated(self, currency: Currency, balance: Decimal, interest: Decimal) -> None:
        self.live.set_cash(CashBalance(currency, balance, interest))

    @rule(symbol=symbols, quantity=quantities, price=prices, closes=st.booleans())
    def order_fills(self, symbol: str, quantity: Decimal, price: Decimal, closes: bool) -> None:
        held = self.live.holding(instrument(symbol).symbol)
        if held is None:
            return
        signed = -held.quantity if closes else quantity
        fee = trade_fee(held.instrument, abs(signed), price)
        expected = after_fill(self.live.book(), held.instrument.symbol, signed, price, fee)
        self.live.on_fill(held.instrument.symbol, signed, price, fee)
        assert self.live.book() == expected

    @invariant()
    def figures_equal_a_recomputation(self) -> None:
        if hasattr(self, "live"):
            found, expected = (
                self.live.figures(self.now),
                compute_figures(self.live.book(), self.now, MAX_AGE),
            )
            assert found == expected
            assert found.unvalued == expected.unvalued


TestBookKeptLive = BookKeptLive.TestCase


@given(st.lists(st.tuples(quantities.filter(bool), prices), max_size=5), amounts)
def test_equity_is_cash_and_positions_and_the_amount_is_never_negative(
    positions: list[tuple[Decimal, Decimal]], cash: Decimal
) -> None:
    held = [
        holding(each, str(quantity), FACTORS[0], Quote(each.symbol, NOW, last=price))
        for each, (quantity, price) in zip(INSTRUMENTS, positions, strict=False)
    ]
    of: Book = book(*held, cash=str(cash), rates=(fx(USD, "7.80"), fx(JPY, "0.0713")))
    found = compute_figures(of, NOW, MAX_AGE)
    assert found.equity == found.cash + found.long_market_value + found.short_market_value
    assert found.amount >= 0
    assert found.short_market_value <= 0 <= found.long_market_value
    assert found.force_close_margin <= found.maintenance_margin <= found.initial_margin
