"""The price collar: one-sided, against the mark, narrow alone and wide for two, on valid prices only."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.closing import Closable
from domain.ids import Symbol
from domain.liquidation import plan
from domain.liquidation_plan import LegRequest, NoPlan, Plan, PlanPolicy, PlanRequest, Uncurable
from domain.margin import Book
from domain.market import Instrument, Quote
from domain.order import OrderSide, OrderStatus, OrderType
from domain.price_collar import CollarPlace, PriceCollar
from domain.principal import SYSTEM
from domain.refusals import Refusal, RefusalCode
from domain.sellable import Pricing
from tests.kit.orders import an_order
from tests.unit.books import HKD, NOW, USD, book, flat, holding, instrument

SELL, BUY = OrderSide.SELL, OrderSide.BUY
WITHIN, TWO, BEYOND = CollarPlace.WITHIN, CollarPlace.SECOND_PERSON, CollarPlace.BEYOND
SHARE = Symbol("A.US")


def quoted(mark: str, bid: str | None = None, ask: str | None = None, close: str | None = None) -> Quote:
    """The last price is the mark; a side that is left out is not quoted."""
    bid_price, ask_price = (None if side is None else Decimal(side) for side in (bid, ask))
    return Quote(SHARE, NOW, bid_price, ask_price, Decimal(mark), Decimal(close) if close else None)


def an_owner(price: Quote, quantity: str = "300", tick: str | None = None) -> Book:
    """USD 40,000 of debt on 300 shares, or 300 shares short; in Hong Kong dollars where a tick is named."""
    share = replace(instrument(SHARE, USD), tick=tick)
    cash = "-40000" if Decimal(quantity) > 0 else "62000"
    return book(holding(share, quantity, flat("0.5"), price), cash=cash, base=USD)


def made(of: Book, limits: PlanPolicy | None = None, **asked: object) -> Plan | Refusal:
    return plan(of, (), PlanRequest(**asked), limits or PlanPolicy(), NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "price", "close", "place"),
    [
        (SELL, "199", None, WITHIN),
        (SELL, "190", None, WITHIN),
        (SELL, "189.99", None, TWO),
        (SELL, "160", None, TWO),
        (SELL, "159.99", None, BEYOND),
        (SELL, "1000", None, WITHIN),
        (BUY, "201", None, WITHIN),
        (BUY, "210", None, WITHIN),
        (BUY, "210.01", None, TWO),
        (BUY, "240", None, TWO),
        (BUY, "240.01", None, BEYOND),
        (BUY, "0.01", None, WITHIN),
        # A mark that lost more than half since the close, or doubled and more, may be a faulty price.
        (SELL, "200", "401", TWO),
        (SELL, "200", "400", WITHIN),
        (BUY, "200", "133", TWO),
        (BUY, "200", "134", WITHIN),
        # A close of 0 says that there was none, as on the first day of a share.
        (SELL, "190", "0", WITHIN),
        (BUY, "210", "0", WITHIN),
    ],
)
def test_a_price_is_judged_on_the_side_that_is_bad_for_the_client(
    side: OrderSide, price: str, close: str | None, place: CollarPlace
) -> None:
    found = PriceCollar().place(instrument(SHARE, USD), quoted("200", close=close), side, Decimal(price))
    assert found is place


def test_a_market_has_a_width_of_its_own_which_is_never_narrower_for_two() -> None:
    collar = PriceCollar(by_market={"XNYS": Decimal("0.3")})
    assert collar.place(instrument(SHARE, USD), quoted("200"), SELL, Decimal(140)) is WITHIN
    assert collar.place(instrument(SHARE, USD), quoted("200"), SELL, Decimal("139.99")) is BEYOND
    assert collar.place(instrument(SHARE, HKD), quoted("200"), SELL, Decimal(180)) is TWO


BY_SYSTEM: dict[str, Any] = {"placed_by": SYSTEM}
BY_ONE: dict[str, Any] = {"ordered_alone_by": "ann"}
AT_THE_MARKET: dict[str, Any] = {"type": OrderType.MARKET, "limit_price": None}


def objected(price: Quote | None, side: OrderSide = SELL, **changes: Any) -> str | None:
    """The objection to an order at its limit of 185, seven and a half percent below a mark of 200."""
    order = an_order(OrderStatus.QUEUED, **{"side": side, "limit_price": Decimal(185), **changes})
    return PriceCollar().objection(order, instrument(SHARE, USD), price)


def test_an_order_of_two_people_may_go_to_the_wide_collar_and_any_other_to_the_narrow_one() -> None:
    assert objected(quoted("200")) is None
    assert "185 is beyond 190" in (objected(quoted("200"), **BY_ONE) or "")
    assert "185 is beyond 190" in (objected(quoted("200"), **BY_SYSTEM) or "")
    assert objected(quoted("200"), limit_price=Decimal(160)) is None
    assert "159.99 is beyond 160" in (objected(quoted("200"), limit_price=Decimal("159.99")) or "")
    assert objected(quoted("200"), limit_price=Decimal(190), **BY_ONE) is None
    assert objected(quoted("170"), BUY) is None
    assert "mark is now 170" in (objected(quoted("170"), BUY, **BY_ONE) or "")


def test_a_market_order_is_checked_by_the_price_at_which_it_would_trade() -> None:
    alone = {**AT_THE_MARKET, **BY_ONE}
    assert objected(quoted("200", bid="190", ask="300"), **alone) is None
    assert "190 is beyond 199.5" in (objected(quoted("210", bid="190", ask="300"), **alone) or "")
    assert objected(quoted("200", bid="1", ask="210"), BUY, **alone) is None
    assert "211 is beyond 210" in (objected(quoted("200", bid="200", ask="211"), BUY, **alone) or "")
    assert "no price" in (objected(quoted("200", ask="200"), **AT_THE_MARKET) or "")
    assert objected(quoted("200", bid="170"), **AT_THE_MARKET) is None, "two people ordered it"


def test_an_objection_names_the_kind_of_the_price() -> None:
    assert (objected(quoted("200"), **BY_ONE) or "").startswith("its limit of 185")
    market = objected(quoted("200", bid="100"), **AT_THE_MARKET)
    assert (market or "").startswith("the market price of 100")


def test_an_order_without_a_quote_to_compare_with_meets_no_objection() -> None:
    assert objected(None, **BY_ONE) is None


@pytest.mark.parametrize(
    ("tick", "mark", "sale", "purchase"),
    [
        # 0.95 and 1.05 of the mark, rounded towards it on the spread table of Hong Kong.
        ("XHKG", "395.80", "376.2", "415.4"),
        ("XHKG", "400.00", "380", "420"),
        ("XHKG", "0.010", "0.01", "0.01"),
        ("XHKG", "0.255", "0.243", "0.265"),
        ("0.05", "1.00", "0.95", "1.05"),
        ("0.05", "1.02", "1", "1.05"),
        (None, "0.013", "0.013", "0.013"),
        (None, "33.33", "31.67", "34.99"),
    ],
)
def test_the_edge_is_a_valid_price_within_the_collar(
    tick: str | None, mark: str, sale: str, purchase: str
) -> None:
    share = replace(instrument(SHARE, USD), tick=tick, market="XASX")
    collar = PriceCollar()
    assert collar.edge(share, quoted(mark), SELL) == Decimal(sale)
    assert collar.edge(share, quoted(mark), BUY) == Decimal(purchase)


@given(
    st.decimals("0.01", "2000", places=3),
    st.decimals("0.001", "0.99", places=3),
    st.sampled_from(("XHKG", "XNYS", "0.05", "0.001, 0.2:0.005, 1:0.01")),
)
def test_the_edges_lie_on_the_grid_and_never_beyond_the_width(
    mark: Decimal, width: Decimal, tick: str
) -> None:
    share = replace(instrument(SHARE, USD), tick=tick)
    ticks, price = share.ticks, quoted(str(mark))
    assert ticks is not None
    collar = PriceCollar(narrow=width)
    sale, purchase = collar.edge(share, price, SELL), collar.edge(share, price, BUY)
    assert ticks.is_valid(sale)
    assert sale >= mark * (1 - width)
    assert purchase <= max(mark * (1 + width), ticks.lowest)
    assert ticks.is_valid(purchase)


@pytest.mark.parametrize("order_type", OrderType)
@pytest.mark.parametrize(
    ("bid", "ask", "code"),
    [
        ("150", "250", RefusalCode.PRICE_COLLAR),  # The whole report: mark 200, sold at 150.
        ("189.99", "210", RefusalCode.PRICE_COLLAR),
        ("190", "210", None),
        ("199.9", "400", None),
        (None, "250", RefusalCode.NO_QUOTE),
    ],
)
def test_the_desk_sells_at_no_bid_outside_the_collar(
    bid: str | None, ask: str, code: RefusalCode | None, order_type: OrderType
) -> None:
    found = made(an_owner(quoted("200", bid, ask)), order_type=order_type)
    if code is None:
        assert isinstance(found, Plan)
        assert [leg.price for leg in found.legs] == [Decimal(bid or 0)]
        return
    assert isinstance(found, NoPlan)
    assert found.uncurable == (Uncurable(SHARE, code, Decimal(300)),)


@pytest.mark.parametrize(("ask", "sent"), [("210", True), ("210.01", False), ("250", False)])
def test_the_desk_covers_at_no_ask_outside_the_collar(ask: str, sent: bool) -> None:
    found = made(an_owner(quoted("200", "150", ask), "-300"))
    assert isinstance(found, Plan) is sent
    if isinstance(found, Refusal):
        assert found.code is RefusalCode.PRICE_COLLAR


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [
        ("199", None),
        ("1000", None),
        ("190", None),
        ("189.99", "takes two"),
        ("160", "takes two"),
        ("159.99", RefusalCode.PRICE_COLLAR),
        ("145", RefusalCode.PRICE_COLLAR),
        ("199.005", RefusalCode.OFF_TICK),
        ("0", RefusalCode.PRICE_OUTSIDE_BAND),
        ("-1", RefusalCode.PRICE_OUTSIDE_BAND),
        ("NaN", RefusalCode.PRICE_OUTSIDE_BAND),
        ("Infinity", RefusalCode.PRICE_OUTSIDE_BAND),
    ],
)
@pytest.mark.parametrize("bid", ["150", "199", None])
def test_a_persons_price_is_held_to_the_mark_and_not_to_the_quote(
    limit: str, outcome: object, bid: str | None
) -> None:
    leg = LegRequest(SHARE, Decimal(100), Decimal(limit))
    found = made(an_owner(quoted("200", bid, "250")), legs=(leg,))
    if isinstance(outcome, RefusalCode):
        assert isinstance(found, Refusal)
        assert found.code is outcome
        return
    assert isinstance(found, Plan)
    assert found.legs[0].limit_price == Decimal(limit)
    assert bool(found.second_person) is (outcome == "takes two")


def test_a_price_off_the_tick_grid_is_refused_with_its_neighbours() -> None:
    leg = LegRequest(SHARE, Decimal(100), Decimal("199.005"))
    found = made(an_owner(quoted("200", "199", "201")), legs=(leg,))
    assert isinstance(found, Refusal)
    assert "199 and 199.01" in found.message


def test_a_limit_far_above_the_market_promises_no_more_than_the_ask() -> None:
    leg = LegRequest(SHARE, Decimal(100), Decimal(10_000))
    found = made(an_owner(quoted("200", "199", "201")), legs=(leg,))
    assert isinstance(found, Plan)
    assert (found.legs[0].limit_price, found.legs[0].price) == (Decimal(10_000), Decimal(201))


def test_a_quote_between_the_collars_is_a_persons_to_take_and_needs_another() -> None:
    of = an_owner(quoted("200", "170", "230"))
    alone = made(of)
    assert isinstance(alone, NoPlan)
    assert alone.code is RefusalCode.PRICE_COLLAR
    named = made(of, legs=(LegRequest(SHARE, Decimal(10)),))
    assert isinstance(named, Plan)
    assert named.legs[0].limit_price == 170
    assert "collar" in named.second_person[0]
    market = made(of, legs=(LegRequest(SHARE, Decimal(10)),), order_type=OrderType.MARKET)
    assert isinstance(market, Plan)
    assert "priced at 170," in market.second_person[0]


def test_a_limit_on_what_is_worth_nothing_promises_no_money() -> None:
    held = holding(instrument("A.US", USD), "300", flat("0.5"), quoted("0", "0", "0"))
    pricing = Pricing(PlanRequest(), PlanPolicy(), NOW)
    assert pricing.at_limit(book(held, base=USD), held, Decimal("0.5")) is RefusalCode.NO_QUOTE


def test_a_price_band_ends_at_the_collar() -> None:
    found = made(an_owner(quoted("200", "194", "206")), price_band=Decimal("0.05"))
    assert isinstance(found, Plan)
    assert found.legs[0].limit_price == 190
    wide = PlanPolicy(collar=PriceCollar(narrow=Decimal("0.2")))
    found = made(an_owner(quoted("200", "194", "206")), wide, price_band=Decimal("0.05"))
    assert isinstance(found, Plan)
    assert found.legs[0].limit_price == Decimal("184.30")


@pytest.mark.parametrize(
    ("tick", "band", "limit"),
    [("0.20", "0.01", "192.2"), ("0.20", "0", "194"), ("5", "0", "195"), ("0.05", "0.013", "191.5")],
)
def test_every_limit_is_a_valid_price_that_is_not_worse_than_was_asked(
    tick: str, band: str, limit: str
) -> None:
    found = made(an_owner(quoted("200", "194", "206"), tick=tick), price_band=Decimal(band))
    assert isinstance(found, Plan)
    assert found.legs[0].limit_price == Decimal(limit)
    unusual: Instrument = found.legs[0].instrument
    assert unusual.ticks is not None
    assert unusual.ticks.is_valid(Decimal(limit))


def limited(quantity: str, limit: str, close: str | None = None) -> Refusal:
    """The refusal of a leg with this limit, at a mark of 200."""
    share = replace(instrument(SHARE, USD))
    held = holding(share, quantity, flat("0.5"), quoted("200", "200", "200", close))
    found = Pricing(PlanRequest(), PlanPolicy(), NOW).at_limit(book(held, base=USD), held, Decimal(limit))
    assert isinstance(found, Refusal)
    return found


def test_a_limit_beyond_the_collar_is_refused_with_the_limits_that_are_possible() -> None:
    sale = limited("300", "159.99")
    assert sale.code is RefusalCode.PRICE_COLLAR
    assert "mark 200: the limit of a sale must be at least 190, or with" in sale.message
    assert "approval at least 160." in sale.message
    purchase = limited("-300", "240.01")
    assert "the limit of a purchase must be at most 210, or with" in purchase.message
    assert "approval at most 240." in purchase.message
    assert "mark 200 and the previous close 500: the" in limited("300", "159.99", close="500").message


def test_a_limit_below_one_is_a_limit() -> None:
    cheap = replace(instrument(SHARE, USD), tick="0.001")
    held = holding(cheap, "300", flat("0.5"), quoted("0.5", "0.5", "0.5"))
    found = Pricing(PlanRequest(), PlanPolicy(), NOW).at_limit(book(held, base=USD), held, Decimal("0.499"))
    assert isinstance(found, Closable)
    assert (found.limit_price, found.price) == (Decimal("0.499"), Decimal("0.499"))
    assert limited("300", "0").code is RefusalCode.PRICE_OUTSIDE_BAND


def test_the_reason_for_a_second_person_names_price_mark_and_previous_close() -> None:
    one_leg = LegRequest(SHARE, limit_price=Decimal(185))
    for close, measures in ((None, "mark 200"), ("210", "mark 200, previous close 210")):
        found = made(an_owner(quoted("200", "200", "200", close)), legs=(one_leg,))
        assert isinstance(found, Plan)
        assert found.second_person == (f"A.US would be priced at 185, outside its price collar ({measures})",)
