"""What is wrong with an execution report: what is not booked, and what is booked and reported."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.execution import ExecType, ExecutionReport, OrderSide
from domain.execution_check import (
    CLIENT_ORDER_ID_CHARACTERS_MAX,
    CLOCK_TOLERANCE,
    EXECUTION_ID_CHARACTERS_MAX,
    STORABLE_BELOW,
    TEXT_CHARACTERS_MAX,
    Attention,
    Booked,
    bounded_time,
    contradicts,
    in_legible_words,
    legible,
    nameless,
    names_an_order,
    objection,
    oddities,
    stored,
)
from domain.ids import ClientOrderId, ExecutionId
from domain.order import OrderType
from domain.phrase import DetailCode, Phrase
from tests.kit.orders import LATER, PLACED_AT, PRICE, QUEUED_ORDER, a_fill, a_report
from tests.unit.books import TENCENT, instrument

ORDER = replace(QUEUED_ORDER, symbol=TENCENT)
ACCOUNT = "M-1"
OF = instrument(TENCENT, lot="100")
MOMENT = timedelta(microseconds=1)


def objected(of: Any = OF, **changes: Any) -> tuple[Attention, DetailCode, dict[str, object]] | None:
    """The objection to a fill with these fields."""
    found = objection(ORDER, ACCOUNT, of, replace(a_fill(100), **changes))
    return (
        None if found is None else (found.kind, DetailCode(found.phrase.code), dict(found.phrase.parameters))
    )


def odd(of: ExecutionReport, mark: str | None = None, **changes: Any) -> list[tuple[Attention, Phrase]]:
    """The oddities of a fill of the order with these changes."""
    found = oddities(replace(ORDER, **changes), OF, of, None if mark is None else Decimal(mark), LATER)
    return [(each.kind, each.phrase) for each in found]


def codes(found: list[tuple[Attention, Phrase]]) -> list[tuple[Attention, str]]:
    return [(kind, said.code) for kind, said in found]


def test_a_report_that_agrees_with_the_order_is_booked() -> None:
    assert objected() is None
    assert objected(account_no=ACCOUNT, symbol=TENCENT, side=OrderSide.SELL) is None


def test_a_time_without_an_offset_is_impossible() -> None:
    kind, code, _ = objected(at=PLACED_AT.replace(tzinfo=None)) or pytest.fail("it is booked")
    assert (kind, code) == (Attention.IMPOSSIBLE, DetailCode.TIME_WITHOUT_OFFSET)


def test_a_cancelled_trade_is_for_an_operator_who_learns_which_one() -> None:
    cancelled = {"exec_type": ExecType.TRADE_CANCEL}
    assert objected(**cancelled) == (Attention.TRADE_CANCEL, DetailCode.UNNAMED_TRADE_CANCELLED, {})
    long = ExecutionId("x" * (EXECUTION_ID_CHARACTERS_MAX + 1))
    assert objected(**cancelled, refers_to=long) == (
        Attention.TRADE_CANCEL,
        DetailCode.TRADE_CANCELLED,
        {"execution": "x" * EXECUTION_ID_CHARACTERS_MAX},
    )


@pytest.mark.parametrize(
    ("field", "code", "ordered"),
    [
        ("account_no", DetailCode.OTHER_ACCOUNT, ACCOUNT),
        ("symbol", DetailCode.OTHER_INSTRUMENT, TENCENT),
        ("side", DetailCode.OTHER_SIDE, OrderSide.SELL),
    ],
)
@pytest.mark.parametrize(
    ("reported", "shown"), [("B\x00UY", "B\ufffdUY"), ("", ""), ("y" * 81, "y" * EXECUTION_ID_CHARACTERS_MAX)]
)
def test_a_report_of_another_order_says_what_differs(
    field: str, code: DetailCode, ordered: str, reported: str, shown: str
) -> None:
    found = objected(**{field: reported})
    assert found == (Attention.OTHER_ORDER, code, {"reported": shown, "ordered": ordered})


def test_a_report_of_another_order_is_refused_whatever_it_reports() -> None:
    acknowledged = replace(a_report(ExecType.NEW), side=OrderSide.BUY)
    found = objection(ORDER, ACCOUNT, OF, acknowledged)
    assert found is not None
    assert found.kind is Attention.OTHER_ORDER
    assert objection(ORDER, ACCOUNT, OF, a_report(ExecType.NEW)) is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"last_quantity": Decimal("NaN")}, DetailCode.NUMBER_NOT_STORABLE),
        ({"last_price": Decimal("Infinity")}, DetailCode.NUMBER_NOT_STORABLE),
        ({"last_quantity": STORABLE_BELOW}, DetailCode.NUMBER_NOT_STORABLE),
        ({"last_price": -STORABLE_BELOW}, DetailCode.NUMBER_NOT_STORABLE),
        ({"fee": STORABLE_BELOW}, DetailCode.NUMBER_NOT_STORABLE),
        ({"fee": Decimal("NaN")}, DetailCode.NUMBER_NOT_STORABLE),
        ({"last_quantity": Decimal(0)}, DetailCode.QUANTITY_NOT_POSITIVE),
        ({"last_quantity": Decimal(-100)}, DetailCode.QUANTITY_NOT_POSITIVE),
        ({"last_quantity": Decimal("4E-11")}, DetailCode.QUANTITY_NOT_POSITIVE),
        ({"last_price": Decimal("4E-11")}, DetailCode.PRICE_NOT_POSITIVE),
        ({"last_price": Decimal(-1)}, DetailCode.PRICE_NOT_POSITIVE),
        ({"last_quantity": Decimal(10), "last_price": STORABLE_BELOW / 10}, DetailCode.VALUE_TOO_LARGE),
    ],
)
def test_a_number_that_no_trade_has_is_impossible(changes: dict[str, Decimal], code: DetailCode) -> None:
    kind, found, _ = objected(**changes) or pytest.fail("it is booked")
    assert (kind, found) == (Attention.IMPOSSIBLE, code)


def test_numbers_just_inside_the_limits_are_booked() -> None:
    assert objected(last_quantity=Decimal("0.0000000001"), last_price=Decimal("0.0000000001")) is None
    assert objected(last_quantity=Decimal(1), last_price=STORABLE_BELOW - 1) is None
    assert objected(fee=1 - STORABLE_BELOW) is None


def test_the_value_of_a_trade_counts_the_multiplier_and_its_size() -> None:
    option = instrument("O", multiplier="100")
    large = {"last_quantity": Decimal(1), "last_price": STORABLE_BELOW / 100}
    assert (objected(option, **large) or ("", ""))[1] == DetailCode.VALUE_TOO_LARGE
    assert objected(**large) is None
    oil = replace(option, negative_prices=True)
    below = {"last_quantity": Decimal(1), "last_price": -STORABLE_BELOW / 100}
    assert (objected(oil, **below) or ("", ""))[1] == DetailCode.VALUE_TOO_LARGE


def test_a_price_below_zero_is_booked_where_prices_can_be_negative() -> None:
    oil = replace(OF, negative_prices=True)
    assert objected(oil, last_price=Decimal(-37)) is None
    assert objected(oil, last_price=Decimal(0)) is None
    assert objected(last_price=Decimal(-37)) == (
        Attention.IMPOSSIBLE,
        DetailCode.PRICE_NOT_POSITIVE,
        {"price": Decimal(-37), "symbol": TENCENT},
    )


def test_a_usual_fill_is_not_odd() -> None:
    assert odd(a_fill(100), mark="400") == []


def test_a_fill_that_is_not_whole_lots_is_odd() -> None:
    (found,) = odd(a_fill(150))
    assert found[0] is Attention.ODD_LOT
    assert (found[1].code, dict(found[1].parameters)) == (
        DetailCode.ODD_LOT,
        {"filled": Decimal(150), "lot": Decimal(100)},
    )


@pytest.mark.parametrize(
    ("at", "outside"),
    [
        (PLACED_AT - CLOCK_TOLERANCE, False),
        (PLACED_AT - CLOCK_TOLERANCE - MOMENT, True),
        (LATER + CLOCK_TOLERANCE, False),
        (LATER + CLOCK_TOLERANCE + MOMENT, True),
    ],
)
def test_a_time_outside_the_tolerance_of_the_clocks_is_odd(at: datetime, outside: bool) -> None:
    found = odd(replace(a_fill(100), at=at))
    assert codes(found) == ([(Attention.CLOCK, DetailCode.TIME_OUTSIDE)] if outside else [])
    assert [said.parameters["time"] for _, said in found] == ([at.isoformat()] if outside else [])


def test_a_price_worse_than_the_limit_is_odd() -> None:
    step = Decimal("0.01")
    worse = [(Attention.PRICE, DetailCode.PRICE_WORSE_THAN_LIMIT)]
    found = odd(a_fill(100, PRICE - step))
    assert codes(found) == worse
    assert dict(found[0][1].parameters) == {"price": PRICE - step, "limit": PRICE}
    assert codes(odd(a_fill(100, PRICE + step), side=OrderSide.BUY)) == worse
    for side in OrderSide:
        assert odd(a_fill(100, PRICE), side=side) == []
    assert odd(a_fill(100, PRICE + step)) == []
    assert odd(a_fill(100, PRICE - step), side=OrderSide.BUY) == []


@pytest.mark.parametrize(
    ("price", "far"), [("800", False), ("800.01", True), ("200", False), ("199.99", True)]
)
def test_a_price_beyond_twice_or_below_half_the_mark_is_odd(price: str, far: bool) -> None:
    found = odd(a_fill(100, Decimal(price)), mark="400", type=OrderType.MARKET, limit_price=None)
    assert codes(found) == ([(Attention.PRICE, DetailCode.PRICE_FAR_FROM_MARK)] if far else [])
    expected = [{"price": Decimal(price), "mark": Decimal(400)}] if far else []
    assert [dict(said.parameters) for _, said in found] == expected


def test_a_mark_below_one_is_compared_like_any_other() -> None:
    at_any_price = {"type": OrderType.MARKET, "limit_price": None}
    assert odd(a_fill(100, Decimal("0.5")), mark="0.5", **at_any_price) == []
    assert codes(odd(a_fill(100, Decimal("1.01")), mark="0.5", **at_any_price)) == [
        (Attention.PRICE, DetailCode.PRICE_FAR_FROM_MARK)
    ]


def test_everything_odd_about_a_fill_is_reported() -> None:
    fill = replace(a_fill(150, Decimal(1)), at=LATER + timedelta(hours=1))
    kinds = [kind for kind, _ in odd(fill, mark="400")]
    assert kinds == [Attention.PRICE, Attention.ODD_LOT, Attention.CLOCK]


def test_the_time_of_an_execution_lies_between_its_order_and_its_arrival() -> None:
    for at, bounded in (
        (PLACED_AT - MOMENT, PLACED_AT),
        (PLACED_AT + MOMENT, PLACED_AT + MOMENT),
        (LATER + MOMENT, LATER),
    ):
        assert bounded_time(ORDER, replace(a_fill(100), at=at), LATER) == bounded


def test_texts_of_a_venue_are_made_storable_and_its_ids_are_left_as_they_are() -> None:
    long = "\x00" + "t" * TEXT_CHARACTERS_MAX
    report = in_legible_words(
        replace(a_fill(100), text=long, raw_status=long, execution_id=ExecutionId("\x00"))
    )
    shown = "\ufffd" + "t" * (TEXT_CHARACTERS_MAX - 1)
    assert (report.text, report.raw_status, report.execution_id) == (shown, shown, "\x00")
    silent = in_legible_words(a_fill(100))
    assert (silent.text, silent.raw_status) == (None, None)


def test_a_text_is_cut_to_the_length_that_is_stored() -> None:
    assert legible("abc", 2) == "ab"
    assert len(legible("x" * 2000)) == TEXT_CHARACTERS_MAX


def test_a_client_order_id_that_the_desk_cannot_have_assigned_names_no_order() -> None:
    assert names_an_order(ClientOrderId("x" * CLIENT_ORDER_ID_CHARACTERS_MAX))
    assert not names_an_order(ClientOrderId("x" * (CLIENT_ORDER_ID_CHARACTERS_MAX + 1)))
    assert not names_an_order(ClientOrderId("a\x00"))


@pytest.mark.parametrize("name", ["", "a\x00", "x" * (EXECUTION_ID_CHARACTERS_MAX + 1)])
def test_nothing_is_stored_under_an_execution_id_that_cannot_be_stored(name: str) -> None:
    found = nameless(replace(a_fill(100), execution_id=ExecutionId(name)))
    assert found is not None
    assert (found.kind, found.phrase.code) == (Attention.IMPOSSIBLE, DetailCode.EXECUTION_ID)
    assert dict(found.phrase.parameters) == {"characters": EXECUTION_ID_CHARACTERS_MAX}


def test_an_execution_id_of_the_greatest_length_is_stored() -> None:
    assert nameless(replace(a_fill(100), execution_id=ExecutionId("x" * EXECUTION_ID_CHARACTERS_MAX))) is None


BOOKED = Booked(ORDER.client_order_id, ExecType.TRADE, Decimal(100), PRICE, Decimal(0))


def test_a_repeat_with_the_same_content_contradicts_nothing() -> None:
    assert contradicts(BOOKED, a_fill(100)) is None
    digits = replace(a_fill(Decimal("100.00000000001")), fee=Decimal("-0.00000000001"))
    assert contradicts(BOOKED, digits) is None


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"client_order_id": ClientOrderId("MC-2")}, "order MC-1-1-1, now MC-2"),
        ({"exec_type": ExecType.TRADE_CANCEL}, "kind TRADE, now TRADE_CANCEL"),
        ({"last_quantity": Decimal("90.0")}, "quantity 100, now 90"),
        ({"last_price": Decimal(390)}, "price 399.8, now 390"),
        ({"fee": Decimal("1.50")}, "fee 0, now 1.5"),
        (
            {"last_quantity": Decimal(90), "fee": Decimal(1)},
            "quantity 100, now 90; fee 0, now 1",
        ),
    ],
)
def test_another_content_under_the_same_id_is_named(changes: dict[str, Any], difference: str) -> None:
    assert contradicts(BOOKED, replace(a_fill(100), **changes)) == difference


def test_a_value_is_compared_as_it_is_stored() -> None:
    assert stored(Decimal("1.00000000005")) == Decimal("1.0000000000")
    assert str(stored(Decimal("-0.00000000001"))) == "0E-10"
    for unchanged in (STORABLE_BELOW, -STORABLE_BELOW - Decimal("0.00000000001"), Decimal("Infinity")):
        assert stored(unchanged) == unchanged
    assert stored(Decimal("NaN")).is_nan()


def test_a_finding_is_stated_in_english() -> None:
    found = nameless(replace(a_fill(100), execution_id=ExecutionId("")))
    assert found is not None
    assert str(EXECUTION_ID_CHARACTERS_MAX) in found.why
