"""Covered options and the orders that bring stock back."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.booking import after_fill
from domain.case import AlertType
from domain.covered_options import Shortfall, buy_backs, shortfall_quantity, shortfalls
from domain.ids import AccountId, CaseId, RecoveryId, Symbol
from domain.liquidation_plan import LegRequest, NoPlan, Plan, PlanPolicy, PlanRequest
from domain.margin import Book, Holding
from domain.market import Instrument, OptionRight, OptionTerms, TradeStatus
from domain.market_hours import MarketHours, MarketState
from domain.order import OrderSide, OrderType, TradingSession
from domain.order_caps import OrderCaps
from domain.recovery_plan import plan_recovery
from domain.refusals import Refusal, RefusalCode
from domain.sellable import OpenOrder, Pricing
from domain.stock_recovery import (
    RecallCause,
    Recovery,
    moved_up,
    outstanding_in,
    recallable_quantity,
    uncovered_quantity,
)
from tests.unit.books import NOW, TENCENT, book, flat, holding, instrument, quote

TODAY = date(2020, 3, 16)


def today(_: Instrument) -> date:
    return TODAY


def a_call(
    name: str,
    contracts: int,
    multiplier: int = 100,
    expiry: date = date(2020, 3, 30),
    right: OptionRight = OptionRight.CALL,
    priced: bool = True,
) -> Holding:
    """On Tencent; negative contracts are written."""
    plain = (
        instrument(name, multiplier=str(multiplier)) if multiplier != 1 else instrument(name, multiplier="2")
    )
    terms = OptionTerms(TENCENT, right, Decimal(400), expiry)
    of = replace(plain, option=terms, multiplier=Decimal(multiplier))
    return holding(of, str(contracts), flat("1"), quote(name, "5", "4.90", "5.10") if priced else None)


def shares(quantity: int) -> Holding:
    return holding(instrument(TENCENT, lot="100"), str(quantity), flat("0.3"), quote(TENCENT, "400"))


def a_recovery(
    quantity: int, may_stay: int = 0, alert_type: AlertType = AlertType.SHORT_RECALL, name: str = "R1"
) -> Recovery:
    return Recovery(
        id=RecoveryId(name),
        account_id=AccountId("A"),
        case_id=CaseId("C"),
        alert_type=alert_type,
        symbol=TENCENT,
        quantity=Decimal(quantity),
        outstanding=Decimal(quantity),
        due_at=NOW,
        opened_at=NOW,
        short_may_stay=Decimal(may_stay),
        cause=RecallCause.RECALLED if alert_type is AlertType.SHORT_RECALL else None,
    )


A_SHORTFALL = a_recovery(1, alert_type=AlertType.COVERED_CALL_SHORTFALL)


HOURS = MarketHours(lambda market: MarketState.OPEN, today)


def pricing(request: PlanRequest, hours: MarketHours = HOURS) -> Pricing:
    return Pricing(request, PlanPolicy(), NOW, hours)


def planned(
    of: Book, *recoveries: Recovery, orders: tuple[OpenOrder, ...] = (), **asked: object
) -> Plan | Refusal:
    request = PlanRequest(**asked)  # type: ignore[arg-type]
    return plan_recovery(of, orders, recoveries, pricing(request))


def legs(made: Plan | Refusal) -> dict[str, int]:
    assert isinstance(made, Plan), made
    assert all(leg.side is OrderSide.BUY for leg in made.legs)
    assert made.amount_before == made.amount_after == made.estimated_reduction == 0
    return {leg.instrument.symbol: int(leg.quantity) for leg in made.legs}


def code(made: Plan | Refusal) -> RefusalCode:
    assert isinstance(made, Refusal), made
    return made.code


def test_written_calls_need_their_multiplier_of_the_underlying() -> None:
    (found,) = shortfalls(book(shares(500), a_call("C400", -7)), today)
    assert found == Shortfall(TENCENT, Decimal(700), Decimal(500))
    assert found.quantity == 200
    assert shortfalls(book(shares(700), a_call("C400", -7)), today) == ()


def test_only_written_calls_need_stock_and_only_until_they_expire() -> None:
    bought, put = a_call("C400", 7), a_call("P400", -7, right=OptionRight.PUT)
    expired = a_call("C380", -7, expiry=date(2020, 3, 13))
    assert shortfalls(book(bought, put, expired), today) == ()
    last_day = a_call("C380", -7, expiry=TODAY)
    assert shortfall_quantity(book(last_day), TENCENT, today) == 700


def test_a_bought_call_covers_nothing_and_a_short_stock_covers_nothing() -> None:
    assert shortfall_quantity(book(a_call("C400", -7), a_call("C410", 7)), TENCENT, today) == 700
    assert shortfall_quantity(book(a_call("C400", -7), shares(-300)), TENCENT, today) == 700


def test_the_fewest_whole_contracts_are_bought_back() -> None:
    short_of_150 = book(shares(550), a_call("C400", -7))
    assert legs(planned(short_of_150, A_SHORTFALL)) == {"C400": 2}
    large_and_small = book(shares(0 + 1), a_call("BIG", -1, multiplier=500), a_call("C400", -3))
    assert legs(planned(large_and_small, A_SHORTFALL)) == {"BIG": 1, "C400": 3}


def test_the_calls_of_which_a_lot_frees_most_are_bought_back_first() -> None:
    """A lot of two contracts for 100 shares each frees more than one contract for 150."""
    pairs, single = a_call("PAIRS", -4), a_call("SINGLE", -4, multiplier=150)
    pairs = replace(pairs, instrument=replace(pairs.instrument, lot_size=Decimal(2)))
    need = Shortfall(TENCENT, Decimal(1000), Decimal(800))
    assert buy_backs(book(single, pairs), need, today)[0] == (pairs, Decimal(2))


def test_a_part_of_a_contract_that_was_bought_needs_no_stock() -> None:
    bought = replace(a_call("C400", 1), quantity=Decimal("0.5"))
    assert shortfall_quantity(book(bought, a_call("C410", -1)), TENCENT, today) == 100


def test_of_equal_calls_the_one_that_expires_first_is_bought_back() -> None:
    later, sooner = a_call("A", -2), a_call("Z", -2, expiry=date(2020, 3, 20))
    assert legs(planned(book(later, sooner, shares(100)), A_SHORTFALL)) == {"Z": 2, "A": 1}


def test_a_call_without_a_quote_is_listed_and_another_is_used() -> None:
    blind = a_call("A", -2, expiry=date(2020, 3, 20), priced=False)
    made = planned(book(blind, a_call("B", -2), shares(200)), A_SHORTFALL)
    assert legs(made) == {"B": 2}
    assert isinstance(made, Plan)
    assert [(each.symbol, each.code) for each in made.uncurable] == [("A", RefusalCode.NO_QUOTE)]
    assert code(planned(book(blind), A_SHORTFALL)) is RefusalCode.NOTHING_SELLABLE


def test_open_buy_backs_count_and_open_sales_of_the_stock_count_against() -> None:
    of = book(shares(500), a_call("C400", -7))
    buying = OpenOrder(Symbol("C400"), OrderSide.BUY, Decimal(2))
    assert code(planned(of, A_SHORTFALL, orders=(buying,))) is RefusalCode.NOTHING_TO_COLLECT
    selling = OpenOrder(TENCENT, OrderSide.SELL, Decimal(100))
    assert legs(planned(of, A_SHORTFALL, orders=(buying, selling))) == {"C400": 1}


def test_a_recall_covers_the_outstanding_quantity_to_the_lot_and_no_more() -> None:
    of = book(shares(-1000))
    assert legs(planned(of, a_recovery(300, may_stay=700))) == {TENCENT: 300}
    assert legs(planned(of, a_recovery(250, may_stay=750))) == {TENCENT: 300}
    covering = OpenOrder(TENCENT, OrderSide.BUY, Decimal(200))
    assert legs(planned(of, a_recovery(300, may_stay=700), orders=(covering,))) == {TENCENT: 100}
    assert code(planned(book(shares(-600)), a_recovery(300, may_stay=700))) is RefusalCode.NOTHING_TO_COLLECT


def test_a_second_recall_stands_on_top_of_the_first() -> None:
    first, second = a_recovery(300, may_stay=700), a_recovery(200, may_stay=500, name="R2")
    of = book(shares(-1000))
    assert [outstanding_in(each, of, today) for each in (first, second)] == [300, 200]
    partly = book(shares(-800))
    assert [outstanding_in(each, partly, today) for each in (first, second)] == [100, 200]
    assert legs(planned(of, first, second)) == {TENCENT: 500}
    assert recallable_quantity(Decimal(1000), (first, second)) == 500
    assert recallable_quantity(Decimal(400), (first, second)) == 400


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("short"), st.integers(0, 30)), st.tuples(st.just("recall"), st.integers(1, 30))
        ),
        max_size=12,
    )
)
def test_recalls_ask_together_for_no_more_than_is_short_and_a_new_one_for_any_of_the_rest(
    happened: list[tuple[str, int]],
) -> None:
    short, open_recalls = 0, list[Recovery]()
    for what, number in happened:
        asked = [outstanding_in(each, book(shares(-short)), today) for each in open_recalls]
        if what == "short":
            grew, short = number - short, number
            if grew < 0:
                left = -grew
                after = [outstanding_in(each, book(shares(-short)), today) for each in open_recalls]
                assert sum(asked) - sum(after) <= left, "a cover gives back no more than it is"
        else:
            free = recallable_quantity(Decimal(short), open_recalls)
            assert free == short - sum(asked), "what was asked for already is all that is kept back"
            share = min(Decimal(number), free)
            if not share:
                continue
            moved = {each.id: each for each in moved_up(Decimal(short), open_recalls)}
            open_recalls = [moved.get(each.id, each) for each in open_recalls]
            stays = int(free - share)
            open_recalls.append(a_recovery(int(share), stays, name=f"R{len(open_recalls)}"))
            now = [outstanding_in(each, book(shares(-short)), today) for each in open_recalls]
            assert now == [*asked, share], "an older recall asks for as much as before"
        wanted = [outstanding_in(each, book(shares(-short)), today) for each in open_recalls]
        assert sum(wanted) <= short
        open_recalls = [each for each, missing in zip(open_recalls, wanted, strict=True) if missing]


def test_an_odd_lot_is_listed() -> None:
    made = planned(book(shares(-250)), a_recovery(250))
    assert legs(made) == {TENCENT: 200}
    whole = planned(book(shares(-300)), a_recovery(250, may_stay=50))
    assert legs(whole) == {TENCENT: 300}
    assert isinstance(whole, Plan)
    assert whole.uncurable == (), "a part of a lot more comes back"
    assert isinstance(made, Plan)
    assert [(each.symbol, each.code) for each in made.uncurable] == [(TENCENT, RefusalCode.OFF_LOT)]


def test_the_remainder_is_part_of_the_recall_and_not_of_the_whole_short() -> None:
    def left(made: Plan | Refusal) -> list[tuple[RefusalCode, Decimal | None]]:
        assert isinstance(made, Plan | NoPlan)
        return [(each.code, each.remaining) for each in made.uncurable]

    one_lot = PlanRequest(caps=OrderCaps(slice_notional=Decimal(41_000)))
    short = book(shares(-500))
    capped = plan_recovery(short, (), [a_recovery(300, may_stay=200)], pricing(one_lot))
    assert left(capped) == [(RefusalCode.CAPPED, Decimal(200))]
    assert legs(capped) == {TENCENT: 100}
    assert left(planned(book(shares(-250)), a_recovery(220, may_stay=30))) == [
        (RefusalCode.OFF_LOT, Decimal(20))
    ]
    kept = planned(short, a_recovery(300, may_stay=200), keep=frozenset({TENCENT}))
    assert left(kept) == [(RefusalCode.NOTHING_SELLABLE, Decimal(300))]


def test_legs_say_how_much_and_at_which_limit_and_never_more_than_is_short() -> None:
    of, recall = book(shares(-1000)), a_recovery(300, may_stay=700)

    def asked(**leg: object) -> Plan | Refusal:
        return planned(of, recall, legs=(LegRequest(TENCENT, **leg),))  # type: ignore[arg-type]

    assert legs(asked(quantity=Decimal(100))) == {TENCENT: 100}
    assert legs(asked(quantity=Decimal(500))) == {TENCENT: 300}
    assert code(asked(quantity=Decimal(150))) is RefusalCode.OFF_LOT
    assert code(asked(quantity=Decimal(0))) is RefusalCode.OFF_LOT
    assert code(asked(quantity=Decimal(1100))) is RefusalCode.QUANTITY_EXCEEDS_SELLABLE
    assert legs(asked(quantity=Decimal(1000))) == {TENCENT: 300}
    assert code(asked(limit_price=Decimal(500))) is RefusalCode.PRICE_COLLAR
    assert code(asked(limit_price=Decimal(0))) is RefusalCode.PRICE_OUTSIDE_BAND
    made = asked(limit_price=Decimal(410))
    assert isinstance(made, Plan)
    assert made.legs[0].limit_price == made.legs[0].price == 410
    other = planned(of, recall, legs=(LegRequest(Symbol("5.HK")),))
    assert code(other) is RefusalCode.INCREASES_EXPOSURE


def test_a_leg_whose_position_cannot_be_priced_is_refused_with_the_reason() -> None:
    unquoted = holding(instrument(TENCENT, lot="100"), "-500", flat("0.3"))
    made = planned(book(unquoted), a_recovery(500), legs=(LegRequest(TENCENT, limit_price=Decimal(400)),))
    assert isinstance(made, Refusal)
    assert made.code is RefusalCode.NO_QUOTE
    assert made.message == "700.HK cannot be closed now: NO_QUOTE."


def test_what_cannot_be_traded_is_refused_with_its_reason() -> None:
    halted = holding(
        instrument(TENCENT, lot="100", status=TradeStatus.HALTED), "-500", flat("0.3"), quote(TENCENT, "400")
    )
    made = planned(book(halted), a_recovery(500))
    assert isinstance(made, Refusal)
    assert made.code is RefusalCode.NOTHING_SELLABLE
    assert "MARKET_CLOSED" in made.message
    market = planned(
        book(shares(-500)), a_recovery(500), order_type=OrderType.MARKET, session=TradingSession.ANY
    )
    assert code(market) is RefusalCode.MARKET_CLOSED
    kept = planned(book(shares(-500)), a_recovery(500), keep=frozenset({TENCENT}))
    assert code(kept) is RefusalCode.NOTHING_SELLABLE


@given(
    st.integers(0, 3000),
    st.lists(st.tuples(st.integers(1, 30), st.sampled_from([10, 50, 100, 250])), min_size=1, max_size=4),
)
def test_executing_the_plan_ends_the_shortfall_and_one_contract_less_does_not(
    held: int, written: list[tuple[int, int]]
) -> None:
    calls = [a_call(f"C{n}", -count, multiplier) for n, (count, multiplier) in enumerate(written)]
    of = book(*calls, *([shares(held)] if held else []))
    made = planned(of, A_SHORTFALL)
    if shortfall_quantity(of, TENCENT, today) == 0:
        assert code(made) is RefusalCode.NOTHING_TO_COLLECT
        return
    assert isinstance(made, Plan)
    for leg in made.legs:
        of = after_fill(of, leg.instrument.symbol, leg.quantity, leg.price, leg.fee)
    assert uncovered_quantity(of, (), A_SHORTFALL, today) == 0
    last = made.legs[-1]
    one_less = (
        after_fill(of, last.instrument.symbol, Decimal(-1), last.price, last.fee)
        if of.holding(last.instrument.symbol)
        else None
    )
    if one_less is not None:
        assert shortfall_quantity(one_less, TENCENT, today) > 0


@given(
    st.integers(0, 3000),
    st.lists(st.tuples(st.integers(1, 6), st.sampled_from([10, 50, 100, 250])), min_size=1, max_size=3),
)
def test_no_other_choice_takes_fewer_contracts(held: int, written: list[tuple[int, int]]) -> None:
    calls = [a_call(f"C{n}", -count, multiplier) for n, (count, multiplier) in enumerate(written)]
    of = book(*calls)
    required = sum(count * multiplier for count, multiplier in written)
    missing = max(0, required - held)
    taken = buy_backs(of, Shortfall(TENCENT, Decimal(required), Decimal(min(held, required))), today)
    count = int(sum(contracts for _, contracts in taken))
    # Any smaller number of contracts frees at most what the largest ones free.
    largest = sorted((multiplier for n, multiplier in written for _ in range(n)), reverse=True)
    assert sum(largest[:count]) >= missing
    assert count == 0 or sum(largest[: count - 1]) < missing


@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([1, 100]), st.integers(0, 3000))
def test_a_cover_never_turns_a_short_into_a_long_and_leaves_less_than_a_lot(
    short: int, recalled: int, lot: int, in_flight: int
) -> None:
    recalled = min(short, recalled)
    position = holding(instrument(TENCENT, lot=str(lot)), str(-short), flat("0.3"), quote(TENCENT, "400"))
    recovery = a_recovery(recalled, may_stay=short - recalled)
    orders = (OpenOrder(TENCENT, OrderSide.BUY, Decimal(in_flight)),)
    made = planned(book(position), recovery, orders=orders)
    bought = sum(int(leg.quantity) for leg in made.legs) if isinstance(made, Plan) else 0
    assert bought % lot == 0
    assert bought + min(in_flight, short) <= short
    left = recalled - bought - in_flight
    assert left < lot
    assert bought == 0 or bought < max(0, recalled - in_flight) + lot


def test_contracts_of_several_units_are_bought_back_in_whole_lots() -> None:
    """Each lot of five contracts frees 500 shares."""
    of = replace(a_call("L", -50).instrument, lot_size=Decimal(5))
    written = replace(a_call("L", -50), instrument=of)
    need = Shortfall(TENCENT, Decimal(5000), Decimal(3900))
    assert buy_backs(book(written), need, today) == ((written, Decimal(15)),)


def test_a_plan_that_needs_a_second_person_says_why() -> None:
    """A limit at 425 is beyond the narrow collar of a mark of 400, and within the wide one."""
    leg = LegRequest(TENCENT, limit_price=Decimal(425))
    found = planned(book(shares(-300)), a_recovery(300), legs=(leg,))
    assert isinstance(found, Plan)
    assert found.second_person == ("700.HK would be priced at 425, outside its price collar (mark 400)",)


def test_a_plan_adds_up_what_it_pays_in_whole_units_and_waits_for_a_closed_market() -> None:
    written = a_call("C400", -7)
    found = plan_recovery(
        book(written),
        (),
        (a_recovery(700, alert_type=AlertType.COVERED_CALL_SHORTFALL),),
        pricing(PlanRequest(), MarketHours(lambda market: MarketState.SHUT, today)),
    )
    assert isinstance(found, Plan)
    (leg,) = found.legs
    assert (leg.market, leg.quote) == (MarketState.SHUT, written.quote)
    assert found.notional == leg.base_notional == Decimal("3570.00")
    assert found.uncovered_before == leg.reduction == 0
    assert found.second_person == ()


def test_a_position_that_is_named_twice_is_refused() -> None:
    twice = (LegRequest(TENCENT, Decimal(100)), LegRequest(TENCENT, Decimal(200)))
    found = planned(book(shares(-300)), a_recovery(300), legs=twice)
    assert code(found) is RefusalCode.QUANTITY_EXCEEDS_SELLABLE


def test_the_smallest_missing_part_of_a_share_is_a_shortfall() -> None:
    stock = replace(shares(700), quantity=Decimal("699.5"))
    (found,) = shortfalls(book(stock, a_call("C400", -7)), today)
    assert found.quantity == Decimal("0.5")
    part = replace(a_call("C400", -7), quantity=Decimal("0.5"))
    assert shortfalls(book(part), today) == ()


def test_a_leg_may_be_smaller_than_one_unit_where_the_lot_is() -> None:
    part = holding(instrument("A", lot="0.1"), "-500", flat("0.3"), quote("A", "400"))
    recall = replace(a_recovery(500), symbol=Symbol("A"))
    found = planned(book(part), recall, legs=(LegRequest(Symbol("A"), Decimal("0.5")),))
    assert isinstance(found, Plan)
    assert [leg.quantity for leg in found.legs] == [Decimal("0.5")]


CALLS_OWED = a_recovery(700, alert_type=AlertType.COVERED_CALL_SHORTFALL)


def test_a_call_that_cannot_be_priced_is_passed_over_and_one_that_is_not_needed_is_not_named() -> None:
    first, second = a_call("A1", -7, priced=False), a_call("B1", -7)
    passed = planned(book(shares(700), first, second), CALLS_OWED)
    assert legs(passed) == {"B1": 7}
    assert isinstance(passed, Plan)
    assert [each.symbol for each in passed.uncurable] == ["A1"]
    enough = planned(book(shares(700), a_call("A1", -7), a_call("B1", -7, priced=False)), CALLS_OWED)
    assert legs(enough) == {"A1": 7}
    assert isinstance(enough, Plan)
    assert enough.uncurable == ()


def test_a_leg_for_the_second_call_leaves_the_first_alone() -> None:
    of = book(shares(700), a_call("A1", -7), a_call("B1", -7))
    assert legs(planned(of, CALLS_OWED, legs=(LegRequest(Symbol("B1")),))) == {"B1": 7}


def test_a_price_that_needs_a_second_person_is_used_only_for_a_leg_of_an_operator() -> None:
    far = replace(shares(-300), quote=quote(TENCENT, "400", "399", "425"))
    alone = planned(book(far), a_recovery(300))
    assert isinstance(alone, NoPlan)
    assert [each.code for each in alone.uncurable] == [RefusalCode.PRICE_COLLAR]
    by_hand = planned(book(far), a_recovery(300), legs=(LegRequest(TENCENT),))
    assert legs(by_hand) == {TENCENT: 300}
    assert isinstance(by_hand, Plan)
    assert len(by_hand.second_person) == 1


@pytest.mark.parametrize("quantity", ["0", "0.5", "100"])
def test_nothing_is_bought_back_where_the_account_is_not_short(quantity: str) -> None:
    of = book(replace(shares(100), quantity=Decimal(quantity)))
    assert isinstance(planned(of, a_recovery(300)), Refusal)


def test_the_volume_cap_counts_what_is_open_of_the_same_stock_alone() -> None:
    """A tenth of 4,000 is 400 a day."""
    of = replace(shares(-1000).instrument, average_daily_volume=Decimal(4000))
    short = book(replace(shares(-1000), instrument=of))
    share = OrderCaps(adv_share=Decimal("0.1"))
    for symbol, left in ((TENCENT, 200), (Symbol("5.HK"), 400)):
        found = plan_recovery(
            short,
            (OpenOrder(symbol, OrderSide.BUY, Decimal(200)),),
            [a_recovery(1000)],
            pricing(PlanRequest(caps=share)),
        )
        assert legs(found) == {TENCENT: left}
