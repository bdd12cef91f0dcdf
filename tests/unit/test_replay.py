"""The replayed market: reproducible, on the tick, through every close, fresh for ever."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.ids import Symbol
from domain.market import FxRate, Quote
from feeds.base import FeedBatch
from feeds.closes import Closes, fx_rates, on_tick, parse_closes, quotes_at, read_closes
from feeds.replay import AtEnd, Playback, ReplayFeed

PRICES = Path(__file__).parents[2] / "demo" / "prices.csv"
START = datetime(2026, 1, 5, 12, tzinfo=UTC)
TWO_DAYS = "Date,AAA,BBB\n2020-02-03,100.004,2.5\n2020-02-04,110,2.4\n"


class WaitingClock:
    """A clock that only moves while a task waits, or when it is set."""

    def __init__(self) -> None:
        self.now = START
        self.waits: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)


def closes(text: str = TWO_DAYS) -> Closes:
    return parse_closes(text.splitlines())


def a_feed(clock: WaitingClock, text: str = TWO_DAYS, **options: Any) -> ReplayFeed:
    return ReplayFeed(closes(text), clock, Playback(**{"at_end": AtEnd.STOP} | options), wait=clock.wait)


async def play(feed: ReplayFeed, most: int = 1000) -> list[FeedBatch]:
    batches: list[FeedBatch] = []
    async for batch in feed.batches():
        batches.append(batch)
        if len(batches) == most:
            break
    return batches


def quotes(batch: FeedBatch) -> dict[str, Quote]:
    return {message.symbol: message for message in batch.messages if isinstance(message, Quote)}


@pytest.fixture
def clock() -> WaitingClock:
    return WaitingClock()


async def test_the_first_batch_quotes_every_symbol_at_the_first_close_at_once(clock: WaitingClock) -> None:
    (first,) = await play(a_feed(clock), most=1)
    assert {symbol: quote.mark for symbol, quote in quotes(first).items()} == {
        "AAA.US": Decimal("100.00"),
        "BBB.US": Decimal("2.50"),
    }
    assert {quote.at for quote in quotes(first).values()} == {START}
    assert clock.waits == [0]


async def test_a_day_takes_its_seconds_in_equal_steps_and_ends_at_the_close(clock: WaitingClock) -> None:
    batches = await play(a_feed(clock, day_seconds=10, steps_per_day=5))
    assert len(batches) == 1 + 5
    assert clock.waits == [0, 2, 2, 2, 2, 2]
    assert quotes(batches[-1])["AAA.US"].last == Decimal("110.00")
    assert quotes(batches[-1])["AAA.US"].previous_close == Decimal("100.00")
    assert [quotes(batch)["AAA.US"].at for batch in batches] == [
        START + timedelta(seconds=2 * n) for n in range(6)
    ]


async def test_prices_between_two_closes_stay_near_the_straight_line(clock: WaitingClock) -> None:
    batches = await play(a_feed(clock, steps_per_day=10))
    marks = [quotes(batch)["AAA.US"].mark for batch in batches]
    line = [Decimal(100) + Decimal(n) for n in range(11)]
    assert all(
        abs(mark - straight) <= straight * Decimal("0.0021")
        for mark, straight in zip(marks, line, strict=True)
    )
    assert marks != line, "it wanders"


async def test_two_replays_show_the_same_market_and_another_seed_shows_another() -> None:
    first, second, other = [await _market(seed) for seed in (1, 1, 2)]
    assert first == second
    assert first != other


async def _market(seed: int) -> list[tuple[object, ...]]:
    return [batch.messages for batch in await play(a_feed(WaitingClock(), seed=seed))]


async def test_time_the_consumer_takes_is_part_of_the_step(clock: WaitingClock) -> None:
    async for _ in a_feed(clock, day_seconds=10, steps_per_day=5).batches():
        clock.now += timedelta(seconds=0.5)
    assert clock.waits == [0, 1.5, 1.5, 1.5, 1.5, 1.5]


async def test_a_consumer_slower_than_the_market_is_not_flooded_afterwards(clock: WaitingClock) -> None:
    slow = iter([60.0])
    async for _ in a_feed(clock, day_seconds=10, steps_per_day=5).batches():
        clock.now += timedelta(seconds=next(slow, 0))
    assert clock.waits == [0, 0, 2, 2, 2, 2]


async def test_a_clock_set_back_does_not_stop_the_market(clock: WaitingClock) -> None:
    steps = iter([-3600.0])
    async for _ in a_feed(clock, day_seconds=10, steps_per_day=5).batches():
        clock.now += timedelta(seconds=next(steps, 0))
    assert max(clock.waits) == 2


async def test_however_long_the_day_quotes_are_refreshed(clock: WaitingClock) -> None:
    batches = await play(a_feed(clock, day_seconds=3600, refresh_s=5))
    assert len(batches) == 1 + 720
    assert max(clock.waits) == 5


async def test_as_fast_as_possible_does_not_wait(clock: WaitingClock) -> None:
    await play(a_feed(clock, day_seconds=0))
    assert set(clock.waits) == {0}


async def test_after_the_end_the_last_prices_stay_fresh(clock: WaitingClock) -> None:
    feed = a_feed(clock, at_end=AtEnd.HOLD, day_seconds=0, steps_per_day=1, refresh_s=5)
    batches = await play(feed, most=5)
    assert [quotes(batch)["AAA.US"].last for batch in batches[1:]] == [Decimal(110)] * 4
    said_at = [quotes(batch)["AAA.US"].at for batch in batches[1:]]
    assert said_at == [START + timedelta(seconds=5 * n) for n in range(4)]
    assert feed.progress.ended


async def test_the_end_is_logged_once(clock: WaitingClock) -> None:
    with capture_logs() as lines:
        await play(a_feed(clock, at_end=AtEnd.HOLD, day_seconds=0, steps_per_day=1), most=5)
    assert [line["day"] for line in lines if line["event"].startswith("the replay has ended")] == [2]


async def test_a_loop_starts_again_and_never_spins(clock: WaitingClock) -> None:
    batches = await play(a_feed(clock, at_end=AtEnd.LOOP, day_seconds=10, steps_per_day=2), most=7)
    assert [quotes(batch)["AAA.US"].last for batch in batches[::3]] == [
        Decimal(100),
        Decimal(100),
        Decimal(100),
    ]
    assert clock.waits == [0, 5, 5, 5, 5, 5, 5]
    lonely = WaitingClock()
    await play(a_feed(lonely, "Date,AAA\n2020-02-03,1\n", at_end=AtEnd.LOOP, day_seconds=10), most=5)
    assert lonely.waits == [0, 1, 1, 1, 1]


async def test_progress_tells_the_day_in_the_recording(clock: WaitingClock) -> None:
    feed = a_feed(clock, day_seconds=0, steps_per_day=1)
    seen = [(feed.progress.market_date, feed.progress.day) async for _ in feed.batches()]
    assert seen == [(date(2020, 2, 3), 1), (date(2020, 2, 4), 2)]
    assert feed.progress.days == 2
    assert feed.progress.ended


async def test_a_closed_replay_ends(clock: WaitingClock) -> None:
    feed = a_feed(clock, at_end=AtEnd.HOLD)
    batches = 0
    async for batch in feed.batches():
        batches += 1
        await feed.acknowledge(batch)
        await feed.close()
    assert batches == 1


async def test_batches_are_bounded_and_complete(clock: WaitingClock) -> None:
    batches = await play(a_feed(clock, batch_size=3, day_seconds=0, steps_per_day=1))
    assert [len(batch.messages) for batch in batches] == [3, 1, 3, 1]
    receipts = [receipt for batch in batches for receipt in batch.receipts]
    assert len(set(receipts)) == len(receipts)


def test_the_recorded_market_hits_every_close_within_the_spread_it_should_have() -> None:
    recorded = parse_closes(PRICES.read_text().splitlines())
    assert (len(recorded.dates), len(recorded.symbols)) == (62, 21)
    for day, stated in enumerate(recorded.prices):
        for quote, close in zip(quotes_at(recorded, day, 10, 10, 2020, START), stated, strict=True):
            assert quote.mark == on_tick(close)
            assert quote.bid is not None
            assert quote.ask is not None
            assert quote.bid_size is not None
            half = quote.ask - quote.mark
            assert half == quote.mark - quote.bid >= Decimal("0.01")
            assert half <= quote.mark * Decimal("0.0005") + Decimal("0.01")
            assert quote.bid_size in range(50, 501, 50)
            assert quote.mark.as_tuple().exponent == -2


def test_a_penny_stock_never_has_a_bid_of_zero() -> None:
    (quote,) = quotes_at(closes("Date,AAA\n2020-02-03,0.0001\n"), 0, 1, 1, 1, START)
    assert (quote.bid, quote.ask) == (Decimal("0.0001"), Decimal("0.0002"))


def test_the_exchange_rate_moves_slowly_within_the_peg_and_both_ways_agree() -> None:
    rates = [fx_rates(day, START) for day in range(120)]
    assert rates[0][0].rate == Decimal("7.78")
    for there, back in rates:
        assert Decimal("7.77") <= there.rate <= Decimal("7.80")
        assert abs(there.rate * back.rate - 1) < Decimal("0.00001")
        assert (there.base_currency, back.base_currency) == ("USD", "HKD")
    assert max(abs(b[0].rate - a[0].rate) for a, b in pairwise(rates)) == Decimal("0.001")
    assert {rate.rate for rate, _ in rates} >= {Decimal("7.77"), Decimal("7.80")}
    assert isinstance(rates[0][1], FxRate)


def test_a_replay_may_start_later() -> None:
    later = closes().since(date(2020, 2, 4))
    assert later.dates == (date(2020, 2, 4),)
    assert later.symbols == (Symbol("AAA.US"), Symbol("BBB.US"))
    with pytest.raises(ValueError, match="no closing prices on or after 2021-01-01"):
        closes().since(date(2021, 1, 1))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1"),
        ("Day,AAA\n", "line 1"),
        ("Date\n", "line 1"),
        ("Date,AAA,AAA\n", "line 1"),
        ("Date,AAA\n", "no trading day"),
        ("Date,AAA\n2020-02-03\n", "line 2: 1 values instead of 2"),
        ("Date,AAA\n2020-02-03,\n", "line 2: not a decimal"),
        ("Date,AAA\n2020-02-03,NaN\n", "line 2"),
        ("Date,AAA\n2020-02-03,0\n", "line 2: a price is below"),
        ("Date,AAA\nyesterday,1\n", "line 2"),
        ("Date,AAA\n2020-02-03,1\n2020-02-03,1\n", "line 3: the dates must be in ascending order"),
    ],
)
def test_a_broken_price_file_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        closes(text)


@pytest.mark.parametrize(
    "wrong", [{"day_seconds": -1}, {"steps_per_day": 0}, {"refresh_s": 0}, {"batch_size": 0}]
)
def test_a_replay_that_cannot_run_is_refused(clock: WaitingClock, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        a_feed(clock, **wrong)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffDate,AAA,BBB\n2020-02-03,100.004,2.5\n2020-02-04,110,2.4\n",
        "Date,AAA,BBB\r\n2020-02-03,100.004,2.5\r\n2020-02-04,110,2.4\r\n\r\n",
        "Date,AAA,BBB\n2020-02-03,100.004,2.5\n\n2020-02-04,110,2.4\n\n\n",
        "Date,AAA,BBB\n2020-02-03,100.004,2.5\n2020-02-04,110,2.4\n,,\n",
        "Date, AAA , BBB\n2020-02-03, 100.004,2.5 \n2020-02-04,110,2.4",
        '"Date","AAA","BBB"\n"2020-02-03","100.004","2.5"\n2020-02-04,110,2.4',
    ],
)
def test_a_file_of_closes_is_read_however_it_was_written(tmp_path: Path, text: str) -> None:
    file = tmp_path / "closes.csv"
    file.write_bytes(text.encode())
    assert read_closes(file) == closes()


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("Date,AAA,", "line 1: '' cannot be a symbol"),
        ("Date,,BBB", "line 1: '' cannot be a symbol"),
        ("Date,A A,BBB", "line 1: 'A A' cannot be a symbol"),
        ("Date,AAA,AAA", "line 1: AAA occurs twice"),
        ("Date,AAA, AAA", "line 1: AAA occurs twice"),
        ("Day,AAA,BBB", "line 1: must be Date"),
        ("Date", "line 1: must be Date"),
    ],
)
def test_a_header_that_names_no_symbol_is_refused(header: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        closes(f"{header}\n2020-02-03,100,2.5")


@pytest.mark.parametrize("day", ["20200203", "2020-W06-1", "2020-2-3", "03.02.2020"])
def test_a_day_of_closes_is_written_as_every_day(day: str) -> None:
    with pytest.raises(ValueError, match=r"line 2: .* must be a day"):
        closes(f"Date,AAA\n{day},100")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "closes.csv"
    file.write_bytes("Date,AAA\n".encode("utf-16"))
    with pytest.raises(ValueError, match="UTF-8"):
        read_closes(file)


async def test_prices_of_hong_kong_s_cheapest_shares_are_played(clock: WaitingClock) -> None:
    batches = await play(a_feed(clock, "Date,AAA\n2020-02-03,0.012\n2020-02-04,0.0101\n"))
    assert quotes(batches[-1])["AAA.US"].last == Decimal("0.0101")
    assert all(quote.bid < quote.ask for batch in batches for quote in quotes(batch).values())  # type: ignore[operator]
