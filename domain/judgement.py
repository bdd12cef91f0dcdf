"""Decisions on the figures of an account, even if parts of its book have no price or no rate.

All automatic decisions to open, close or sell are made here; the figures alone are for display. Each
decision is a question about a number that is linear in the values of the account:

    excess   LNA - MM                                below 0: below maintenance
    force    LNA - FM                                below 0: the desk may sell at once
    need     M1, and M2 if it is larger              above 0, rounded: something is to be collected
    over     debt - financing limit                  above 0, rounded: over-financed

A position of value v (in its currency, at the rate r into the base currency) adds to them, by its factors:

                          excess            force              M1
    a long,  v >= 0       + v(1 - mm) r     + v(1 - fm) r      - v(1 - k mcm) r
    a short, v <= 0       - |v|(1 + mm) r   - |v|(1 + fm) r    + |v|(1 + k mcm) r
    a dead long           0                 0                  0; - v r where the rule measures equity
    a dead short          - |v| r           - |v| r            + |v| r
    money c               + c r             + c r              - c r, and its interest i: + i r

If v is unknown, the number lies between its values at the bounds of v:

    a long                from 0, unlimited
    a short               from 0 to |quantity| x multiplier x average cost x (1 + rise); unlimited if the
                          average cost is unknown
    a settling put        from 0 to |quantity| x multiplier x strike, long or short; unlimited if the price
                          of the underlying may be negative
    negative prices       unlimited on both sides of 0

If r is unknown, everything in that currency is multiplied by the same r > 0: a sum that is above 0 for every
price may be anything from 0 up, one below 0 anything from 0 down, and one that may be either, anything. The
ranges of all currencies add up, since their unknowns are independent. If the range lies on one side of the
question, the answer is certain for every unknown value; otherwise it is UNKNOWN. M1 and M2 are bounded
separately, and M2 depends on cash, which no price changes. An answer may therefore be UNKNOWN although a
finer calculation would be certain, but never the other way round.

If nothing is unknown, every range is one number, and the answers are those of the figures.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial, reduce

from domain.case import AlertType
from domain.doubt import DoubtReason
from domain.expiry import Life
from domain.ids import Symbol
from domain.margin import (
    AccountTerms,
    AccountType,
    AmountRule,
    Book,
    Holding,
    MarginFigures,
    Totals,
    currencies_in_use,
    is_old,
    lacks_price,
    needs,
    rate_to_base,
    standing_of,
)
from domain.market import OptionRight
from domain.money import ONE, ZERO, Currency, exact, round_money


class Answer(Enum):
    """The answer to one question, for every value that the unknown data may have."""

    YES = "YES"
    NO = "NO"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Range:
    """All numbers from `low` to `high`; None: unlimited on that side."""

    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Unknown data that leaves a question open: a symbol or a currency."""

    reason: DoubtReason
    subject: str


@dataclass(frozen=True, slots=True)
class JudgementPolicy:
    """`short_rise`: the fraction by which an unpriced short position may have risen above its average
    cost.
    """

    max_age: timedelta
    short_rise: Decimal = ONE


@dataclass(frozen=True, slots=True)
class Judgement:
    """The facts about an account that are certain at a moment."""

    below_maintenance: Answer
    below_force: Answer
    owes: Answer
    """Whether something is to be collected."""
    over_financed: Answer
    old: bool
    """A price or rate that matters was stated too long ago: a call may open, but none ends."""
    gaps: tuple[Gap, ...] = ()
    """Unknown data that leaves one of the questions open."""
    due: dict[AlertType, Answer] = field(default_factory=dict)
    """The calls possible under the account's terms and amount rule, and whether they are due."""

    def asks(self, alert_type: AlertType) -> Answer:
        """Whether a call of this type still demands something."""
        return self.over_financed if alert_type is AlertType.OVER_FINANCING else self.owes

    def ends(self, alert_type: AlertType) -> bool:
        """Whether a call of this type demands nothing, by fresh data only."""
        return self.asks(alert_type) is Answer.NO and not self.old

    @property
    def open(self) -> frozenset[AlertType]:
        """Calls that may be due, depending on unknown data."""
        return frozenset(alert for alert, answer in self.due.items() if answer is Answer.UNKNOWN)

    @property
    def called(self) -> frozenset[AlertType]:
        """Calls that are certainly due."""
        return frozenset(alert for alert, answer in self.due.items() if answer is Answer.YES)


_MARGIN_ALERTS = {AccountType.MARGIN: AlertType.MAINTENANCE, AccountType.INTRADAY: AlertType.INTRADAY}


@dataclass(frozen=True, slots=True)
class _Answers:
    """The answers to the questions about one account."""

    below_maintenance: Answer
    below_force: Answer
    owes: Answer
    over_financed: Answer


_ALL_UNKNOWN = _Answers(Answer.UNKNOWN, Answer.UNKNOWN, Answer.UNKNOWN, Answer.UNKNOWN)


def judge(book: Book, figures: MarginFigures, policy: JudgementPolicy) -> Judgement:
    """The decisions that follow from `figures`, which were computed from the book."""
    if book.incomplete:
        # Gaps that would remain once everything is stated are reported at once.
        gaps = judge(replace(book, incomplete=False), figures, policy).gaps
        return _judged(book, _ALL_UNKNOWN, old=figures.stale, gaps=gaps)
    if not figures.unvalued:
        return _judged(book, _from_figures(book, figures), old=figures.stale)
    with exact():
        return _from_ranges(book, figures.as_of, policy)


def unknown_in_amount(book: Book, policy: JudgementPolicy) -> tuple[str, ...]:
    """Unknown symbols and currencies on which the amount of the book depends, sorted.

    For the amount of a call pass the book under its rule, see `domain.requested_amount`.
    """
    base = book.terms.base_currency
    with exact():
        parts = _Parts(book, policy.short_rise)
        need, deciding = _need(parts)
        if need.low is not None and need.high is not None:
            low, high = (round_money(max(end, ZERO), base) for end in (need.low, need.high))
            if low == high:
                return ()
        return parts.unknown(deciding)


def above_force(figures: MarginFigures) -> bool:
    """Whether net assets certainly reach the force-close margin, as far as figures without their book
    show.
    """
    return not figures.unvalued and figures.liquid_net_assets >= figures.force_close_margin


def _judged(book: Book, answers: _Answers, *, old: bool, gaps: tuple[Gap, ...] = ()) -> Judgement:
    return Judgement(
        answers.below_maintenance,
        answers.below_force,
        answers.owes,
        answers.over_financed,
        old,
        gaps,
        _due(book, answers),
    )


def _due(book: Book, answers: _Answers) -> dict[AlertType, Answer]:
    """A breach that the trading limit covers is not due: its case would be cured at once, and open again."""
    if book.terms.account_type is AccountType.CASH:
        return {AlertType.CASH_DEBT: answers.owes}
    both = _both(answers.owes, answers.below_maintenance)
    breach = answers.owes if book.rule.whole_debt else both
    due = {_MARGIN_ALERTS[book.terms.account_type]: breach}
    if book.rule.over_financing_triggers:
        due[AlertType.OVER_FINANCING] = answers.over_financed
    return due


def _from_figures(book: Book, figures: MarginFigures) -> _Answers:
    over = round_money(figures.over_financing, book.terms.base_currency)
    return _Answers(
        _answer(figures.liquid_net_assets < figures.maintenance_margin),
        _answer(figures.liquid_net_assets < figures.force_close_margin),
        _answer(figures.amount > 0),
        _answer(over > 0),
    )


def _from_ranges(book: Book, now: datetime, policy: JudgementPolicy) -> Judgement:
    parts = _Parts(book, policy.short_rise)
    excess, force = parts.range_of(_excess), parts.range_of(_force_excess)
    over = _plus(parts.range_of(_debt), -book.terms.financing_limit)
    need, deciding = _need(parts)
    base = book.terms.base_currency
    answers = (_below_zero(excess), _below_zero(force), _to_collect(need, base), _to_collect(over, base))
    gauges = ((_excess,), (_force_excess,), deciding, (_debt,))
    open_ = [gauge for answer, of in zip(answers, gauges, strict=True) for gauge in of if _is_open(answer)]
    old = is_old(book, now, policy.max_age)
    return _judged(book, _Answers(*answers), old=old, gaps=parts.gaps(open_))


Gauge = Callable[[Totals], Decimal]
"""A linear function of sums in one currency."""


def _excess(sums: Totals) -> Decimal:
    return _liquid(sums) - sums.maintenance


def _force_excess(sums: Totals) -> Decimal:
    return _liquid(sums) - sums.force_close


def _liquid(sums: Totals) -> Decimal:
    return sums.cash + sums.long + sums.short - sums.dead


def _debt(sums: Totals) -> Decimal:
    return -sums.cash


def _need(parts: "_Parts") -> tuple[Range, tuple[Gauge, ...]]:
    """The amount before it is rounded and limited to 0, and the gauges that measure it."""
    terms, rule = parts.book.terms, parts.book.rule
    constants = [constant for constant, _ in needs(terms, rule, standing_of(rule, Totals()), ZERO)]
    gauges = tuple(partial(_variable_part, terms, rule, place) for place in range(len(constants)))
    ranges = [
        _plus(parts.range_of(gauge), constant) for gauge, constant in zip(gauges, constants, strict=True)
    ]
    return reduce(_larger, ranges), gauges


def _variable_part(terms: AccountTerms, rule: AmountRule, place: int, sums: Totals) -> Decimal:
    """The condition at this place without the part that does not depend on prices and rates."""
    without_amounts = AccountTerms(terms.account_type, terms.base_currency)
    return needs(without_amounts, rule, standing_of(rule, sums), sums.accrued_interest)[place][0]


class _Parts:
    """A book by currency: its known part, and the positions without a price. Use it inside
    `money.exact()`.
    """

    def __init__(self, book: Book, short_rise: Decimal) -> None:
        self.book = book
        self._short_rise = short_rise
        self._known: dict[Currency, Totals] = {}
        self._unpriced: dict[Currency, list[Holding]] = {}
        for cash in book.cash:
            sums = self._known.setdefault(cash.currency, Totals())
            sums.cash += cash.balance
            sums.accrued_interest += cash.accrued_interest
        for held in book.holdings:
            currency = held.instrument.currency
            sums = self._known.setdefault(currency, Totals())
            if lacks_price(held, book.rule):
                self._unpriced.setdefault(currency, []).append(held)
            else:
                sums.add_holding(held)

    def range_of(self, gauge: Gauge) -> Range:
        """The range over every value that the unknown data may have."""
        total = Range(ZERO, ZERO)
        for currency in self._known:
            total = _sum(total, self._converted(currency, gauge))
        return total

    def gaps(self, gauges: Iterable[Gauge]) -> tuple[Gap, ...]:
        """Unknown data that changes one of these gauges."""
        gauges = tuple(gauges)
        gaps = [Gap(DoubtReason.NO_FX_RATE, currency) for currency in self._without_rate(gauges)]
        gaps += [Gap(DoubtReason.NO_PRICE, _priced_by(held)) for held in self._without_price(gauges)]
        return tuple(dict.fromkeys(gaps))

    def unknown(self, gauges: Iterable[Gauge]) -> tuple[str, ...]:
        """Unpriced positions and currencies without a rate that change one of these gauges."""
        gauges = tuple(gauges)
        symbols = {held.instrument.symbol for held in self._without_price(gauges)}
        return tuple(sorted({*symbols, *self._without_rate(gauges)}))

    def _without_rate(self, gauges: tuple[Gauge, ...]) -> list[Currency]:
        return [
            currency
            for currency in sorted(currencies_in_use(self.book) - self.book.fx.keys())
            if any(self._converted(currency, gauge) != _NOTHING for gauge in gauges)
        ]

    def _without_price(self, gauges: tuple[Gauge, ...]) -> list[Holding]:
        return [
            held
            for unpriced in self._unpriced.values()
            for held in unpriced
            if any(self._of_unpriced(held, gauge) != _NOTHING for gauge in gauges)
        ]

    def _converted(self, currency: Currency, gauge: Gauge) -> Range:
        local = _plus(_NOTHING, gauge(self._known[currency]))
        for held in self._unpriced.get(currency, ()):
            local = _sum(local, self._of_unpriced(held, gauge))
        rate = rate_to_base(self.book, currency)
        return _times(local, rate) if rate else _at_any_rate(local)

    def _of_unpriced(self, held: Holding, gauge: Gauge) -> Range:
        highest = _highest_price(held, self._short_rise)
        possible = _up_to(_at_price(held, ONE, gauge), highest)
        if held.instrument.negative_prices:
            possible = _hull(possible, _up_to(_at_price(held, -ONE, gauge), None))
        return possible


_NOTHING = Range(ZERO, ZERO)


def _priced_by(held: Holding) -> Symbol:
    """The symbol whose price is missing: for an option in settlement, its underlying."""
    option = held.instrument.option
    if held.life is Life.SETTLING and option is not None:
        return option.underlying
    return held.instrument.symbol


def _at_price(held: Holding, price: Decimal, gauge: Gauge) -> Decimal:
    sums = Totals()
    sums.add_value(held, held.quantity * held.instrument.multiplier * price)
    return gauge(sums)


def _highest_price(held: Holding, short_rise: Decimal) -> Decimal | None:
    """The highest price that the position may have; None: unlimited. An average cost of 0 counts as
    unknown.
    """
    option = held.instrument.option
    if held.life is Life.SETTLING:
        bounded = option is not None and option.right is OptionRight.PUT and not held.underlying_negative
        return option.strike if bounded and option is not None else None
    if held.quantity > 0 or held.instrument.negative_prices or not held.average_cost:
        return None
    return held.average_cost * (ONE + short_rise)


def _up_to(slope: Decimal, highest: Decimal | None) -> Range:
    """slope x p for every p from 0 to `highest`."""
    if not slope:
        return _NOTHING
    end = None if highest is None else slope * highest
    return Range(ZERO, end) if slope > 0 else Range(end, ZERO)


def _at_any_rate(local: Range) -> Range:
    """The range multiplied by any rate from 0 up."""
    low = ZERO if local.low is not None and local.low >= 0 else None
    high = ZERO if local.high is not None and local.high <= 0 else None
    return Range(low, high)


def _times(one: Range, rate: Decimal) -> Range:
    low, high = (None if end is None else end * rate for end in (one.low, one.high))
    return Range(low, high)


def _plus(one: Range, constant: Decimal) -> Range:
    return _sum(one, Range(constant, constant))


def _sum(one: Range, other: Range) -> Range:
    low = None if one.low is None or other.low is None else one.low + other.low
    high = None if one.high is None or other.high is None else one.high + other.high
    return Range(low, high)


def _hull(one: Range, other: Range) -> Range:
    low = None if one.low is None or other.low is None else min(one.low, other.low)
    high = None if one.high is None or other.high is None else max(one.high, other.high)
    return Range(low, high)


def _larger(one: Range, other: Range) -> Range:
    """The range of the larger of two numbers."""
    lows = [low for low in (one.low, other.low) if low is not None]
    high = None if one.high is None or other.high is None else max(one.high, other.high)
    return Range(max(lows, default=None), high)


def _answer(holds: bool) -> Answer:
    return Answer.YES if holds else Answer.NO


def _is_open(answer: Answer) -> bool:
    return answer is Answer.UNKNOWN


def _both(one: Answer, other: Answer) -> Answer:
    if Answer.NO in (one, other):
        return Answer.NO
    return Answer.YES if one is other is Answer.YES else Answer.UNKNOWN


def _below_zero(of: Range) -> Answer:
    if of.high is not None and of.high < 0:
        return Answer.YES
    return Answer.NO if of.low is not None and of.low >= 0 else Answer.UNKNOWN


def _to_collect(of: Range, base: Currency) -> Answer:
    """Whether the amount, in whole minor units, is above 0."""
    if of.low is not None and round_money(of.low, base) > 0:
        return Answer.YES
    return Answer.NO if of.high is not None and round_money(of.high, base) <= 0 else Answer.UNKNOWN
