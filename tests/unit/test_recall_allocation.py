"""Who gives back how much: examples in sentences, and what always holds."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import AccountId
from domain.recall_allocation import AllocationRule, RecallableShort, RecallShare, allocate

LONG_AGO = datetime(2020, 1, 6, tzinfo=UTC)


def a_short(name: str, quantity: int | str, days: int | None = None) -> RecallableShort:
    since = None if days is None else LONG_AGO + timedelta(days=days)
    return RecallableShort(AccountId(f"id-{name}"), name, Decimal(quantity), since)


def shares(quantity: int, rule: AllocationRule, lot: int, *shorts: RecallableShort) -> dict[str, int]:
    made = allocate(Decimal(quantity), shorts, rule, Decimal(lot))
    return {share.account_id.removeprefix("id-"): int(share.quantity) for share in made}


def test_pro_rata_gives_the_lots_left_over_to_the_largest_remainders() -> None:
    shorts = (a_short("A", 500), a_short("B", 300), a_short("C", 200))
    assert shares(400, AllocationRule.PRO_RATA, 100, *shorts) == {"A": 200, "B": 100, "C": 100}
    assert shares(500, AllocationRule.PRO_RATA, 1, *shorts) == {"A": 250, "B": 150, "C": 100}


def test_pro_rata_gives_a_lot_to_the_largest_remainder_first() -> None:
    shorts = (a_short("A", 500), a_short("B", 390), a_short("C", 110))
    assert shares(300, AllocationRule.PRO_RATA, 100, *shorts) == {"A": 200, "B": 100}
    assert shares(200, AllocationRule.PRO_RATA, 100, *shorts) == {"A": 100, "B": 100}


def test_pro_rata_is_as_exact_for_parts_of_a_unit() -> None:
    shorts = [
        RecallableShort(AccountId(name), name, Decimal(of)) for name, of in (("A", "0.009"), ("B", "0.001"))
    ]
    found = allocate(Decimal("0.005"), shorts, AllocationRule.PRO_RATA, Decimal("0.001"))
    assert found == (RecallShare(AccountId("A"), Decimal("0.005")),)


def test_pro_rata_takes_no_more_lots_from_an_account_than_it_is_short_of() -> None:
    shorts = (a_short("A", 199), a_short("B", 101), a_short("C", 100))
    assert shares(300, AllocationRule.PRO_RATA, 100, *shorts) == {"A": 100, "B": 100, "C": 100}
    # A fair share of A would be 157, but 195 are only one whole lot.
    assert shares(400, AllocationRule.PRO_RATA, 100, a_short("A", 195), a_short("B", 300)) == {
        "A": 100,
        "B": 300,
    }


def test_of_equals_the_first_account_number_gives_the_odd_lot() -> None:
    assert shares(100, AllocationRule.PRO_RATA, 100, a_short("B", 300), a_short("A", 300)) == {"A": 100}


def test_fifo_takes_from_the_oldest_short_and_from_those_of_unknown_age_last() -> None:
    shorts = (a_short("A", 500, 9), a_short("B", 300, 2), a_short("C", 200))
    assert shares(400, AllocationRule.FIFO, 100, *shorts) == {"B": 300, "A": 100}
    assert shares(900, AllocationRule.FIFO, 100, *shorts) == {"B": 300, "A": 500, "C": 100}


def test_largest_first_takes_from_the_account_with_the_largest_short() -> None:
    shorts = (a_short("A", 300), a_short("B", 500), a_short("C", 200))
    assert shares(600, AllocationRule.LARGEST_FIRST, 100, *shorts) == {"B": 500, "A": 100}


def test_a_recall_is_cut_to_whole_lots_and_to_the_short_quantity() -> None:
    assert shares(150, AllocationRule.FIFO, 100, a_short("A", 350)) == {"A": 100}
    assert shares(900, AllocationRule.PRO_RATA, 100, a_short("A", 350), a_short("B", 50)) == {"A": 300}
    assert shares(99, AllocationRule.PRO_RATA, 100, a_short("A", 350)) == {}
    assert shares(100, AllocationRule.PRO_RATA, 100) == {}


LOTS = st.sampled_from([Decimal(1), Decimal(100), Decimal("0.001"), Decimal(7)])
QUANTITIES = st.decimals(min_value="0.001", max_value="1000000", places=3)
SHORTS = st.lists(st.tuples(QUANTITIES, st.none() | st.integers(0, 30)), max_size=12).map(
    lambda drawn: [
        RecallableShort(
            AccountId(f"id-{n}"), f"M{n:03}", quantity, None if days is None else LONG_AGO + timedelta(days)
        )
        for n, (quantity, days) in enumerate(drawn)
    ]
)


@given(QUANTITIES, SHORTS, st.sampled_from(AllocationRule), LOTS)
def test_shares_are_whole_lots_within_recall_and_shorts_and_as_much_as_can_be(
    quantity: Decimal, shorts: list[RecallableShort], rule: AllocationRule, lot: Decimal
) -> None:
    made = allocate(quantity, shorts, rule, lot)
    short_of = {short.account_id: short.quantity for short in shorts}
    assert len({share.account_id for share in made}) == len(made)
    assert all(share.quantity > 0 and share.quantity % lot == 0 for share in made)
    assert all(share.quantity <= short_of[share.account_id] for share in made)
    most = min(quantity // lot, sum((short.quantity // lot for short in shorts), Decimal(0)))
    assert sum((share.quantity for share in made), Decimal(0)) == most * lot


@given(QUANTITIES, SHORTS, st.sampled_from(AllocationRule), LOTS, st.randoms())
def test_the_order_of_the_shorts_does_not_matter(
    quantity: Decimal, shorts: list[RecallableShort], rule: AllocationRule, lot: Decimal, chance: object
) -> None:
    shuffled = list(shorts)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert allocate(quantity, shuffled, rule, lot) == allocate(quantity, shorts, rule, lot)


@given(st.integers(0, 10_000), st.lists(st.integers(1, 2_000), min_size=1, max_size=12))
def test_pro_rata_is_never_a_lot_or_more_away_from_the_fair_share(quantity: int, sizes: list[int]) -> None:
    shorts = [a_short(f"M{n:03}", size) for n, size in enumerate(sizes)]
    made: dict[AccountId, RecallShare] = {
        share.account_id: share
        for share in allocate(Decimal(quantity), shorts, AllocationRule.PRO_RATA, Decimal(1))
    }
    wanted, whole = min(quantity, sum(sizes)), sum(sizes)
    for short in shorts:
        given_back = int(made[short.account_id].quantity) if short.account_id in made else 0
        assert abs(given_back * whole - wanted * int(short.quantity)) < whole
