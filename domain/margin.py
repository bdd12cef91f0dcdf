"""From cash, positions and prices to margin figures and the amount to collect."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum

from domain.ids import Symbol
from domain.market import FxRate, Instrument, MarginFactors, Quote
from domain.money import ONE, ZERO, Currency, divide_ratio, exact, round_money


class AccountType(StrEnum):
    """MARGIN lends against positions, INTRADAY only within the day, CASH not at all."""

    MARGIN = "MARGIN"
    INTRADAY = "INTRADAY"
    CASH = "CASH"


class RiskLevel(IntEnum):
    """The client-facing level. DANGER: liquid net assets at or below maintenance."""

    SAFE = 0
    MEDIUM = 1
    WARNING = 2
    DANGER = 3


@dataclass(frozen=True, slots=True)
class AmountRule:
    """The parts of the amount to collect that the back office has switched on, per account type."""

    coefficient: Decimal = ONE
    with_interest: bool = True
    with_outstanding_margin: bool = True
    with_trading_limit: bool = True
    with_over_financing: bool = True
    over_financing_triggers: bool = False
    """A case opens on over-financing alone (alert type OVER_FINANCING)."""
    on_equity: bool = False
    """Measure equity instead of liquid net assets (the conservative default)."""
    whole_debt: bool = False
    """Ask for the whole debt, as of a cash account: due from an intraday account before the close."""


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """What was agreed with the client. Amounts are in `base_currency`."""

    account_type: AccountType
    base_currency: Currency
    financing_limit: Decimal = ZERO
    trading_limit: Decimal = ZERO
    outstanding_margin: Decimal = ZERO
    """Margin owed from earlier calls ("Owed" in the formulas)."""


@dataclass(frozen=True, slots=True)
class CashBalance:
    """Ledger cash in one currency, debit negative, frozen cash included; interest accrued is a cost >= 0."""

    currency: Currency
    balance: Decimal
    accrued_interest: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Holding:
    """One position: `quantity` > 0 long, < 0 short, never 0."""

    instrument: Instrument
    quantity: Decimal
    factors: MarginFactors
    quote: Quote | None
    dead: bool = False
    average_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that the figures of one account are computed from."""

    terms: AccountTerms
    rule: AmountRule
    cash: tuple[CashBalance, ...]
    holdings: tuple[Holding, ...]
    fx: Mapping[Currency, FxRate]
    """currency -> rate into the base currency; the base currency itself needs none."""

    def holding(self, symbol: Symbol) -> Holding | None:
        """The position in `symbol`, if there is one."""
        return next((held for held in self.holdings if held.instrument.symbol == symbol), None)


@dataclass(frozen=True, slots=True)
class MarginFigures:
    """The figures of one account at `as_of`, exact, in the base currency; `amount` is whole minor units."""

    as_of: datetime
    stale: bool
    cash: Decimal
    long_market_value: Decimal
    short_market_value: Decimal
    """Zero or negative."""
    dead_market_value: Decimal
    equity: Decimal
    liquid_net_assets: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    margin_call_margin: Decimal
    force_close_margin: Decimal
    net_asset_ratio: Decimal | None
    debt: Decimal
    over_financing: Decimal
    accrued_interest: Decimal
    outstanding_margin: Decimal
    trading_limit: Decimal
    amount: Decimal
    """max(M1, M2, 0), HALF_UP to the minor unit: what a client pays to be cured, and what decides."""
    risk_level: RiskLevel

    @property
    def advances_stopped(self) -> bool:
        """Nothing more is lent: liquid net assets do not exceed the initial margin."""
        return self.liquid_net_assets <= self.initial_margin


def compute_figures(book: Book, now: datetime, max_age: timedelta) -> MarginFigures:
    """The figures from nothing but the book: position by position, the definition.

    What cannot be valued counts against the client and makes the figures stale: a long without any quote is
    worth nothing, a short without one is valued at its average cost (nothing, if that is unknown too).
    Money in a currency without FX rate counts as 0: there is no number to be careful with.
    A dead position does not trade, so the age of its quote makes nothing stale.
    """
    stale = _is_stale(book, now, max_age)
    with exact():
        return figures_of(book.terms, book.rule, total_up(book), now, stale)


@dataclass(slots=True)
class Totals:
    """Sums over cash and positions, all in one currency; short market value is zero or negative."""

    cash: Decimal = ZERO
    accrued_interest: Decimal = ZERO
    long: Decimal = ZERO
    short: Decimal = ZERO
    dead: Decimal = ZERO
    initial: Decimal = ZERO
    maintenance: Decimal = ZERO
    margin_call: Decimal = ZERO
    force_close: Decimal = ZERO
    positions: int = 0

    def add_holding(self, holding: Holding, sign: int = 1) -> None:
        """Put the position in, or take the same one out with `sign` -1; values in its currency."""
        if not holding.quantity:
            return
        self.positions += sign
        value = sign * market_value(holding)
        if holding.quantity > 0:
            self.long += value
        else:
            self.short += value
        if holding.dead:
            self.dead += value if holding.quantity > 0 else ZERO
            return
        size = value if holding.quantity > 0 else -value
        factors = holding.factors
        self.initial += size * factors.initial
        self.maintenance += size * factors.maintenance
        self.margin_call += size * factors.margin_call
        self.force_close += size * factors.force_close

    def add_converted(self, other: "Totals", rate: Decimal) -> None:
        """Put the sums of another currency in, at `rate`."""
        self.cash += other.cash * rate
        self.accrued_interest += other.accrued_interest * rate
        self.long += other.long * rate
        self.short += other.short * rate
        self.dead += other.dead * rate
        self.initial += other.initial * rate
        self.maintenance += other.maintenance * rate
        self.margin_call += other.margin_call * rate
        self.force_close += other.force_close * rate
        self.positions += other.positions


def valuation_price(holding: Holding) -> Decimal:
    """The mark; without any quote 0 for a long and the average cost for a short (0 if unknown)."""
    if holding.quote is not None:
        return holding.quote.mark
    return ZERO if holding.quantity > 0 or holding.average_cost is None else holding.average_cost


def market_value(holding: Holding) -> Decimal:
    """Signed, in the instrument's currency. Options and funds are valued like stock, by their multiplier."""
    return holding.quantity * holding.instrument.multiplier * valuation_price(holding)


def rate_to_base(book: Book, currency: Currency) -> Decimal:
    """Units of the base currency per unit of `currency`; 0 where no rate is known."""
    if currency == book.terms.base_currency:
        return ONE
    rate = book.fx.get(currency)
    return ZERO if rate is None else rate.rate


def total_up(book: Book) -> Totals:
    """Everything in the book, in the base currency. Call it inside `money.exact()`.

    Each currency is summed up first and converted once: nothing is rounded, so the sums are the same, and it
    takes half the time.
    """
    sums: dict[Currency, Totals] = {}
    for cash in book.cash:
        local = _in_currency(sums, cash.currency)
        local.cash += cash.balance
        local.accrued_interest += cash.accrued_interest
    for holding in book.holdings:
        _in_currency(sums, holding.instrument.currency).add_holding(holding)
    totals = Totals()
    for currency, local in sums.items():
        totals.add_converted(local, rate_to_base(book, currency))
    return totals


def _in_currency(sums: dict[Currency, Totals], currency: Currency) -> Totals:
    if currency not in sums:
        sums[currency] = Totals()
    return sums[currency]


def figures_of(
    terms: AccountTerms, rule: AmountRule, totals: Totals, as_of: datetime, stale: bool
) -> MarginFigures:
    """The figures that follow from the sums in base currency. Inside `money.exact()`."""
    equity = totals.cash + totals.long + totals.short
    liquid = equity - totals.dead
    debt = max(ZERO, -totals.cash)
    lines = shortfalls(
        terms,
        rule,
        totals.cash,
        equity if rule.on_equity else liquid,
        totals.margin_call,
        totals.accrued_interest,
    )
    backing = max(liquid, totals.long - totals.dead - totals.short)
    return MarginFigures(
        as_of=as_of,
        stale=stale,
        cash=totals.cash,
        long_market_value=totals.long,
        short_market_value=totals.short,
        dead_market_value=totals.dead,
        equity=equity,
        liquid_net_assets=liquid,
        initial_margin=totals.initial,
        maintenance_margin=totals.maintenance,
        margin_call_margin=totals.margin_call,
        force_close_margin=totals.force_close,
        net_asset_ratio=divide_ratio(liquid, backing) if backing else None,
        debt=debt,
        over_financing=max(ZERO, debt - terms.financing_limit),
        accrued_interest=totals.accrued_interest,
        outstanding_margin=terms.outstanding_margin,
        trading_limit=terms.trading_limit,
        amount=round_money(max(*lines, ZERO), terms.base_currency),
        risk_level=_risk_level(totals, debt, liquid),
    )


def shortfalls(
    terms: AccountTerms,
    rule: AmountRule,
    cash: Decimal,
    net_assets: Decimal,
    margin_call: Decimal,
    accrued_interest: Decimal,
) -> tuple[Decimal, Decimal]:
    """M1 and M2, unrounded, in base currency: what margin and what the financing limit ask for.

    M1 = k * MCM - net assets + interest + owed - trading limit, for a cash account debt instead of
    k * MCM - net assets; M2 = debt above the financing limit, for a cash account 0. Inside `money.exact()`.
    """
    debt = max(ZERO, -cash)
    if owes_whole_debt(terms, rule):
        return debt + fixed_part(terms, rule, accrued_interest), ZERO
    needed = rule.coefficient * margin_call - net_assets + fixed_part(terms, rule, accrued_interest)
    return needed, max(ZERO, debt - terms.financing_limit) if rule.with_over_financing else ZERO


def owes_whole_debt(terms: AccountTerms, rule: AmountRule) -> bool:
    """The debt is asked for, not the margin."""
    return rule.whole_debt or terms.account_type is AccountType.CASH


def fixed_part(terms: AccountTerms, rule: AmountRule, accrued_interest: Decimal) -> Decimal:
    """The part of M1 that no trade changes: interest + owed - trading limit, as far as switched on."""
    part = accrued_interest if rule.with_interest else ZERO
    if rule.with_outstanding_margin:
        part += terms.outstanding_margin
    return part - terms.trading_limit if rule.with_trading_limit else part


def _risk_level(totals: Totals, debt: Decimal, liquid_net_assets: Decimal) -> RiskLevel:
    if not debt and not totals.short:
        return RiskLevel.SAFE
    if liquid_net_assets > totals.initial:
        return RiskLevel.MEDIUM
    return RiskLevel.WARNING if liquid_net_assets > totals.maintenance else RiskLevel.DANGER


def is_live(holding: Holding) -> bool:
    """Held and trading: the age of its quote matters."""
    return bool(holding.quantity) and not holding.dead


def _is_stale(book: Book, now: datetime, max_age: timedelta) -> bool:
    quotes = [held.quote for held in book.holdings if is_live(held)]
    if any(quote is None or quote.is_stale(now, max_age) for quote in quotes):
        return True
    currencies = {held.instrument.currency for held in book.holdings if held.quantity}
    currencies |= {cash.currency for cash in book.cash if cash.balance or cash.accrued_interest}
    rates = [book.fx.get(currency) for currency in currencies if currency != book.terms.base_currency]
    return any(rate is None or now - rate.at > max_age for rate in rates)
