"""What comes in through a real Redis, as HTTP and the command line show it: health, metrics and `inputs`."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from json import loads
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from domain.book_changes import CashStated
from domain.market import Quote
from feeds.base import FeedMessage
from feeds.redis_feed import publish
from gateway.app import create_app
from gateway.resources import Parts
from tests.api.case_work import command, work
from tests.api.test_command_line import Gateway
from tests.api.trading import cases
from tests.kit.book_files import BANK, HKD, RAIL, a_book, a_client, owing
from tests.kit.desk_server import Desk, World, scraped
from tests.kit.http_client import got
from tests.kit.outage_lines import unpaired_outages
from tests.kit.patience import PATIENCE_S
from tests.kit.servers import RedisServer

pytestmark = [pytest.mark.parametrize("world", ["postgres-redis"], indirect=True), pytest.mark.both_stacks]

GROUP = "desk"


class RedisDesk(Desk):
    """A desk that reads its feed from Redis, as in production."""

    def __init__(self, world: World, **settings: Any) -> None:
        super().__init__(world, world.settings(feed="redis", feed_streams=stream_of(world), **settings))
        self.app = create_app(self.settings, Parts(clock=world.clock, open_venue=self._open_venue))


def stream_of(world: World) -> str:
    return f"test:{world.bus_name}"


@dataclass(slots=True)
class Outside:
    """The world outside of the desk: its Redis, and who publishes to it."""

    world: World
    redis: Redis

    @property
    def stream(self) -> str:
        return stream_of(self.world)

    async def says(self, *messages: FeedMessage) -> None:
        await publish(self.redis, self.stream, messages)

    async def pending(self) -> int:
        """How many messages the desk has read and not acknowledged."""
        return int((await self.redis.xpending(self.stream, GROUP))["pending"])

    def cash(self, account_no: str, balance: int, ahead: timedelta = timedelta()) -> CashStated:
        return CashStated(account_no, HKD, Decimal(balance), self.world.clock() + ahead)

    def price(self) -> Quote:
        return Quote(BANK, self.world.clock(), Decimal("99.9"), Decimal("100.1"), Decimal(100))

    async def desk(self, **settings: Any) -> RedisDesk:
        desk = RedisDesk(self.world, **settings)
        await self.world.running.enter_async_context(desk.running())
        await desk.until(desk.leads, "the desk to lead")
        return desk


@pytest.fixture
async def outside(world: World) -> AsyncIterator[Outside]:
    await world.imports(a_book(*(a_client(f"C-{no}", owing(no)) for no in ("M1", "M2"))))
    assert world.redis_url is not None
    async with Redis.from_url(world.redis_url) as redis:
        outside = Outside(world, redis)
        yield outside
        await redis.delete(outside.stream, f"{outside.stream}:dead")


@pytest.fixture
def own_redis(world: World) -> Iterator[RedisServer]:
    """A server of the test's own, which may be filled up."""
    with RedisServer() as server:
        world.redis_url = server.url
        yield server


async def balance(desk: Desk, account_no: str) -> Decimal:
    (row,) = await desk.rows(
        "SELECT b.balance FROM cash_balance b JOIN account a ON a.id = b.account_id"
        f" WHERE a.account_no = '{account_no}' AND b.currency = 'HKD'"
    )
    return Decimal(row["balance"])


async def readiness(desk: Desk) -> tuple[int, dict[str, Any]]:
    answer = await got(desk.port, "/readyz", PATIENCE_S)
    return answer.status, loads(answer.body)


async def until_ready(desk: Desk, http_status: int, **checks: object) -> None:
    """Until `/readyz` answers with the status code, and says this of the checks."""

    async def holds() -> bool:
        code, body = await readiness(desk)
        return code == http_status and checks.items() <= body.items()

    await desk.until(holds, f"/readyz to say {checks}")


async def messages(desk: Desk, outcome: str, kind: str = "cash") -> float:
    return (await scraped(desk)).get(f'desk_feed_messages_total{{kind="{kind}",outcome="{outcome}"}}', 0)


@pytest.mark.faults
async def test_a_statement_that_is_held_by_a_lock_comes_again_and_is_acknowledged_when_it_was_stored(
    outside: Outside,
) -> None:
    """Only after half a minute or more, for the process that has it could still be alive."""
    desk = await outside.desk()
    lock = await asyncpg.connect(outside.world.database_url)
    await lock.execute("BEGIN")
    await lock.execute("SELECT 1 FROM account WHERE account_no = 'M1' FOR UPDATE")
    await outside.says(outside.cash("M1", -1), outside.cash("M2", -2))

    async def stored(account_no: str, amount: int) -> None:
        async def holds() -> bool:
            return await balance(desk, account_no) == amount

        await desk.until(holds, f"the balance of {account_no}")

    await stored("M2", -2)

    async def only_the_locked_one_is_left() -> bool:
        return await messages(desk, "used") == 1 and await outside.pending() == 1

    await desk.until(only_the_locked_one_is_left, "the feed to keep what could not be stored, and no more")
    assert await messages(desk, "held") >= 1
    await desk.stop()
    again = await outside.desk()

    async def held() -> bool:
        return await messages(again, "held") == 1

    await again.until(held, "the statement to come again")
    await lock.execute("ROLLBACK")
    await lock.close()
    desk = again
    await stored("M1", -1)

    async def acknowledged() -> bool:
        return await outside.pending() == 0

    await again.until(acknowledged, "the statement to come once more and be acknowledged")
    counts = [await messages(again, each) for each in ("held", "used", "superseded")]
    assert counts == [1, 1, 0], "it is counted by what became of it, and once as held"


async def test_a_statement_ahead_of_its_time_waits_through_a_restart_and_is_acknowledged_then(
    outside: Outside,
) -> None:
    ahead = timedelta(minutes=5)
    desk = await outside.desk()
    await outside.says(outside.cash("M1", -7, ahead))
    for restart in (False, True):
        if restart:
            await desk.stop()
            desk = await outside.desk()

        async def held() -> bool:
            return await messages(desk, "held") == 1  # noqa: B023 - awaited within the round

        await desk.until(held, "the statement to be held")
        metrics = await scraped(desk)
        assert metrics["desk_feed_held_messages"] == 1
    assert await outside.pending() == 1
    desk.clock.advance(minutes=5)

    async def acknowledged() -> bool:
        return await outside.pending() == 0

    await desk.until(acknowledged, "the statement to be used in its time")
    assert await balance(desk, "M1") == -7
    assert (await messages(desk, "held"), await messages(desk, "used")) == (1, 1), "each is counted once"
    assert (await scraped(desk))["desk_feed_held_messages"] == 0


async def test_the_metrics_of_the_feed_and_the_command_show_the_outcome_of_each_message(
    outside: Outside, tmp_path: Any
) -> None:
    desk = await outside.desk()
    await outside.says(
        outside.price(),
        outside.cash("M1", -3),
        outside.cash("M1", -4, timedelta(minutes=-1)),
        outside.cash("NOBODY", 1),
    )
    await outside.redis.xadd(outside.stream, {"message": "no json"})

    expected = [
        ("quote", "used"),
        ("cash", "used"),
        ("cash", "superseded"),
        ("cash", "dead"),
        ("unreadable", "dead"),
    ]

    async def all_counted() -> bool:
        """What the desk was at work on meanwhile is held at first, and comes again."""
        return [await messages(desk, result, kind) for kind, result in expected] == [1] * len(expected)

    await desk.until(all_counted, "every message to be counted")
    metrics = await scraped(desk)
    of_stream = f'stream="{outside.stream}"'
    for reason in ("unknown_subject", "malformed"):
        assert metrics[f'desk_feed_dead_letters_total{{reason="{reason}",{of_stream}}}'] == 1
    assert metrics["desk_feed_up"] == 1
    for age in ("message_age", "price_age", "lag"):
        assert metrics[f"desk_feed_{age}_seconds{{{of_stream}}}"] >= 0
    gateway = Gateway(tmp_path)
    url = outside.world.database_url
    code, lines, _ = await gateway.run("inputs", "--account", "M1", DATABASE_URL=url)
    said = " ".join("\n".join(lines).split())
    assert code == 0
    assert "USED" in said
    assert "SUPERSEDED" in said
    code, lines, errors = await gateway.run("inputs", "--account", "UNHEARD-OF", DATABASE_URL=url)
    assert code != 0
    assert "UNHEARD-OF" in " ".join(errors)
    assert len(errors) == 1, "one line, and no traceback"


async def test_a_redis_that_is_full_degrades_the_process_until_it_has_room(
    own_redis: RedisServer, outside: Outside
) -> None:
    desk = await outside.desk()
    await outside.says(outside.price(), replace(outside.price(), symbol=RAIL))
    trader = desk.caller()

    async def opened() -> bool:
        return bool(await cases(trader))

    await desk.until(opened, "a case to open")
    await until_ready(desk, 200, status="ready", feed=True, bus=True)
    await outside.redis.config_set("maxmemory", 1)
    (case, *_) = await cases(trader)
    claimed = await command(trader, "claimCase", await work(trader, case["id"]))
    assert claimed["__typename"] == "CaseChanged", "everything goes on but the delivery"

    async def told() -> bool:
        status, body = await readiness(desk)
        trouble = str(body.get("busTrouble"))
        return (status, body["status"]) == (200, "degraded") and "refuses writes" in trouble

    await desk.until(told, "/readyz to say that Redis is full")
    await outside.redis.config_set("maxmemory", 0)
    await until_ready(desk, 200, status="ready", bus=True, feed=True)


async def test_a_redis_that_wants_another_password_is_one_outage_until_it_wants_it_no_longer(
    own_redis: RedisServer, outside: Outside
) -> None:
    desk = await outside.desk()
    await until_ready(desk, 200, status="ready", feed=True, bus=True)
    with capture_logs() as logs:
        await outside.redis.config_set("requirepass", "another")
        await outside.redis.client_kill_filter(_type="normal", skipme=True)

        async def told() -> bool:
            status, body = await readiness(desk)
            reasons = [str(body.get(name)) for name in ("busTrouble", "feedTrouble")]
            degraded = (status, body["status"]) == (200, "degraded")
            return degraded and all("GATEWAY_REDIS_URL" in reason for reason in reasons)

        async def over() -> bool:
            """Every loop that reported it; a loop that it did not stop does not report it."""
            return not list(unpaired_outages(logs))

        await desk.until(told, "/readyz to say that Redis requires a password")
        await outside.redis.config_set("requirepass", "")
        await until_ready(desk, 200, status="ready", bus=True, feed=True)
        await desk.until(over, "the bus to read again")
    assert [each for each in logs if "exc_info" in each] == [], "an outage leaves no traceback"
    events = [each["event"] for each in logs]
    for once in (
        "feed interrupted",
        "feed resumed",
        "the bus cannot reach Redis",
        "the bus reaches Redis again",
    ):
        assert events.count(once) == 1
    assert list(unpaired_outages(logs)) == []


async def test_entries_trimmed_while_no_desk_read_are_reported_everywhere_for_a_while(
    outside: Outside, tmp_path: Any
) -> None:
    desk = await outside.desk()
    await outside.says(outside.price())
    await until_ready(desk, 200, status="ready", feed=True)
    await desk.stop()
    await outside.says(outside.cash("M1", -1), outside.cash("M1", -2), outside.price())
    await outside.redis.xtrim(outside.stream, maxlen=1, approximate=False)
    desk = await outside.desk(feed_loss_told_s=600, max_price_age_s=86_400)
    await until_ready(desk, 200, status="degraded", feed=False)
    assert "deleted before they were read" in (await readiness(desk))[1]["feedTrouble"]
    metrics = await scraped(desk)
    assert metrics[f'desk_feed_losses_total{{stream="{outside.stream}"}}'] == 1
    url = outside.world.database_url
    code, lines, _ = await Gateway(tmp_path).run("inputs", "--stream", outside.stream, DATABASE_URL=url)
    assert code == 0
    assert "deleted before they were read" in " ".join("\n".join(lines).split())
    desk.clock.advance(seconds=600)
    await until_ready(desk, 200, status="ready", feed=True)


async def test_a_market_without_fresh_prices_degrades_the_process_until_one_comes(outside: Outside) -> None:
    desk = await outside.desk(max_price_age_s=2)
    await outside.says(outside.price())
    await until_ready(desk, 200, status="ready", feed=True)
    desk.clock.advance(seconds=30)
    await until_ready(desk, 200, status="degraded", feed=False)
    assert (await scraped(desk))["desk_feed_up"] == 0
    await outside.says(outside.price())
    await until_ready(desk, 200, status="ready", feed=True)
    assert (await scraped(desk))["desk_feed_up"] == 1


async def test_a_wrong_clock_makes_the_process_not_ready_until_it_is_right(outside: Outside) -> None:
    desk = await outside.desk(clock_offset_max_s=3600)
    await until_ready(desk, 503, status="not ready", clock=False)
    metrics = await scraped(desk)
    assert metrics['desk_clock_offset_seconds{against="database"}'] < -3600
    desk.clock.now = datetime.now(UTC)
    await until_ready(desk, 200, clock=True)
