"""Figures, planner and cure compute the same amount, under every amount rule."""

from dataclasses import fields, replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.amount_formula import AmountFormula, LiquidationTarget, Relief
from domain.cure import need
from domain.margin import (
    AccountTerms,
    AccountType,
    AmountRule,
    Book,
    CashBalance,
    Standing,
    compute_figures,
    total_up,
)
from domain.money import ZERO, Currency, exact, round_money
from tests.unit.books import HKD, JPY, MAX_AGE, NOW, USD, book, factors, fx, holding, instrument, quote

MONEY = st.decimals("-99999", "99999", places=4)
NOT_NEGATIVE = st.decimals("0", "99999", places=4)
SWITCHES = {each.name: st.booleans() for each in fields(AmountRule) if isinstance(each.default, bool)}
RULES = st.builds(AmountRule, st.sampled_from((Decimal(1), Decimal("1.15"), Decimal("0.3333"))), **SWITCHES)
STANDINGS = st.builds(Standing, *[MONEY] * len(Standing._fields))


def test_every_part_of_the_rule_varies() -> None:
    assert {each.name for each in fields(AmountRule)} == {"coefficient", *SWITCHES}


@st.composite
def books(draw: st.DrawFn) -> Book:
    """Cash, interest and positions in several currencies, some of them dead, some short."""
    currencies: tuple[Currency, ...] = (HKD, USD, JPY)
    held = tuple(
        replace(
            holding(
                instrument(f"S{number}", currency),
                str(draw(st.integers(-900, 900)) or 1),
                draw(st.sampled_from((factors(".40", ".30", ".35", ".25"), factors("1", "1", "1", "1")))),
                quote(f"S{number}", str(draw(st.decimals("0.01", "99", places=2)))),
            ),
            dead=draw(st.booleans()),
        )
        for number, currency in enumerate(currencies)
    )
    terms = AccountTerms(
        draw(st.sampled_from(AccountType)), HKD, *(draw(NOT_NEGATIVE) for _ in ("limit", "trading", "owed"))
    )
    cash = tuple(CashBalance(each, draw(MONEY), draw(NOT_NEGATIVE)) for each in currencies)
    rates = (fx(USD, "7.8"), fx(JPY, "0.0712345"))
    return replace(book(*held, rule=draw(RULES), rates=rates), terms=terms, cash=cash)


@given(books())
def test_figures_planner_and_cure_agree_under_every_rule(of: Book) -> None:
    figures = compute_figures(of, NOW, MAX_AGE)
    with exact():
        totals = total_up(of)
        formula = AmountFormula(of.terms, of.rule, totals.accrued_interest)
        standing = formula.standing(totals)
        assert formula.amount(standing) == figures.amount
        assert formula.is_met(standing) is (figures.amount == 0)
        assert formula.need(standing) == need(of)
    assert round_money(max(need(of), ZERO), HKD) == figures.amount


@given(books(), STANDINGS, STANDINGS, st.sampled_from(LiquidationTarget))
def test_the_lines_show_what_a_trade_takes_off_each_need(
    of: Book, standing: Standing, change: Standing, target: LiquidationTarget
) -> None:
    formula = AmountFormula(of.terms, of.rule, Decimal("12.5"), target)
    with exact():
        lines = formula.lines(standing, Relief.of(of.rule, change))
        after = Standing(*(before + moved for before, moved in zip(standing, change, strict=True)))
        assert [(line.after(1), line.source) for line in lines] == list(formula.needs(after))
