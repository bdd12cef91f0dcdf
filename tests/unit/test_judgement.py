"""What figures decide although something is unknown: the same for every value that the unknown may have."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bounds import Gap
from domain.case import AlertType
from domain.doubt import DoubtReason
from domain.expiry import Life
from domain.ids import Symbol
from domain.judgement import Answer, Judgement, JudgementPolicy, judge, unknown_in_amount
from domain.margin import AccountType, AmountRule, Book, CashBalance, Holding, MarginFigures, compute_figures
from domain.market import OptionRight, OptionTerms, Quote, TradeStatus
from domain.money import Currency
from domain.requested_amount import book_of, figures_of
from tests.kit.examples import examples
from tests.unit.books import HKD, JPY, MAX_AGE, NOW, USD, book, factors, flat, fx, holding, instrument, quote

RISE = Decimal(1)
RULES = JudgementPolicy(MAX_AGE, RISE)
YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN
F = factors(".5", ".3", ".4", ".2")
STOCK = holding(instrument("AAPL"), "100", F, quote("AAPL", "100"))
MAINTENANCE, OVER_FINANCING, CASH_DEBT = (
    AlertType.MAINTENANCE,
    AlertType.OVER_FINANCING,
    AlertType.CASH_DEBT,
)


def judged(of: Book) -> Judgement:
    return judge(of, compute_figures(of, NOW, MAX_AGE), RULES)


def the_book(*more: Holding, cash: str = "-8000", **others: object) -> Book:
    """100 stocks at 100 beside a debt: below maintenance from a debt of more than 7,000 on."""
    return book(STOCK, *more, cash=cash, **others)  # type: ignore[arg-type]


def unpriced(
    quantity: str, maintenance: str = ".3", status: TradeStatus = TradeStatus.TRADING, cost: str | None = None
) -> Holding:
    margin = factors("1", maintenance, "1", "0") if maintenance == "1" else F
    held = holding(instrument("GONE", status=status), quantity, margin)
    return replace(held, average_cost=None if cost is None else Decimal(cost))


def test_an_irrelevant_missing_price_blocks_no_call_and_makes_nothing_stale() -> None:
    money = CashBalance(Currency("CHF"), Decimal(0))
    worthless = holding(instrument("ZERO.US", USD), "100", F, quote("ZERO.US", "0"))
    dead_abroad = holding(
        instrument("DEAD.US", USD, status=TradeStatus.DELISTED), "5", F, quote("DEAD.US", "7")
    )
    ended = replace(an_option("100"), life=Life.ENDED)
    for held in (unpriced("100", status=TradeStatus.DELISTED), worthless, dead_abroad, ended):
        of = the_book(held)
        of = replace(of, cash=(*of.cash, money))
        figures = compute_figures(of, NOW, MAX_AGE)
        assert not figures.stale, held
        assert figures.unvalued == ()
        assert judged(of).called == {MAINTENANCE}
    assert judged(the_book(unpriced("0"))).called == {MAINTENANCE}


def test_a_long_without_a_price_leaves_a_call_open_but_never_ends_one_that_is_certain() -> None:
    assert judged(the_book(unpriced("1"))).due == {MAINTENANCE: UNKNOWN}
    assert judged(the_book(unpriced("1"))).gaps == (Gap(DoubtReason.NO_PRICE, "GONE"),)
    backs_nothing = judged(the_book(replace(unpriced("1"), factors=flat("1"))))
    assert backs_nothing.due == {MAINTENANCE: YES}
    assert judged(the_book(unpriced("1"), cash="1")).due == {MAINTENANCE: NO}
    assert judged(the_book(unpriced("1"), cash="1")).ends(MAINTENANCE)


def test_a_short_without_a_price_costs_at_most_its_cost_and_the_rise() -> None:
    """The account has 2,000 above maintenance, and a short of s takes 1.3 s."""
    safe, doubtful = (the_book(unpriced("-10", cost=cost), cash="-5000") for cost in ("76", "77"))
    assert judged(safe).due == {MAINTENANCE: NO}
    assert judged(doubtful).due == {MAINTENANCE: UNKNOWN}
    assert judged(the_book(unpriced("-10"), cash="-5000")).due == {MAINTENANCE: UNKNOWN}
    assert judged(the_book(unpriced("-10"), cash="-8000")).due == {MAINTENANCE: YES}


def test_money_without_a_rate_helps_or_hurts_by_its_sign_alone() -> None:
    def with_francs(balance: str, cash: str) -> Judgement:
        of = the_book(cash=cash)
        return judged(replace(of, cash=(*of.cash, CashBalance(Currency("CHF"), Decimal(balance)))))

    assert with_francs("0.01", "-8000").due == {MAINTENANCE: UNKNOWN}
    assert with_francs("-0.01", "-8000").due == {MAINTENANCE: YES}
    assert with_francs("0.01", "-5000").due == {MAINTENANCE: NO}
    assert with_francs("-0.01", "-5000").due == {MAINTENANCE: UNKNOWN}
    assert with_francs("-0.01", "-5000").gaps == (Gap(DoubtReason.NO_FX_RATE, "CHF"),)


def test_all_unknown_values_in_one_currency_share_one_rate() -> None:
    """Stock of 100 with 0.3 maintenance backs 70 in yen: a debt of 70 takes as much, at any rate."""
    stock = holding(instrument("T", JPY), "1", F, quote("T", "100"))
    for debt, answer in (("-70", NO), ("-71", UNKNOWN), ("-69", NO)):
        of = the_book(stock, cash="-5000")
        of = replace(of, cash=(*of.cash, CashBalance(JPY, Decimal(debt))))
        assert judged(of).below_maintenance is answer, debt


def test_no_position_decides_the_amount_of_a_cash_account_or_of_over_financing() -> None:
    cash_account = the_book(unpriced("100"), cash="-1", account_type=AccountType.CASH)
    assert judged(cash_account).due == {CASH_DEBT: YES}
    rule = AmountRule(over_financing_triggers=True)
    over = the_book(unpriced("100"), cash="-3000", limit="2000", rule=rule)
    assert judged(over).due[OVER_FINANCING] is YES
    assert figures_of(OVER_FINANCING, over, compute_figures(over, NOW, MAX_AGE)).amount == 1000


def test_an_amount_lacks_only_the_prices_that_it_depends_on() -> None:
    short = unpriced("-10", cost="76")
    francs = CashBalance(Currency("CHF"), Decimal("-0.01"))

    def lacks(of: Book) -> tuple[str, ...]:
        return unknown_in_amount(of, RULES)

    assert lacks(the_book()) == ()
    assert lacks(the_book(short)) == ("GONE",)
    both = the_book(short)
    assert lacks(replace(both, cash=(*both.cash, francs))) == ("CHF", "GONE")
    assert lacks(the_book(replace(unpriced("1"), factors=flat("1")))) == (), "it backs nothing"
    assert lacks(the_book(unpriced("1", status=TradeStatus.DELISTED))) == ()
    assert lacks(the_book(short, cash="-1", account_type=AccountType.CASH)) == ()
    over = the_book(short, cash="-3000", limit="2000", rule=AmountRule(over_financing_triggers=True))
    assert lacks(book_of(OVER_FINANCING, over)) == ()
    limit = AmountRule(with_over_financing=True)
    beyond = the_book(unpriced("1"), cash="-9000", limit="2000", rule=limit)
    assert lacks(beyond) == (), "the financing limit asks for more, whatever the long is worth"


def test_an_incomplete_account_is_certain_of_nothing() -> None:
    of = replace(the_book(), incomplete=True)
    figures = compute_figures(of, NOW, MAX_AGE)
    found = judge(of, figures, RULES)
    assert found.gaps == ()
    unknown = replace(of, holdings=(*of.holdings, unpriced("1")))
    assert judged(unknown).gaps == (Gap(DoubtReason.NO_PRICE, "GONE"),), "what is missing as well is told too"
    assert figures.stale
    assert found.called == frozenset()
    assert found.open == {MAINTENANCE}
    assert not found.ends(MAINTENANCE)


@pytest.mark.parametrize("on_equity", [False, True])
def test_a_dead_long_counts_only_where_equity_is_measured(on_equity: bool) -> None:
    rule = AmountRule(with_over_financing=False, on_equity=on_equity)
    found = judged(the_book(unpriced("1", status=TradeStatus.DELISTED), rule=rule))
    assert found.below_maintenance is YES
    assert found.owes is (UNKNOWN if on_equity else YES)


def an_option(quantity: str, right: OptionRight = OptionRight.CALL, cost: str | None = None) -> Holding:
    terms = OptionTerms(Symbol("UND"), right, Decimal(50), NOW.date())
    of = replace(instrument("OPT", multiplier="100"), option=terms)
    return replace(
        holding(of, quantity, F, quote("OPT", "6")), average_cost=None if cost is None else Decimal(cost)
    )


@pytest.mark.parametrize(("negative", "answer"), [(False, YES), (True, UNKNOWN)])
def test_a_settling_put_may_be_worth_more_than_its_strike_where_its_underlying_may_be_negative(
    negative: bool, answer: Answer
) -> None:
    """1 put of 100 on a strike of 50 brings 5,000 where the underlying is 0, and more where it is below."""
    put = replace(
        an_option("1", OptionRight.PUT),
        quote=None,
        life=Life.SETTLING,
        underlying_negative=negative,
    )
    found = judged(the_book(put, cash="-13000"))
    assert found.due == {MAINTENANCE: answer}
    both = replace(put, instrument=replace(put.instrument, symbol=Symbol("OPT2")))
    assert judged(the_book(put, both, cash="-16000")).gaps == (Gap(DoubtReason.NO_PRICE, "UND"),), (
        "no price of the options themselves ends the doubt"
    )
    written = replace(put, quantity=Decimal(-1))
    assert judged(the_book(written, cash="0")).due == {MAINTENANCE: UNKNOWN if negative else NO}


# --- against brute force: every unknown at the ends of what it may be worth, and in between

HUGE = Decimal(10) ** 12
shares = st.decimals("-50", "50", places=0)
money = st.decimals("-9000", "9000", places=0)
FACTORS = (F, flat("1"), factors("2", "1.5", "1.5", "1"), factors(".9", "0", "0", "0"))


@st.composite
def books(draw: st.DrawFn) -> Book:
    """With at most two unknown prices and one unknown rate."""
    holdings = [STOCK]
    for number in range(draw(st.integers(0, 2))):
        holdings.append(draw(unknown_holdings(f"U{number}")))
    rule = AmountRule(
        coefficient=draw(st.sampled_from([Decimal(1), Decimal("1.2")])),
        with_over_financing=draw(st.booleans()),
        with_interest=draw(st.booleans()),
        on_equity=draw(st.booleans()),
        over_financing_triggers=True,
        whole_debt=draw(st.booleans()),
    )
    of = book(
        *holdings,
        cash=str(draw(money)),
        limit="3000",
        rule=rule,
        account_type=draw(st.sampled_from(AccountType)),
        rates=(fx(USD, "7.80"),),
    )
    abroad = [
        CashBalance(currency, draw(money), draw(st.sampled_from([Decimal(0), Decimal(5)])))
        for currency in (USD, JPY)
        if draw(st.booleans())
    ]
    return replace(of, cash=(*of.cash, *abroad))


@st.composite
def unknown_holdings(draw: st.DrawFn, symbol: str) -> Holding:
    currency = draw(st.sampled_from([HKD, USD, JPY]))
    of = replace(
        instrument(symbol, currency),
        negative_prices=draw(st.booleans()),
    )
    held = holding(of, str(draw(shares.filter(bool))), draw(st.sampled_from(FACTORS)))
    cost = draw(st.none() | st.just(Decimal(20)))
    return replace(held, dead=draw(st.booleans()), average_cost=cost)


def possible(of: Book) -> Iterator[Book]:
    """The book with every unknown at some values that it may have."""
    unknown = [held for held in of.holdings if held.quote is None]
    missing = [JPY] if JPY not in of.fx else []
    prices = product(*(_prices(held) for held in unknown))
    for chosen in prices:
        priced = {
            held.instrument.symbol: Quote(held.instrument.symbol, NOW, last=price)
            for held, price in zip(unknown, chosen, strict=True)
        }
        holdings = tuple(
            replace(held, quote=priced.get(held.instrument.symbol, held.quote)) for held in of.holdings
        )
        for rate in ("0.0000000001", "1", str(HUGE)) if missing else ("",):
            rates = {JPY: fx(JPY, rate)} if rate else {}
            yield replace(of, holdings=holdings, fx={**of.fx, **rates})


def _prices(held: Holding) -> list[Decimal]:
    highest = HUGE
    if held.quantity < 0 and held.average_cost is not None and not held.instrument.negative_prices:
        highest = held.average_cost * (1 + RISE)
    found = [Decimal(0), highest / 2, highest]
    return [*found, -HUGE] if held.instrument.negative_prices else found


def _facts(of: Book, figures: MarginFigures) -> tuple[bool, bool, bool, bool]:
    return (
        figures.liquid_net_assets < figures.maintenance_margin,
        figures.liquid_net_assets < figures.force_close_margin,
        figures.amount > 0,
        figures_of(OVER_FINANCING, of, figures).amount > 0,
    )


@given(books())
@settings(max_examples=examples(400))
def test_a_certain_answer_holds_for_every_value_and_an_open_one_depends_on_it(of: Book) -> None:
    found = judged(of)
    facts = [_facts(each, compute_figures(each, NOW, MAX_AGE)) for each in possible(of)]
    answers = (found.below_maintenance, found.below_force, found.owes, found.over_financed)
    for number, answer in enumerate(answers):
        seen = {each[number] for each in facts}
        if answer is not UNKNOWN:
            assert seen == {answer is YES}, (number, answer)
        elif number < 2:
            # These are one linear number: its ends are among what was tried, up to where money is rounded.
            assert found.gaps
    assert bool(found.gaps) == any(answer is UNKNOWN for answer in answers)
    if found.called and not of.incomplete:
        assert all(alert is not OVER_FINANCING or over for alert in found.called for *_, over in facts), (
            "a call opens only where every value demands it"
        )


@given(books())
@settings(max_examples=examples(200))
def test_one_unknown_alone_leaves_open_exactly_what_its_values_decide_differently(of: Book) -> None:
    """With one unknown the range of a linear number is reached at its ends: no answer is too careful."""
    unknown = [held for held in of.holdings if held.quote is None][:1]
    of = replace(of, holdings=(STOCK, *unknown), fx={**of.fx, JPY: fx(JPY, "0.07")})
    found = judged(of)
    facts = [_facts(each, compute_figures(each, NOW, MAX_AGE)) for each in possible(of)]
    for number, answer in enumerate((found.below_maintenance, found.below_force)):
        seen = {each[number] for each in facts}
        assert seen == ({True, False} if answer is UNKNOWN else {answer is YES})


def test_a_call_for_over_financing_asks_for_that_alone() -> None:
    rule = AmountRule(over_financing_triggers=True)
    of = the_book(cash="-9000", limit="8500", rule=rule)
    figures = compute_figures(of, NOW, MAX_AGE)
    alone = compute_figures(book_of(OVER_FINANCING, of), NOW, MAX_AGE)
    assert [figures.amount, alone.amount] == [3000, 500]
    assert figures_of(OVER_FINANCING, of, figures) == alone
    assert figures_of(MAINTENANCE, of, figures) == figures
