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

If v or r is unknown, only bounds of the number are known (see `domain.bounds`). If its range lies on one side
of the question, the answer is certain for every unknown value; otherwise it is UNKNOWN. M1 and M2 are bounded
separately, and M2 depends on cash, which no price changes. An answer may therefore be UNKNOWN although a
finer calculation would be certain, but never the other way round.

If nothing is unknown, every range is one number, and the answers are those of the figures.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial, reduce

from domain.bounds import BookBounds, Gap, Gauge, Range, larger, plus
from domain.case import AlertType
from domain.margin import (
    AccountTerms,
    AccountType,
    AmountRule,
    Book,
    MarginFigures,
    Totals,
    is_old,
    needs,
    standing_of,
)
from domain.money import ONE, ZERO, Currency, exact, round_money


class Answer(Enum):
    """The answer to one question, for every value that the unknown data may have."""

    YES = "YES"
    NO = "NO"
    UNKNOWN = "UNKNOWN"


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
        bounds = BookBounds(book, policy.short_rise)
        need, deciding = _need(bounds)
        if need.low is not None and need.high is not None:
            low, high = (round_money(max(end, ZERO), base) for end in (need.low, need.high))
            if low == high:
                return ()
        return bounds.unknown(deciding)


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
    bounds = BookBounds(book, policy.short_rise)
    excess, force = bounds.range_of(_excess), bounds.range_of(_force_excess)
    over = plus(bounds.range_of(_debt), -book.terms.financing_limit)
    need, deciding = _need(bounds)
    base = book.terms.base_currency
    answers = (_below_zero(excess), _below_zero(force), _to_collect(need, base), _to_collect(over, base))
    gauges = ((_excess,), (_force_excess,), deciding, (_debt,))
    open_ = [gauge for answer, of in zip(answers, gauges, strict=True) for gauge in of if _is_open(answer)]
    old = is_old(book, now, policy.max_age)
    return _judged(book, _Answers(*answers), old=old, gaps=bounds.gaps(open_))


def _excess(sums: Totals) -> Decimal:
    return _liquid(sums) - sums.maintenance


def _force_excess(sums: Totals) -> Decimal:
    return _liquid(sums) - sums.force_close


def _liquid(sums: Totals) -> Decimal:
    return sums.cash + sums.long + sums.short - sums.dead


def _debt(sums: Totals) -> Decimal:
    return -sums.cash


def _need(bounds: BookBounds) -> tuple[Range, tuple[Gauge, ...]]:
    """The amount before it is rounded and limited to 0, and the gauges that measure it."""
    terms, rule = bounds.book.terms, bounds.book.rule
    constants = [constant for constant, _ in needs(terms, rule, standing_of(rule, Totals()), ZERO)]
    gauges = tuple(partial(_variable_part, terms, rule, place) for place in range(len(constants)))
    ranges = [
        plus(bounds.range_of(gauge), constant) for gauge, constant in zip(gauges, constants, strict=True)
    ]
    return reduce(larger, ranges), gauges


def _variable_part(terms: AccountTerms, rule: AmountRule, place: int, sums: Totals) -> Decimal:
    """The condition at this place without the part that does not depend on prices and rates."""
    without_amounts = AccountTerms(terms.account_type, terms.base_currency)
    return needs(without_amounts, rule, standing_of(rule, sums), sums.accrued_interest)[place][0]


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
