"""The formula sheet, figure by figure."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, Inexact

import pytest

from domain.booking import after_fill, cash_effect, trade_fee
from domain.expiry import Life
from domain.live_book import LiveBook
from domain.margin import (
    AccountType,
    AmountRule,
    Book,
    CashBalance,
    MarginFigures,
    RiskLevel,
    compute_figures,
)
from domain.market import DEFAULT_FACTORS, FxRate, OptionRight, OptionTerms, Quote, TradeStatus
from tests.unit.books import (
    APPLE,
    HKD,
    JPY,
    MAX_AGE,
    NOW,
    SUSPENDED,
    TENCENT,
    TESLA,
    USD,
    book,
    factors,
    flat,
    fx,
    holding,
    instrument,
    quote,
    with_holding,
    worked_example,
)


def figures(of: Book) -> MarginFigures:
    return compute_figures(of, NOW, MAX_AGE)


def amount(of: Book) -> Decimal:
    return figures(of).amount


def test_worked_example_to_the_cent() -> None:
    assert figures(worked_example()) == MarginFigures(
        as_of=NOW,
        stale=False,
        cash=Decimal("-930000"),
        long_market_value=Decimal("1630000"),
        short_market_value=Decimal("-117000"),
        dead_market_value=Decimal("50000"),
        equity=Decimal("583000"),
        liquid_net_assets=Decimal("533000"),
        initial_margin=Decimal("768500"),
        maintenance_margin=Decimal("598800"),
        margin_call_margin=Decimal("683650"),
        force_close_margin=Decimal("513950"),
        net_asset_ratio=Decimal("0.3141"),
        debt=Decimal("930000"),
        over_financing=Decimal("30000"),
        accrued_interest=Decimal("2150"),
        outstanding_margin=Decimal(0),
        trading_limit=Decimal(0),
        amount=Decimal("152800.00"),
        risk_level=RiskLevel.DANGER,
    )


@pytest.mark.parametrize(("cash", "stopped"), [("-60000", True), ("-59999.99", False), ("-60000.01", True)])
def test_nothing_more_is_lent_where_net_assets_do_not_exceed_the_initial_margin(
    cash: str, stopped: bool
) -> None:
    """100,000 of stock with an initial factor of .40."""
    stock = holding(instrument(TENCENT), "1000", factors(".40", ".30", ".35", ".25"), quote(TENCENT, "100"))
    assert figures(book(stock, cash=cash)).advances_stopped is stopped


def test_worked_example_is_the_same_kept_live() -> None:
    assert LiveBook(worked_example(), MAX_AGE).figures(NOW) == figures(worked_example())


def test_retail_example_misses_maintenance_by_525() -> None:
    retail = book(
        holding(instrument("A.US", USD), "50", flat(".25"), quote("A.US", "100")),
        holding(instrument("B.US", USD), "195", flat(".45"), quote("B.US", "100")),
        cash="-15000",
        base=USD,
    )
    assert figures(retail).equity == 9500
    assert figures(retail).maintenance_margin == 10025
    assert amount(retail) == 525


def test_paying_the_amount_cures_and_a_cent_less_does_not() -> None:
    owing = replace(worked_example(), cash=(CashBalance(HKD, Decimal("-930000.004"), Decimal(2150)),))
    asked = amount(owing)

    def after_paying(paid: Decimal) -> Decimal:
        (balance,) = owing.cash
        return amount(replace(owing, cash=(replace(balance, balance=balance.balance + paid),)))

    assert asked == Decimal("152800.00")
    assert after_paying(asked) == 0
    assert after_paying(asked - Decimal("0.01")) == Decimal("0.01")


def test_yen_amounts_have_no_cents() -> None:
    owing = book(cash="-100.5", limit="0", base=JPY)
    assert amount(owing) == 101


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (AmountRule(), "152800"),
        (AmountRule(with_interest=False), "150650"),
        (AmountRule(on_equity=True), "102800"),
        (AmountRule(coefficient=Decimal("1.1")), "221165"),
        (AmountRule(coefficient=Decimal("0.5")), "30000"),
        (AmountRule(coefficient=Decimal("0.5"), with_over_financing=False), "0"),
    ],
)
def test_parts_of_the_amount_can_be_switched(rule: AmountRule, expected: str) -> None:
    assert amount(replace(worked_example(), rule=rule)) == Decimal(expected)


def test_owed_margin_is_added_and_the_trading_limit_subtracted() -> None:
    example = worked_example()
    terms = replace(example.terms, outstanding_margin=Decimal(700), trading_limit=Decimal(100000))
    assert amount(replace(example, terms=terms)) == Decimal("53500.00")
    neither = AmountRule(with_outstanding_margin=False, with_trading_limit=False)
    assert amount(replace(example, terms=terms, rule=neither)) == Decimal("152800.00")


def test_a_cash_account_owes_its_debt_and_nothing_for_margin() -> None:
    example = worked_example()
    cash_account = replace(example, terms=replace(example.terms, account_type=AccountType.CASH))
    assert amount(cash_account) == Decimal("932150.00")
    flush = book(
        holding(instrument("A.HK"), "100", flat("1"), quote("A.HK", "10")), account_type=AccountType.CASH
    )
    assert amount(flush) == 0


def test_interest_in_another_currency_counts_at_its_rate() -> None:
    example = worked_example()
    more = (*example.cash, CashBalance(USD, Decimal(0), Decimal(10)))
    assert amount(replace(example, cash=more)) == Decimal("152878.00")


def test_an_option_counts_with_its_multiplier() -> None:
    option = holding(instrument("O.US", USD, multiplier="100"), "-2", flat(".5"), quote("O.US", "3"))
    held = figures(book(option, base=USD))
    assert held.short_market_value == -600
    assert held.maintenance_margin == 300


def test_a_dead_position_backs_nothing_and_asks_for_nothing() -> None:
    example = figures(worked_example())
    without = replace(
        worked_example(),
        holdings=tuple(h for h in worked_example().holdings if h.instrument.symbol != SUSPENDED),
    )
    assert figures(without).liquid_net_assets == example.liquid_net_assets
    assert figures(without).amount == example.amount
    assert figures(without).equity == example.equity - 50000


@pytest.mark.parametrize(
    ("cash", "level"),
    [
        ("0", RiskLevel.SAFE),
        ("-499.99", RiskLevel.MEDIUM),
        ("-500", RiskLevel.WARNING),
        ("-599.99", RiskLevel.WARNING),
        ("-600", RiskLevel.DANGER),
    ],
)
def test_risk_level_changes_exactly_at_the_requirements(cash: str, level: RiskLevel) -> None:
    held = holding(instrument("A.HK"), "100", factors(".5", ".4", ".45", ".3"), quote("A.HK", "10"))
    assert figures(book(held, cash=cash)).risk_level is level


def test_a_short_without_debt_is_not_safe() -> None:
    short = holding(instrument("A.HK"), "-10", flat(".5"), quote("A.HK", "10"))
    assert figures(book(short, cash="1000")).risk_level is RiskLevel.MEDIUM


def test_no_assets_have_no_ratio_and_debt_alone_has_none_either() -> None:
    assert figures(book()).net_asset_ratio is None
    assert figures(book(cash="-5")).net_asset_ratio is None
    short = holding(instrument("A.HK"), "-10", flat(".5"), quote("A.HK", "10"))
    assert figures(book(short, cash="-100")).net_asset_ratio == -2


@pytest.mark.parametrize("symbol", [TENCENT, APPLE, TESLA])
def test_an_old_or_missing_quote_makes_the_figures_stale(symbol: str) -> None:
    at_the_limit = quote(symbol, "400", at=NOW - MAX_AGE)
    older = quote(symbol, "400", at=NOW - MAX_AGE - timedelta(microseconds=1))
    for price, stale in ((at_the_limit, False), (older, True), (None, True)):
        changed = with_holding(worked_example(), symbol, quote=price)
        assert figures(changed).stale is stale
        assert LiveBook(changed, MAX_AGE).figures(NOW).stale is stale


def test_the_quote_of_a_dead_position_may_be_old_or_missing() -> None:
    for price in (quote(SUSPENDED, "1", at=NOW - timedelta(days=90)), None):
        changed = with_holding(worked_example(), SUSPENDED, quote=price)
        assert not figures(changed).stale
        assert not LiveBook(changed, MAX_AGE).figures(NOW).stale


def test_a_position_worth_less_than_one_is_long_too() -> None:
    found = figures(book(holding(instrument("A"), "1", flat(".5"), quote("A", "0.5"))))
    assert (found.long_market_value, found.short_market_value) == (Decimal("0.5"), Decimal(0))


def test_a_dead_position_below_zero_is_a_debt_that_is_not_left_out() -> None:
    held = replace(holding(instrument("A"), "10", flat("1"), quote("A", "-5")), dead=True)
    found = figures(book(held, cash="100"))
    assert found.dead_market_value == 0
    assert found.liquid_net_assets == found.equity == 50


def test_even_the_smallest_dead_position_needs_no_quote() -> None:
    changed = with_holding(worked_example(), SUSPENDED, quote=None, quantity=Decimal("0.5"))
    assert not figures(changed).stale


def test_an_option_in_settlement_is_unvalued_without_a_price_of_its_underlying() -> None:
    option = OptionTerms(TENCENT, OptionRight.CALL, Decimal(400), NOW.date())
    of = replace(instrument("O", multiplier="100"), option=option)
    held = replace(holding(of, "1", flat("1"), quote("O", "5")), life=Life.SETTLING)
    assert figures(book(held)).unvalued == ("O",)
    assert figures(book(replace(held, underlying=quote(TENCENT, "410")))).unvalued == ()


@pytest.mark.parametrize("rates", [(), (fx(USD, "7.80", at=NOW - timedelta(minutes=2)),)])
def test_an_old_or_missing_fx_rate_makes_the_figures_stale(rates: tuple[FxRate, ...]) -> None:
    changed = replace(worked_example(), fx={rate.base_currency: rate for rate in rates})
    assert figures(changed).stale
    assert LiveBook(changed, MAX_AGE).figures(NOW) == figures(changed)


def test_a_rate_that_nothing_is_held_in_makes_nothing_stale() -> None:
    empty = replace(book(cash="5"), cash=(CashBalance(HKD, Decimal(5)), CashBalance(USD, Decimal(0))))
    assert not figures(empty).stale
    assert not LiveBook(empty, MAX_AGE).figures(NOW).stale


def test_without_a_quote_a_long_is_worth_nothing_and_a_short_its_cost() -> None:
    long = with_holding(worked_example(), APPLE, quote=None, average_cost=Decimal(210))
    assert figures(long).long_market_value == 850000
    short = with_holding(worked_example(), TESLA, quote=None, average_cost=Decimal(250))
    assert figures(short).short_market_value == -250 * 50 * Decimal("7.80")
    unknown = with_holding(worked_example(), TESLA, quote=None)
    assert figures(unknown).short_market_value == 0


def test_a_position_without_stated_factors_backs_nothing() -> None:
    held = holding(instrument("A.HK"), "100", DEFAULT_FACTORS, quote("A.HK", "10"))
    assert amount(book(held, cash="-1")) == 1


def test_the_mark_is_the_median_and_a_crossed_quote_does_not_move_it() -> None:
    crossed = Quote(TENCENT, NOW, bid=Decimal(500), ask=Decimal(300), last=Decimal(400))
    assert figures(with_holding(worked_example(), TENCENT, quote=crossed)).long_market_value == 1630000


def test_arithmetic_that_would_have_to_round_raises() -> None:
    tiny = "0." + "0" * 60 + "1"
    held = holding(instrument("A.HK"), tiny, flat("0." + "3" * 60), quote("A.HK", "0." + "7" * 60))
    with pytest.raises(Inexact):
        figures(book(held, cash="1" * 60))


def test_a_fill_moves_cash_by_gross_and_fee_each_rounded_half_up() -> None:
    share = instrument("A.US", USD, fee="0.0003")
    assert trade_fee(share, Decimal(219), Decimal("199.90")) == Decimal("13.13")
    assert cash_effect(share, Decimal(-3), Decimal("0.335"), Decimal("0.01")) == Decimal("1.00")
    assert cash_effect(share, Decimal(3), Decimal("0.335"), Decimal("0.01")) == Decimal("-1.02")


def test_a_fill_opens_the_cash_balance_of_its_currency() -> None:
    sold = after_fill(worked_example(), APPLE, Decimal(-500), Decimal("199.90"), Decimal("29.99"))
    assert sold.holding(APPLE) is None
    assert sold.cash[1] == CashBalance(USD, Decimal("99920.01"))


def test_reducing_keeps_the_average_cost_and_turning_the_position_starts_a_new_one() -> None:
    start = with_holding(worked_example(), APPLE, average_cost=Decimal(150))
    reduced = after_fill(start, APPLE, Decimal(-100), Decimal("199.90"), Decimal(0)).holding(APPLE)
    assert reduced is not None
    assert (reduced.quantity, reduced.average_cost) == (Decimal(400), Decimal(150))
    overfilled = after_fill(start, APPLE, Decimal(-501), Decimal("199.90"), Decimal(0)).holding(APPLE)
    assert overfilled is not None
    assert (overfilled.quantity, overfilled.average_cost) == (Decimal(-1), Decimal("199.90"))


def test_a_fill_in_something_not_held_is_an_error() -> None:
    with pytest.raises(LookupError, match="NONE"):
        after_fill(worked_example(), instrument("NONE.HK").symbol, Decimal(1), Decimal(1), Decimal(0))
    with pytest.raises(LookupError, match="NONE"):
        LiveBook(worked_example(), MAX_AGE).on_fill(
            instrument("NONE.HK").symbol, Decimal(1), Decimal(1), Decimal(0)
        )


def test_a_live_book_ignores_older_and_foreign_messages() -> None:
    live = LiveBook(worked_example(), MAX_AGE)
    before = live.figures(NOW)
    assert not live.on_quote(quote(TENCENT, "1", at=NOW - timedelta(seconds=1)))
    assert not live.on_quote(quote("NONE.HK", "1"))
    assert not live.on_fx(fx(USD, "1", at=NOW - timedelta(seconds=1)))
    assert not live.on_fx(fx(HKD, "0.128", base=USD))
    assert live.figures(NOW) == before
    assert live.on_quote(quote(TENCENT, "401"))
    assert live.on_fx(fx(USD, "7.81"))


def test_a_late_fill_of_a_closed_position_is_booked_by_the_live_book() -> None:
    live = LiveBook(worked_example(), MAX_AGE)
    live.on_fill(APPLE, Decimal(-500), Decimal("199.90"), Decimal(0))
    assert live.holding(APPLE) is None
    assert APPLE not in live.symbols
    live.on_fill(APPLE, Decimal(-1), Decimal("199.90"), Decimal(0))
    late = live.holding(APPLE)
    assert late is not None
    assert late.quantity == -1
    assert live.figures(NOW) == figures(live.book())


def test_a_suspension_takes_the_position_out_of_margin_and_age() -> None:
    live = LiveBook(worked_example(), MAX_AGE)
    held = live.holding(TENCENT)
    assert held is not None
    halted = replace(held.instrument, trade_status=TradeStatus.SUSPENDED)
    live.set_holding(replace(held, instrument=halted, dead=True))
    later = NOW + timedelta(hours=1)
    live.on_quote(quote(APPLE, "200", "199.90", "200.10", at=later))
    live.on_quote(quote(TESLA, "300", "299.70", "300.30", at=later))
    live.on_fx(fx(USD, "7.80", at=later))
    assert live.figures(later) == compute_figures(live.book(), later, MAX_AGE)
    assert not live.figures(later).stale
    assert live.figures(later).dead_market_value == 850000


def test_a_position_stated_again_with_an_older_quote_is_as_old_as_that() -> None:
    live = LiveBook(worked_example(), MAX_AGE)
    live.on_quote(quote(TENCENT, "400", at=NOW + timedelta(seconds=30)))
    assert not live.figures(NOW + MAX_AGE).stale
    held = live.holding(TENCENT)
    assert held is not None
    live.set_holding(replace(held, quote=quote(TENCENT, "400", at=NOW - timedelta(seconds=1))))
    assert live.figures(NOW + MAX_AGE).stale
