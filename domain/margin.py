"""Margin figures and the amount to collect, computed from cash, positions and prices."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import NamedTuple

from domain.expiry import Life, intrinsic_value
from domain.ids import Symbol
from domain.market import FxRate, Instrument, MarginFactors, Place, Quote
from domain.money import ONE, ZERO, Currency, divide_ratio, exact, round_money


class AccountType(StrEnum):
    """MARGIN accounts borrow against positions, INTRADAY accounts only within the day, CASH accounts not at
    all.
    """

    MARGIN = "MARGIN"
    INTRADAY = "INTRADAY"
    CASH = "CASH"


class RiskLevel(IntEnum):
    """The level shown to clients. DANGER: liquid net assets at or below maintenance."""

    SAFE = 0
    MEDIUM = 1
    WARNING = 2
    DANGER = 3


@dataclass(frozen=True, slots=True)
class AmountRule:
    """The parts of the amount to collect that the risk settings switch on, per account type."""

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
    """Demand the whole debt, as from a cash account: due from an intraday account before the close."""
    over_financing_alone: bool = False
    """Demand only over-financing, as an OVER_FINANCING case does."""


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """The terms agreed with the client. Amounts are in `base_currency`."""

    account_type: AccountType
    base_currency: Currency
    financing_limit: Decimal = ZERO
    trading_limit: Decimal = ZERO
    outstanding_margin: Decimal = ZERO
    """Margin owed from earlier calls ("Owed" in the formulas)."""


@dataclass(frozen=True, slots=True)
class CashBalance:
    """Ledger cash in one currency: a debit is negative, frozen cash is included; accrued interest is a cost
    >= 0.
    """

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
    life: Life = Life.ALIVE
    underlying: Quote | None = None
    """For an option, the last quote of its underlying; only a SETTLING option is valued by it."""
    underlying_negative: bool = False
    """For an option: the price of its underlying may fall below 0, so that a put may be worth more than its
    strike.
    """
    underlying_place: Place | None = None
    """For an option: kind and market of its underlying, if known."""


@dataclass(frozen=True, slots=True)
class Book:
    """All inputs from which the figures of one account are computed."""

    terms: AccountTerms
    rule: AmountRule
    cash: tuple[CashBalance, ...]
    holdings: tuple[Holding, ...]
    fx: Mapping[Currency, FxRate]
    """currency -> rate into the base currency; the base currency itself needs no rate."""
    incomplete: bool = False
    """A statement about the account could not be stored."""

    def holding(self, symbol: Symbol) -> Holding | None:
        """The position in `symbol`, if there is one."""
        return next((held for held in self.holdings if held.instrument.symbol == symbol), None)


@dataclass(frozen=True, slots=True)
class MarginFigures:
    """The figures of one account at `as_of`, exact, in the base currency; `amount` is in whole minor
    units.
    """

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
    """max(M1, M2, 0), HALF_UP to the minor unit: what the client has to pay to cure the call, and the basis
    of decisions.
    """
    risk_level: RiskLevel
    unvalued: tuple[str, ...] = field(default=(), compare=False)
    """Symbols without a price and currencies without a rate that matter, sorted.

    A long position and money count as 0 here, a short at its average cost. Not compared, so that snapshots
    stored before this field existed still follow from their inputs to the last digit.
    """

    @property
    def advances_stopped(self) -> bool:
        """No further credit: liquid net assets do not exceed the initial margin."""
        return self.liquid_net_assets <= self.initial_margin


def compute_figures(book: Book, now: datetime, max_age: timedelta) -> MarginFigures:
    """The figures, computed position by position from the book alone: their definition.

    Unknown values count against the client and make the figures stale: a long position without any quote is
    worth nothing, a short one is valued at its average cost (0 if that is unknown too). Money in a currency
    without an FX rate counts as 0, since no conservative number exists. `domain.judgement` decides what
    follows from such figures. Positions that do not matter make nothing stale: a quantity or an amount of 0,
    worthless instruments, a dead long position (see `counts`). A dead position does not trade, so the age of
    its quote makes nothing stale either.
    """
    unvalued = unvalued_in(book)
    stale = book.incomplete or bool(unvalued) or is_old(book, now, max_age)
    with exact():
        return figures_of(book.terms, book.rule, total_up(book), now, stale, unvalued)


@dataclass(slots=True)
class Totals:
    """Sums over cash and positions, all in one currency.

    `long` sums market values above zero and `short` those below. A long position has a negative market value
    if its price is negative.
    """

    cash: Decimal = ZERO
    accrued_interest: Decimal = ZERO
    long: Decimal = ZERO
    short: Decimal = ZERO
    dead: Decimal = ZERO
    initial: Decimal = ZERO
    maintenance: Decimal = ZERO
    margin_call: Decimal = ZERO
    force_close: Decimal = ZERO

    def add_holding(self, holding: Holding, sign: int = 1) -> None:
        """Add the position, or remove it with `sign` -1; values are in its currency."""
        if holding.quantity:
            self.add_value(holding, market_value(holding), sign)

    def add_value(self, holding: Holding, worth: Decimal, sign: int = 1) -> None:
        """Add the position with this value: a position in settlement needs no margin."""
        value = sign * worth
        if worth >= 0:
            self.long += value
        else:
            self.short += value
        if holding.life is not Life.ALIVE:
            return
        if holding.dead:
            self.dead += value if worth > 0 else ZERO
            return
        size = sign * abs(worth)
        factors = holding.factors
        self.initial += size * factors.initial
        self.maintenance += size * factors.maintenance
        self.margin_call += size * factors.margin_call
        self.force_close += size * factors.force_close

    def add_converted(self, other: "Totals", rate: Decimal) -> None:
        """Add the sums of another currency at `rate`."""
        self.cash += other.cash * rate
        self.accrued_interest += other.accrued_interest * rate
        self.long += other.long * rate
        self.short += other.short * rate
        self.dead += other.dead * rate
        self.initial += other.initial * rate
        self.maintenance += other.maintenance * rate
        self.margin_call += other.margin_call * rate
        self.force_close += other.force_close * rate


def known_price(holding: Holding) -> Decimal | None:
    """The mark, or for an expired option the proceeds of its exercise; None if unknown."""
    option = holding.instrument.option
    if holding.life is Life.ALIVE or option is None:
        return None if holding.quote is None else holding.quote.mark
    if holding.life is Life.ENDED:
        return ZERO
    if holding.underlying is None:
        return None
    with exact():
        return intrinsic_value(option, holding.underlying.mark)


def valuation_price(holding: Holding) -> Decimal:
    """The known price; otherwise 0 for a long position and the average cost for a short one (0 if
    unknown).
    """
    price = known_price(holding)
    if price is not None:
        return price
    return ZERO if holding.quantity > 0 or holding.average_cost is None else holding.average_cost


def counts(holding: Holding, rule: AmountRule) -> bool:
    """Whether the position's value matters for decisions.

    A dead long position does not: liquid net assets exclude it, and it needs no margin. It matters if the
    rule measures equity, or if its value may be below zero.
    """
    if not holding.quantity or holding.life is Life.ENDED:
        return False
    left_out = holding.dead and holding.life is Life.ALIVE and holding.quantity > 0
    return not left_out or rule.on_equity or holding.instrument.negative_prices


def lacks_price(holding: Holding, rule: AmountRule) -> bool:
    """Whether its value matters and is unknown."""
    return counts(holding, rule) and known_price(holding) is None


def needs_rate(holding: Holding, rule: AmountRule) -> bool:
    """Whether its value matters and its conversion into the base currency depends on a rate: every value but
    0 does.
    """
    return counts(holding, rule) and known_price(holding) != ZERO


def ageing_quote(holding: Holding) -> Quote | None:
    """The quote whose age matters: none for a dead position, the underlying's for one in settlement."""
    if not holding.quantity or holding.life is Life.ENDED:
        return None
    if holding.life is Life.SETTLING:
        return holding.underlying
    return None if holding.dead else holding.quote


def market_value(holding: Holding) -> Decimal:
    """Signed, in the instrument's currency. Options and funds are valued like stock, by their multiplier."""
    return holding.quantity * holding.instrument.multiplier * valuation_price(holding)


def rate_to_base(book: Book, currency: Currency) -> Decimal:
    """Units of the base currency per unit of `currency`; 0 if no rate is known."""
    return rate_into(book.terms.base_currency, book.fx, currency)


def rate_into(base: Currency, rates: Mapping[Currency, FxRate], currency: Currency) -> Decimal:
    """The same by the rates into the base currency."""
    if currency == base:
        return ONE
    rate = rates.get(currency)
    return ZERO if rate is None else rate.rate


def total_up(book: Book) -> Totals:
    """The whole book in the base currency. Call it inside `money.exact()`.

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
    terms: AccountTerms,
    rule: AmountRule,
    totals: Totals,
    as_of: datetime,
    stale: bool,
    unvalued: tuple[str, ...] = (),
) -> MarginFigures:
    """The figures that follow from the sums in base currency. Call it inside `money.exact()`."""
    equity = totals.cash + totals.long + totals.short
    liquid = equity - totals.dead
    debt = max(ZERO, -totals.cash)
    standing = Standing(totals.cash, equity if rule.on_equity else liquid, totals.margin_call, totals.initial)
    to_collect = largest(needs(terms, rule, standing, totals.accrued_interest))
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
        amount=round_money(max(to_collect, ZERO), terms.base_currency),
        risk_level=_risk_level(totals, debt, liquid),
        unvalued=unvalued,
    )


class Source(IntEnum):
    """The part of the standing that a need depends on; also its place in a `Relief`."""

    MARGIN = 0
    """The margin that the positions require, against net assets."""
    DEBT = 1
    INITIAL = 2
    """The initial margin: a target of plans, never a part of the amount."""


class Standing(NamedTuple):
    """The values of an account that a trade changes, in base currency; net assets as the amount rule measures
    them.
    """

    cash: Decimal
    net_assets: Decimal
    margin_call: Decimal
    initial: Decimal


Need = tuple[Decimal, Source]
"""One condition of the amount: the number, unrounded and possibly below 0, must not be above 0."""


def standing_of(rule: AmountRule, totals: Totals) -> Standing:
    """The standing of an account with these sums. Call it inside `money.exact()`."""
    equity = totals.cash + totals.long + totals.short
    net_assets = equity if rule.on_equity else equity - totals.dead
    return Standing(totals.cash, net_assets, totals.margin_call, totals.initial)


_MARGIN, _DEBT = Source.MARGIN, Source.DEBT
# Names of the module, since `needs` runs for each quote.


def needs(
    terms: AccountTerms, rule: AmountRule, standing: Standing, accrued_interest: Decimal
) -> tuple[Need, ...]:
    """The conditions that make up the amount, in base currency: the only statement of its formula.

    M1 = k * MCM - net assets + interest + owed - trading limit; for a cash account interest + owed - trading
    limit - cash, so that money in the account pays the debt. M2 = debt above the financing limit, not for a
    cash account. Figures, planner, cure and judgement all read it. Call it inside `money.exact()`.
    """
    if rule.over_financing_alone:
        return ((_debt(rule, standing) - terms.financing_limit, _DEBT),)
    fixed = fixed_part(terms, rule, accrued_interest)
    if owes_whole_debt(terms, rule):
        return ((_debt(rule, standing) + fixed, _DEBT),)
    margin = (_margin(rule, standing) + fixed, _MARGIN)
    if not rule.with_over_financing:
        return (margin,)
    return margin, (_debt(rule, standing) - terms.financing_limit, _DEBT)


def weight(rule: AmountRule, source: Source, standing: Standing) -> Decimal:
    """The part of a need that changes with the standing: linear, so it also weighs what one lot changes."""
    return _WEIGHTS[source](rule, standing)


def _margin(rule: AmountRule, standing: Standing) -> Decimal:
    return rule.coefficient * standing.margin_call - standing.net_assets


def _debt(rule: AmountRule, standing: Standing) -> Decimal:
    return -standing.cash


def _initial(rule: AmountRule, standing: Standing) -> Decimal:
    return standing.initial - standing.net_assets


_WEIGHTS = (_margin, _debt, _initial)
"""By `Source`."""


def largest(conditions: Iterable[Need]) -> Decimal:
    """The need that decides the amount."""
    return max(conditions)[0]


def owes_whole_debt(terms: AccountTerms, rule: AmountRule) -> bool:
    """Whether the debt is demanded instead of the margin."""
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


def unvalued_in(book: Book) -> tuple[str, ...]:
    """The items that matter and cannot be valued: symbols without a price, currencies without a rate."""
    unpriced = [held for held in book.holdings if held.quote is None or held.life is not Life.ALIVE]
    symbols = {held.instrument.symbol for held in unpriced if lacks_price(held, book.rule)}
    return tuple(sorted({*symbols, *(currencies_in_use(book) - book.fx.keys())}))


def currencies_in_use(book: Book) -> set[Currency]:
    """Currencies whose rates into the base currency matter for some value."""
    base = book.terms.base_currency
    foreign = [held for held in book.holdings if held.instrument.currency != base]
    used = {held.instrument.currency for held in foreign if needs_rate(held, book.rule)}
    used |= {cash.currency for cash in book.cash if cash.balance or cash.accrued_interest}
    return used - {base}


def is_old(book: Book, now: datetime, max_age: timedelta) -> bool:
    """Whether a price or rate that matters was stated too long ago."""
    quotes = (ageing_quote(held) for held in book.holdings)
    if any(quote is not None and quote.is_stale(now, max_age) for quote in quotes):
        return True
    rates = (book.fx.get(currency) for currency in currencies_in_use(book))
    return any(rate is not None and rate.is_stale(now, max_age) for rate in rates)
