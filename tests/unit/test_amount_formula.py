"""Which condition decides the amount to collect, and how many lots lower it."""

from decimal import Decimal

import pytest

from domain.amount_formula import AmountFormula, Line, LiquidationTarget, binding, lots_to_cure, useful_lots
from domain.closing import first_cured
from domain.margin import AccountTerms, AccountType, AmountRule, Source, Standing
from tests.unit.books import HKD


def line(need: str, relief: str, source: Source = Source.MARGIN) -> Line:
    return Line(Decimal(need), Decimal(relief), source)


def formula(
    target: LiquidationTarget = LiquidationTarget.MARGIN_CALL, *, on_equity: bool = False, illiquid: int = 0
) -> AmountFormula:
    """Of a margin account that owes nothing from earlier calls and may borrow 1,000."""
    terms = AccountTerms(AccountType.MARGIN, HKD, financing_limit=Decimal(1000))
    return AmountFormula(terms, AmountRule(on_equity=on_equity), Decimal(0), target, Decimal(illiquid))


def standing(debt: int, net_assets: int, margin_call: int, initial: int) -> Standing:
    return Standing(Decimal(-debt), Decimal(net_assets), Decimal(margin_call), Decimal(initial))


def test_of_the_margin_call_and_the_debt_above_the_limit_the_larger_decides() -> None:
    assert formula().deciding(standing(1001, 500, 502, 0)) is Source.MARGIN
    assert formula().deciding(standing(1002, 500, 501, 0)) is Source.DEBT


def test_where_both_demand_the_same_the_margin_decides() -> None:
    assert formula().deciding(standing(1002, 500, 502, 0)) is Source.MARGIN


def test_only_what_demands_money_is_an_open_need() -> None:
    assert formula().open_needs(standing(1000, 500, 500, 0)) == {}
    almost = Standing(Decimal(-1000), Decimal("499.5"), Decimal(500), Decimal(0))
    assert formula().open_needs(almost) == {Source.MARGIN: Decimal("0.5")}
    assert formula().open_needs(standing(1003, 500, 502, 0)) == {Source.MARGIN: 2, Source.DEBT: 3}


def test_the_initial_margin_is_reached_to_the_last_digit() -> None:
    target = formula(LiquidationTarget.INITIAL_MARGIN)
    assert target.is_met(standing(900, 500, 300, 500))
    lacking = Standing(Decimal(-900), Decimal(500), Decimal(300), Decimal("500.0001"))
    assert not target.is_met(lacking)
    assert formula().is_met(lacking)


def test_dead_positions_do_not_help_to_reach_the_initial_margin_even_if_equity_is_measured() -> None:
    target = formula(LiquidationTarget.INITIAL_MARGIN, on_equity=True, illiquid=300)
    assert target.lacks_initial(standing(900, 700, 300, 500)) == 100
    assert not target.is_met(standing(900, 799, 300, 500))
    assert target.is_met(standing(900, 800, 300, 500))


def test_the_highest_line_decides_and_of_two_the_one_that_improves_more_slowly() -> None:
    high, slow, quick = line("11", "9"), line("10", "1"), line("10", "3")
    assert binding((slow, quick, high)) == high
    assert binding((quick, slow)) == binding((slow, quick)) == slow
    debt = line("10", "1", Source.DEBT)
    assert binding((slow, debt)) == slow


@pytest.mark.parametrize("relief", ["0", "-1"])
def test_no_lot_is_useful_if_the_highest_need_does_not_fall(relief: str) -> None:
    assert useful_lots((line("10", relief), line("5", "2", Source.DEBT)), 7) == 0


def test_all_lots_are_useful_while_every_need_falls_or_stays_below() -> None:
    assert useful_lots((line("10", "1"),), 7) == 7
    assert useful_lots((line("10", "1"), line("9", "0.5", Source.DEBT)), 7) == 7
    assert useful_lots((line("10", "1"), line("2", "0", Source.DEBT)), 7) == 7


def test_lots_are_useful_until_another_need_that_they_raise_is_the_highest() -> None:
    """After 5 lots the margin lacks 50; the sixth takes the debt above its limit to 54, or to 49."""
    assert useful_lots((line("100", "10"), line("0", "-9", Source.DEBT)), 99) == 5
    lines = line("100", "10"), line("-5", "-9", Source.DEBT)
    assert useful_lots(lines, 99) == 6
    assert useful_lots(lines, 4) == 4


def test_a_lot_that_leaves_as_much_as_before_is_not_useful() -> None:
    """After 5 lots both lines are at 50 and 40; the sixth raises the lower one to 50."""
    assert useful_lots((line("100", "10"), line("-10", "-10", Source.DEBT)), 99) == 5


def test_a_need_that_no_lot_changes_stops_the_lots_that_fall_below_it() -> None:
    assert useful_lots((line("100", "10"), line("50", "0", Source.DEBT)), 99) == 5
    assert useful_lots((line("100", "10"), line("55", "0", Source.DEBT)), 99) == 5


def test_enough_lots_bring_every_need_that_they_lower_to_zero() -> None:
    assert lots_to_cure((line("10", "3"), line("9", "1", Source.DEBT))) == 9
    assert lots_to_cure((line("10", "0.5"), line("99", "-1", Source.DEBT))) == 20
    assert lots_to_cure((line("-10", "3"),)) == 0


def test_no_number_of_lots_is_stated_if_they_lower_no_need() -> None:
    assert lots_to_cure((line("10", "0"), line("5", "-1", Source.DEBT))) == 0


@pytest.mark.parametrize("fewest", [50, 51])
def test_an_estimate_that_is_at_most_a_lot_too_low_is_confirmed_by_two_evaluations(fewest: int) -> None:
    asked = list[int]()

    def is_cured(lots: int) -> bool:
        asked.append(lots)
        return lots >= fewest

    assert first_cured(is_cured, 50, 1000) == fewest
    assert len(asked) == 2


@pytest.mark.parametrize("guess", range(10))
def test_the_fewest_lots_are_found_whatever_the_estimate(guess: int) -> None:
    for fewest in range(1, 9):
        assert first_cured(lambda lots, fewest=fewest: lots >= fewest, guess, 8) == fewest  # type: ignore[misc]
