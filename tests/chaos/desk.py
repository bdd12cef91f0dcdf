"""The desk under fire: PostgreSQL, Redis, proxies before all three, and a fleet of gateway processes."""

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from domain.events import AccountReference
from domain.ids import AccountId, ClientId
from domain.margin import AccountType
from domain.money import Currency
from tests.kit.falling_market import write_market
from tests.kit.fleet import Fleet
from tests.kit.rate_limits import UNLIMITED_ENVIRONMENT
from tests.kit.servers import RedisServer, free_port, fresh_database
from tests.kit.tcp_proxy import TcpProxy

ROOT = Path(__file__).parents[2]
POLL_S = 0.1
SETTINGS = UNLIMITED_ENVIRONMENT | {
    "GATEWAY_FEED": "replay",
    "GATEWAY_REPLAY_DAY_SECONDS": "2",
    "GATEWAY_REPLAY_STEPS_PER_DAY": "2",
    "GATEWAY_RELAY_POLL_INTERVAL_S": "0.1",
    "GATEWAY_CLOSE_HOLD_S": "1",
    "GATEWAY_WS_PING_INTERVAL_S": "1.5",
    "GATEWAY_WS_PONG_TIMEOUT_S": "4",
    "GATEWAY_DRAIN_SPREAD_S": "1",
    "GATEWAY_LOG_FORMAT": "json",
    # Little memory everywhere, so that resumes are answered by the group, the stream and the outbox in turn.
    "GATEWAY_LIVE_REMEMBERED_BYTES": "65536",
    "GATEWAY_LIVE_LINGER_S": "1",
    "GATEWAY_BUS_REMEMBERED_ENTRIES": "300",
    "GATEWAY_BUS_HISTORY_ENTRIES": "1000",
    "GATEWAY_MAILBOX_FRAMES": "60",
}


class Desk:
    """What faults take hold of. `port` is where subscribers come in, through `clients`."""

    def __init__(
        self,
        redis: RedisServer,
        database_url: str,
        proxies: tuple[TcpProxy, TcpProxy, TcpProxy],
        fleet: "Fleet",
        database: "asyncpg.Pool[asyncpg.Record]",
    ) -> None:
        self.redis = redis
        self.database_url = database_url
        """Straight, past the proxy; so is `database`."""
        self.postgres_proxy, self.redis_proxy, self.clients = proxies
        self.fleet = fleet
        self.database = database

    async def accounts(self) -> list[AccountReference]:
        """Of the whole book."""
        rows = await self.database.fetch(
            "SELECT a.*, c.client_no, c.name FROM account a JOIN client c ON c.id = a.client_id"
            " ORDER BY a.account_no"
        )
        return [
            AccountReference(
                account_id=AccountId(row["id"]),
                account_no=row["account_no"],
                account_type=AccountType(row["type"]),
                base_currency=Currency(row["base_currency"]),
                client_id=ClientId(row["client_id"]),
                client_no=row["client_no"],
                client_name=row["name"],
            )
            for row in rows
        ]

    async def leader(self) -> int | None:
        """The process that holds the lease."""
        holder = await self.database.fetchval("SELECT holder FROM lease WHERE name = 'desk'")
        return int(holder.split(":")[1]) if holder else None

    async def another_worker(self) -> int | None:
        """A process that does not."""
        leader = await self.leader()
        return next((worker for worker in self.fleet.workers() if worker != leader), None)

    async def terminate_connections(self) -> None:
        """Every connection of the gateway to PostgreSQL."""
        await self.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND application_name <> 'chaos'"
        )


@asynccontextmanager
async def running_desk(
    postgres_url: str, workers: int, lease_ttl_s: float, log: Path | None
) -> AsyncIterator[Desk]:
    """Everything up and serving; afterwards everything gone, or AssertionError. `log`: keep it there."""
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-"))
        database_url = await stack.enter_async_context(fresh_database(postgres_url))
        redis = RedisServer(appends=True)
        await asyncio.to_thread(redis.start)
        stack.callback(redis.stop)
        port = free_port()
        postgres_port = urlsplit(database_url).port
        assert postgres_port is not None
        proxies = (TcpProxy(postgres_port), TcpProxy(redis.port), TcpProxy(port, small_buffers=True))
        for proxy in proxies:
            await stack.enter_async_context(proxy.running())
        book, prices = write_market(Path(directory))
        environment = SETTINGS | {
            "GATEWAY_BOOK_FILE": str(book),
            "GATEWAY_REPLAY_FILE": str(prices),
            "GATEWAY_PORT": str(port),
            "GATEWAY_DATABASE_URL": _through(database_url, proxies[0].port),
            "GATEWAY_REDIS_URL": f"redis://127.0.0.1:{proxies[1].port}/0",
            "GATEWAY_DATA_DIRECTORY": directory,
            "GATEWAY_LEASE_TTL_S": str(lease_ttl_s),
            "GATEWAY_LEASE_RENEW_S": str(lease_ttl_s / 8),
        }
        fleet = Fleet(environment, port, workers, log or Path(directory) / "log")
        stack.push_async_callback(_end, fleet, directory)
        await fleet.until_serving()
        pool = asyncpg.create_pool(
            database_url, min_size=1, max_size=3, server_settings={"application_name": "chaos"}
        )
        yield Desk(redis, database_url, proxies, fleet, await stack.enter_async_context(pool))


async def _end(fleet: Fleet, directory: str) -> None:
    await fleet.stop()
    assert not fleet.left_over(), f"still running: {fleet.left_over()}"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", fleet.port)), "somebody still listens"


def _through(url: str, port: int) -> str:
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{port}"))
