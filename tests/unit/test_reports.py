"""How a call was met, in money that adds up; aging; and CSV that no spreadsheet takes for a formula."""

import csv
import io
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.aging import AgedCase, aging_buckets
from domain.booking import after_fill, cash_effect
from domain.canonical import canonical_text, plain
from domain.case import CaseCloseReason
from domain.cure import (
    BookedFill,
    CureParts,
    MetBy,
    cure_parts,
    how_met,
    need,
    passing_symbols,
    seconds_between,
)
from domain.ids import AccountId, Symbol
from domain.margin import AmountRule, Book, CashBalance, Holding, compute_figures
from domain.money import Currency, round_money
from domain.order import OrderSide
from domain.reporting import Claim, convert
from gateway.http.reports import csv_line, period_of
from tests.unit.books import (
    APPLE,
    HKD,
    MAX_AGE,
    NOW,
    TENCENT,
    USD,
    flat,
    holding,
    instrument,
    quote,
    worked_example,
)

DAYS = (1, 3, 15, 90)


def priced(book: Book, symbol: Symbol, last: str) -> Book:
    """The same book with another price."""
    return replace(book, holdings=tuple(_priced(held, symbol, last) for held in book.holdings))


def _priced(held: Holding, symbol: Symbol, last: str) -> Holding:
    if held.instrument.symbol != symbol or held.quote is None:
        return held
    price = Decimal(last)
    return replace(held, quote=replace(held.quote, bid=price, ask=price, last=price))


def sold(book: Book, symbol: Symbol, quantity: str, price: str, fee: str) -> tuple[Book, BookedFill]:
    """The book after a sale, and the sale as it was booked."""
    held = book.holding(symbol)
    assert held is not None
    amounts = Decimal(quantity), Decimal(price), Decimal(fee)
    cash = cash_effect(held.instrument, -amounts[0], *amounts[1:])
    after = after_fill(book, symbol, -amounts[0], *amounts[1:])
    return after, BookedFill(symbol, OrderSide.SELL, amounts[0], cash)


def paid_in(book: Book, amount: str) -> Book:
    """HKD more."""
    (hkd,) = (cash for cash in book.cash if cash.currency == HKD)
    others = tuple(cash for cash in book.cash if cash is not hkd)
    return replace(book, cash=(replace(hkd, balance=hkd.balance + Decimal(amount)), *others))


@pytest.mark.parametrize(
    ("cured_after", "seconds"), [(0, 0), (0.9, 0), (61.5, 61), (-0.1, None), (-60, None)]
)
def test_a_sale_after_nothing_was_owed_took_no_time_to_cure(cured_after: float, seconds: int | None) -> None:
    assert seconds_between(NOW, NOW + timedelta(seconds=cured_after)) == seconds


def test_the_need_is_the_amount_without_its_end_at_zero() -> None:
    book = worked_example()
    assert need(book) == Decimal("152800")
    assert need(paid_in(book, "200000")) == Decimal("-47200")


def test_the_sale_of_the_worked_example_sold_408_29_too_much() -> None:
    book = worked_example()
    after, fill = sold(book, TENCENT, "1100", "399.80", "571.71")
    parts = cure_parts(book, after, [fill])
    assert parts.sales == Decimal("153208.29")
    assert parts.surplus == parts.over_liquidated == Decimal("408.29")
    assert not any((parts.deposits, parts.client_trades, parts.market))
    assert parts.met_by == (MetBy.LIQUIDATION,)


def test_a_deposit_a_sale_and_a_fall_of_prices_are_distinguished() -> None:
    book = worked_example()
    after, fill = sold(paid_in(book, "100000"), TENCENT, "400", "399.70", "207.84")
    after = priced(after, TENCENT, "390")
    parts = cure_parts(book, after, [fill])
    assert parts.deposits == Decimal("100000")
    # 400 x (399.70 - 0.65 x 400) - 207.84
    assert parts.sales == Decimal("55672.16")
    # 1,600 shares lose 10 each, and 0.35 of it in margin.
    assert parts.market == Decimal("-10400")
    assert parts.surplus == -need(after)
    assert parts.met_by == (MetBy.DEPOSIT, MetBy.LIQUIDATION)


def test_a_sale_by_the_client_is_no_deposit() -> None:
    book = worked_example()
    after = after_fill(book, APPLE, Decimal(-100), Decimal(200), Decimal(0))
    parts = cure_parts(book, after, [])
    # 100 x 200 x 7.80 x 0.45
    assert parts.client_trades == Decimal("70200")
    assert not parts.deposits
    assert parts.met_by == (MetBy.CLIENT_TRADE,)


def test_a_sale_of_options_by_the_client_brings_in_the_price_of_their_shares() -> None:
    option = holding(instrument("CALL", multiplier="100"), "5", flat(".4"), quote("CALL", "3"))
    book = replace(worked_example(), holdings=(*worked_example().holdings, option))
    after = after_fill(book, option.instrument.symbol, Decimal(-2), Decimal(3), Decimal(0))
    parts = cure_parts(book, after, [])
    # 2 x 100 x 3 x 0.4
    assert parts.client_trades == Decimal("240")
    assert not parts.deposits


def test_a_position_that_arrived_and_was_sold_in_between_is_a_sale_of_the_desk() -> None:
    book = worked_example()
    passing = book.holding(APPLE)
    assert passing is not None
    without = replace(book, holdings=tuple(held for held in book.holdings if held is not passing))
    came = replace(without, holdings=(*without.holdings, replace(passing, quantity=Decimal(100))))
    after, fill = sold(came, APPLE, "100", "200", "0")
    assert passing_symbols(without, after, [fill]) == {APPLE}
    parts = cure_parts(without, after, [fill], [passing])
    # 100 x 200 x 7.80: its worth came, and 0.45 of it was bound until it was sold.
    assert [parts.client_trades, parts.deposits, parts.sales] == [*map(Decimal, (-70200, 156000, 70200))]
    assert not parts.market


def test_money_of_a_currency_that_had_no_rate_at_first_is_a_deposit() -> None:
    (tencent,) = (held for held in worked_example().holdings if held.instrument.symbol == TENCENT)
    book = replace(worked_example(), holdings=(tencent,), fx={})
    after = replace(book, fx=worked_example().fx, cash=(*book.cash, CashBalance(USD, Decimal(1000))))
    parts = cure_parts(book, after, [])
    assert parts.deposits == Decimal(7800)
    assert not parts.market


def test_an_exemption_needs_no_parts() -> None:
    assert how_met(CaseCloseReason.EXEMPTED, None) == (MetBy.EXEMPTED,)
    assert how_met(None, None) == ()


def test_a_cured_call_was_met_by_its_parts_and_a_live_one_by_nothing_yet() -> None:
    parts = CureParts(*map(Decimal, (0, 100, 200, -50, 0)))
    assert how_met(CaseCloseReason.CURED, parts) == (MetBy.LIQUIDATION, MetBy.DEPOSIT)
    assert how_met(None, parts) == ()
    assert how_met(CaseCloseReason.CURED, None) == ()


RULES = (
    AmountRule(),
    AmountRule(over_financing_alone=True),
    AmountRule(whole_debt=True),
    AmountRule(on_equity=True, with_over_financing=False),
    AmountRule(with_over_financing=False),
)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("limit", "cash"), [("900000", "-930000"), ("1", "-930000"), ("900000", "-1200000")])
def test_the_need_of_every_rule_is_the_amount_to_collect(rule: AmountRule, limit: str, cash: str) -> None:
    of = worked_example()
    terms = replace(of.terms, financing_limit=Decimal(limit))
    of = replace(of, rule=rule, terms=terms, cash=(replace(of.cash[0], balance=Decimal(cash)),))
    amount = compute_figures(of, NOW, MAX_AGE).amount
    assert amount > 0
    assert round_money(need(of), HKD) == amount


@given(
    deposit=st.decimals(-(10**6), 10**6, places=2),
    quantity=st.integers(1, 1999),
    price=st.decimals("1", "900", places=2),
    later=st.decimals("1", "900", places=3),
    dollars=st.decimals(-(10**5), 10**5, places=2),
)
def test_the_parts_always_add_up(
    deposit: Decimal, quantity: int, price: Decimal, later: Decimal, dollars: Decimal
) -> None:
    book = worked_example()
    after, fill = sold(paid_in(book, str(deposit)), TENCENT, str(quantity), str(price), "1.23")
    after = priced(after, TENCENT, str(later))
    after = replace(
        after, cash=(*(c for c in after.cash if c.currency != USD), CashBalance(USD, dollars, Decimal(1)))
    )
    parts = cure_parts(book, after, [fill])
    assert parts.client_trades + parts.deposits + parts.sales + parts.market == need(book) + parts.surplus
    assert parts.surplus == -need(after)
    figures = compute_figures(after, NOW, MAX_AGE)
    assert figures.amount == max(Decimal(0), round_money(need(after), HKD))


@pytest.mark.parametrize(
    ("hours", "bucket"),
    [
        (0, 0),
        (24, 0),
        (25, 1),
        (72, 1),
        (73, 2),
        (15 * 24, 2),
        (15 * 24 + 1, 3),
        (90 * 24, 3),
        (90 * 24 + 1, 4),
    ],
)
def test_a_case_is_in_the_bucket_of_its_day(hours: int, bucket: int) -> None:
    opened_at = NOW - timedelta(hours=hours)
    cases = [AgedCase(opened_at, Claim(AccountId(id_), HKD, Decimal("1.10"))) for id_ in "ab"]
    buckets = aging_buckets(cases, DAYS, NOW)
    assert [each.cases for each in buckets] == [2 if number == bucket else 0 for number in range(5)]
    assert buckets[bucket].amounts == {HKD: Decimal("2.20")}
    assert [(each.first_day, each.last_day) for each in buckets] == [
        (1, 1),
        (2, 3),
        (4, 15),
        (16, 90),
        (91, None),
    ]


def test_the_shortfall_of_an_account_is_counted_once_however_many_cases_ask_for_it() -> None:
    new, old = NOW - timedelta(hours=1), NOW - timedelta(days=100)
    amounts = [(old, "a", "30"), (new, "a", "152"), (new, "b", "7"), (new, "b", "7")]
    cases = [AgedCase(at, Claim(AccountId(id_), HKD, Decimal(amount))) for at, id_, amount in amounts]
    buckets = aging_buckets(cases, DAYS, NOW)
    assert [each.cases for each in buckets] == [3, 0, 0, 0, 1]
    assert [dict(each.amounts) for each in buckets] == [{HKD: 159}, {}, {}, {}, {HKD: 0}]


JPY, KWD = Currency("JPY"), Currency("KWD")


def test_amounts_of_the_aging_are_whole_minor_units_rounded_half_up_and_add_up() -> None:
    amounts = {JPY: ("819.5", "0.49"), KWD: ("1.2345", "0.0004"), HKD: ("0.005", "0.004")}
    cases = [
        AgedCase(NOW - timedelta(days=age), Claim(AccountId(f"{currency}{age}"), currency, Decimal(amount)))
        for currency, pair in amounts.items()
        for age, amount in enumerate(pair)
    ]
    new, older, *_ = aging_buckets(cases, (1, 3), NOW)
    assert new.amounts == {JPY: Decimal(820), KWD: Decimal("1.235"), HKD: Decimal("0.01")}
    whole = aging_buckets(cases, (), NOW)[0]
    assert whole.amounts == {
        currency: new.amounts[currency] + older.amounts.get(currency, Decimal(0)) for currency in amounts
    }


def test_unconverted_amounts_are_in_whole_minor_units_too() -> None:
    amounts = [(JPY, Decimal("100.25")), (JPY, Decimal("100.25")), (HKD, Decimal("0.005"))]
    converted = convert(amounts, {}, HKD)
    assert (converted.total, converted.unconverted) == (Decimal("0.01"), {JPY: Decimal(201)})


def test_csv_is_exact_quoted_and_no_formula() -> None:
    cells = ("=1+1", "-5", "@x", 'a "b", c', Decimal("-152800.50"), Decimal("1E+3"), None, NOW, 7)
    line = '\'=1+1,\'-5,\'@x,"a ""b"", c",-152800.5,1000,,2020-03-16T14:30:00Z,7\r\n'
    assert csv_line(cells) == line


@pytest.mark.parametrize(
    "text",
    ["\n=1+1", "\r\n=1", "\t=1", " =1+1", "\u00a0=1", "\ufeff=1", "\u200b=1", "\x00=1", "\x1f=1"]
    + [f"{sign}1+1" for sign in "=+-@\uff1d\uff0b\uff0d\uff20"],
)
def test_no_blank_and_no_wide_sign_hides_a_formula(text: str) -> None:
    (cell,) = next(csv.reader(io.StringIO(csv_line([text]), newline="")))
    assert cell == f"'{text}"


@pytest.mark.parametrize("text", ["", "陳大文", "O'Neill = Co", " plain", "1+1", "a\n=b", "'=1"])
def test_other_text_stays_as_it_is(text: str) -> None:
    (cell,) = next(csv.reader(io.StringIO(csv_line([text, 1]), newline="")), [""])[:1]
    assert cell == text


def test_a_period_that_ends_with_time_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="earlier"):
        period_of(date(2020, 3, 16), date.max)


def test_too_much_sold_shows_where_the_whole_debt_was_asked_for() -> None:
    """As before the close of an intraday account: its need is its debt, and below 0 what is left over."""
    book = worked_example()
    owing = replace(book, rule=replace(book.rule, whole_debt=True))
    debt = -compute_figures(book, NOW, MAX_AGE).cash
    assert need(owing) == debt + compute_figures(book, NOW, MAX_AGE).accrued_interest
    after, fill = sold(paid_in(owing, str(debt)), TENCENT, "100", "400", "0")
    parts = cure_parts(paid_in(owing, str(debt)), after, [fill])
    assert (parts.sales, parts.surplus) == (
        Decimal(40_000),
        Decimal(40_000) - need(paid_in(owing, str(debt))),
    )


def test_equal_values_have_one_text() -> None:
    assert plain({"a": Decimal("1.10"), "b": timedelta(seconds=1.5)}) == {"a": "1.1", "b": "PT1.5S"}
    assert canonical_text({"b": Decimal("-0.00"), "a": None}) == '{"a":null,"b":"0"}'
    assert plain(Decimal("123456789012345678901234567890.1230")) == "123456789012345678901234567890.123"


_PARTS = st.decimals(min_value="-1000000", max_value="1000000", places=6)


@given(st.tuples(_PARTS, _PARTS, _PARTS, _PARTS, _PARTS), st.sampled_from(["USD", "JPY", "HKD"]))
def test_report_money_is_in_whole_minor_units_and_still_adds_up(
    parts: tuple[Decimal, ...], currency: str
) -> None:
    exact_parts = CureParts(*parts)
    shown = exact_parts.in_whole_units(Currency(currency))
    of_each = (shown.client_trades, shown.deposits, shown.sales, shown.market, shown.surplus)
    assert all(each == round_money(each, Currency(currency)) for each in of_each)
    needed = sum(parts[:4]) - parts[4]
    assert sum(of_each[:4]) - of_each[4] == round_money(needed, Currency(currency))
    assert shown.surplus == round_money(exact_parts.surplus, Currency(currency))
