"""The reference product's words for order statuses, to the desk's and back."""

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.execution import ExecType
from domain.order import OrderChange, OrderStatus, apply, ask_cancel
from domain.raw_status import RAW_OF, STATUS_OF, raw_status, status_of
from tests.kit.orders import LATER, a_fill, a_report, an_order


def test_the_seventeen_words_have_a_status_and_every_status_has_a_word() -> None:
    assert len(STATUS_OF) == 17
    assert RAW_OF.keys() == set(OrderStatus)
    assert set(RAW_OF.values()) <= STATUS_OF.keys()


@pytest.mark.parametrize(
    "status", sorted(set(OrderStatus) - {OrderStatus.PENDING_APPROVAL, OrderStatus.UNKNOWN})
)
def test_a_status_comes_back_from_its_word(status: OrderStatus) -> None:
    assert status_of(RAW_OF[status]) is status
    assert raw_status(an_order(status)) == RAW_OF[status]


def test_a_word_without_its_suffix_is_the_same_word() -> None:
    assert status_of("Filled") is status_of("FilledStatus") is OrderStatus.FILLED


def test_an_unknown_word_is_kept_and_counts_as_open() -> None:
    assert status_of("HeldByDesk") is OrderStatus.UNKNOWN
    assert raw_status(replace(an_order(OrderStatus.NEW), raw_status="HeldByDesk")) == "HeldByDesk"


def test_the_venues_word_is_shown_while_it_fits() -> None:
    order = replace(an_order(OrderStatus.NEW), raw_status="ReplacedStatus")
    assert raw_status(order) == "ReplacedStatus"
    assert raw_status(replace(order, raw_status="FilledStatus")) == "NewStatus"


def test_an_unknown_word_is_not_kept_for_a_later_status() -> None:
    order = replace(an_order(OrderStatus.NEW), raw_status="HeldByDesk")
    filled = apply(order, a_fill(order.quantity), LATER)
    assert isinstance(filled, OrderChange)
    assert filled.order.status is OrderStatus.FILLED
    assert raw_status(filled.order) == "FilledStatus"
    asked = ask_cancel(order, LATER, None)
    assert isinstance(asked, OrderChange)
    assert raw_status(asked.order) == "PendingCancelStatus"


@pytest.mark.parametrize("word", sorted(STATUS_OF))
def test_every_word_comes_back_from_an_order_that_stands_where_it_says(word: str) -> None:
    order = replace(an_order(STATUS_OF[word]), raw_status=word)
    assert raw_status(order) == word
    assert status_of(word.removesuffix("Status")) is STATUS_OF[word]


@pytest.mark.parametrize("word", ["", "Status", "newstatus", "New Status", "None", "\u0000", "UNKNOWN"])
def test_a_word_outside_the_reference_is_unknown(word: str) -> None:
    assert status_of(word) is OrderStatus.UNKNOWN


def test_a_cancelled_order_with_fills_is_partly_withdrawn() -> None:
    order = an_order(OrderStatus.PARTIALLY_FILLED)
    cancelled = replace(order, status=OrderStatus.CANCELED)
    assert cancelled.filled_quantity > Decimal(0)
    assert raw_status(cancelled) == "PartialWithdrawal"
    assert raw_status(an_order(OrderStatus.CANCELED)) == "CanceledStatus"


def test_a_report_leaves_its_word_on_the_order() -> None:
    said = replace(a_report(ExecType.NEW), raw_status="NewStatus")
    change = apply(an_order(OrderStatus.PENDING_NEW), said, LATER)
    assert isinstance(change, OrderChange)
    assert (change.order.status, change.order.raw_status) == (OrderStatus.NEW, "NewStatus")
