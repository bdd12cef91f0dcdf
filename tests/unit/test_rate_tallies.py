"""What is counted locally, what is reported, and when a name is refused."""

from gateway.rates.tallies import Limit, Tallies
from gateway.rates.windows import room_in_s


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def tallies(most: int, time: Time, names_max: int = 10) -> Tallies:
    return Tallies(Limit("operations", most, 60), names_max, time)


def test_a_twentieth_is_reported_together_and_less_is_never_reported() -> None:
    of = tallies(100, Time())
    assert [of.use("ann", 1) for _ in range(5)] == [False] * 4 + [True]
    assert not of.use("bob", 4)
    assert list(of.due()) == [("ann", 5)]
    of.reported("ann", 5, refused_for_s=0)
    assert not of.use("ann", 4)
    assert list(of.due()) == []


def test_a_use_above_the_limit_is_reported_as_all_of_it() -> None:
    of = tallies(100, Time())
    assert of.refused_for_s("ann", 1_000_000) == 0
    assert of.use("ann", 1_000_000)
    assert list(of.due()) == [("ann", 100)]


def test_a_name_is_refused_for_as_long_as_its_window_has_no_room() -> None:
    time = Time()
    of = tallies(100, time)
    of.use("ann", 5)
    (due,) = of.due()
    of.reported(*due, refused_for_s=12)
    assert (of.refused_for_s("ann", 1), of.refused_for_s("bob", 1)) == (12, 0)
    time.now += 12
    assert of.refused_for_s("ann", 1) == 0
    assert of.use("ann", 1)
    assert list(of.due()) == [("ann", 6)], "what was not taken is reported again"


def test_while_reports_are_late_a_process_refuses_what_is_too_much_by_itself() -> None:
    time = Time()
    of = tallies(10, time)
    for _ in range(10):
        assert of.refused_for_s("ann", 1) == 0
        of.use("ann", 1)
    time.now += 20
    assert of.refused_for_s("ann", 1) == 40
    time.now += 40
    assert of.refused_for_s("ann", 1) == 0
    of.use("ann", 1)
    assert list(of.due()) == [("ann", 1)], "what is older than the window is forgotten"


def test_an_amount_that_was_forgotten_during_its_report_is_not_subtracted() -> None:
    time = Time()
    of = tallies(100, time)
    of.use("ann", 80)
    (due,) = of.due()
    time.now += 60
    of.use("ann", 1)
    of.reported(*due, refused_for_s=0)
    of.use("ann", 100)
    assert list(of.due()) == [("ann", 100)]


def test_the_name_that_was_seen_longest_ago_is_forgotten() -> None:
    of = tallies(10, Time(), names_max=2)
    for name in ("ann", "bob", "ann", "cyd"):
        of.use(name, 1)
    assert list(of.due()) == [("ann", 2), ("cyd", 1)]
    of.reported("bob", 1, refused_for_s=5)
    assert of.refused_for_s("bob", 1) == 0


def test_room_comes_when_the_previous_part_of_the_window_has_faded_or_the_current_one() -> None:
    limit = Limit("operations", 100, 60)
    # 40 of 80 still count now; with 50 new ones there is room for 10 more when 20 fewer count, in 15 s.
    assert room_in_s((80, 30.0, 50, 90.0), limit, 30) == 30 - 20 * 60 / 80
    # All 100 are of the current part, which lasts 50 s more: afterwards 30 of them fade in 18 s.
    assert room_in_s((0, 0.0, 100, 110.0), limit, 30) == 50 + 18
    assert room_in_s((0, 0.0, 0, 0.0), limit, 30) > 0
