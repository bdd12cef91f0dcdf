"""The application as it is served, on a port of its own, with a clock set by hand and events made at will."""

import asyncio
import atexit
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from domain.case import AlertType, Case, CaseStatus
from domain.events import AccountReference, CaseEvent, CaseEventKind, CaseView
from domain.ids import AccountId, CaseId, ClientId, EventId, Symbol
from domain.margin import AccountType, MarginFigures, RiskLevel
from domain.market import Instrument, InstrumentKind, Quote, TradeStatus
from domain.money import Currency
from domain.principal import Permission
from gateway.app import Application, create_app
from gateway.auth import issue
from gateway.http.live import Live
from gateway.http.server import APPLICATION, Server, server_config
from gateway.resources import Parts, Resources
from gateway.settings import load_settings
from models import outbox
from models.market import save_instrument
from models.quote_codec import QUOTES_TOPIC, quote_to_bytes
from models.sql.database import Database, transaction
from subscriptions.live.group import CatchingUp, Member
from subscriptions.stream.bus import Message
from tests.kit.patience import ANY_TIME_S, FAR_S, PATIENCE_S
from tests.kit.rate_limits import UNLIMITED

POLL_S = 0.01
DATABASE_FILE = "desk.sqlite3"
READER = (Permission.RISK_WARNING_READ_ONLY,)
UNHURRIED: dict[str, Any] = {
    "ws_init_timeout_s": FAR_S,
    "ws_ping_interval_s": FAR_S,
    "http_headers_timeout_s": FAR_S,
    "http_body_timeout_s": FAR_S,
    "http_unread_timeout_s": FAR_S,
    "lease_ttl_s": FAR_S,
    "database_unreachable_after_s": FAR_S,
    "database_statement_timeout_s": FAR_S,
    "clock_offset_max_s": ANY_TIME_S,
}
"""What a slow machine must not do to a test: ping in its midst, cut off, lose the lease. Who tests one of
these sets it."""


@dataclass(slots=True)
class Clock:
    """The wall clock, which can be put forward."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def pass_(self, **time: float) -> None:
        self.ahead += timedelta(**time)


@dataclass(slots=True)
class LiveDesk:
    """A served desk without a feed: nothing happens unless a test makes it happen."""

    application: Application
    server: Server
    port: int
    clock: Clock
    published: list[str] = field(default_factory=list)
    """Ids of the events, in order."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def resources(self) -> Resources:
        return self.application.resources

    @property
    def live(self) -> Live:
        return self.application.live

    def token(
        self,
        subject: str = "trader",
        *,
        permissions: Collection[Permission] = READER,
        accounts: Collection[str] | None = None,
        minutes: int = 60,
    ) -> str:
        """Bearer and a token that is valid from now on."""
        now, secret = self.clock(), self.resources.settings.auth_secret.get_secret_value()
        return f"Bearer {issue(secret, subject, permissions, accounts, minutes, now)}"

    async def publish(self, count: int = 1, *, account_no: str = "A1", remark: str = "") -> list[str]:
        """So many case events of the account, committed one by one; their ids."""
        events = [case_event(self.clock(), account_no, remark) for _ in range(count)]
        with self.resources.database.active():
            async with transaction():
                await outbox.append(events)
        self.resources.signals.committed()
        ids = [str(event.id) for event in events]
        self.published += ids
        return ids

    async def quote(self, symbol: str, price: int | str) -> None:
        """Broadcast to every watcher."""
        value = Decimal(price)
        quote = Quote(Symbol(symbol), self.clock(), bid=value, ask=value, last=value)
        await self.resources.bus.broadcast(QUOTES_TOPIC, [Message(symbol, quote_to_bytes(quote))])

    @property
    def members(self) -> set[Member]:
        """The subscriptions that have joined the feed."""
        joined = [member for group in self.live.feed.groups for member in group.members]
        return {member.member if isinstance(member, CatchingUp) else member for member in joined}

    async def until_members(self, count: int) -> None:
        """Until so many subscriptions have joined the feed."""
        await until(lambda: len(self.members) == count)

    @asynccontextmanager
    async def joining(self, count: int = 1) -> AsyncIterator[None]:
        """Until so many have joined that had not before, whoever of an earlier socket leaves meanwhile."""
        before = self.members
        yield
        await until(lambda: len(self.members - before) == count)

    async def until_fed(self) -> None:
        """Until the feed of this process has handed out all that is committed."""
        with self.resources.database.active():
            async with asyncio.timeout(PATIENCE_S):
                while (await outbox.backlog(self.clock())).events:  # noqa: ASYNC110 - the database has no event
                    await asyncio.sleep(POLL_S)
            newest = (await outbox.stream_head()).last_offset
        feed = self.live.feed
        await until(lambda: feed.position is not None and feed.position.offset >= newest and feed.idle)


@asynccontextmanager
async def served_desk(
    directory: Path, listens_at: Any = "127.0.0.1", **settings: Any
) -> AsyncIterator[LiveDesk]:
    """Serve until the end of the block, then shut down as on SIGTERM. At `::` it is reached by both versions
    of IP.
    """
    clock = Clock()
    if "database_url" not in settings:
        await _place_database(directory)
    usual: dict[str, Any] = {
        "data_directory": directory,
        "relay_poll_interval_s": 0.05,
        "metrics_kept_s": 0,
    }
    chosen = load_settings(**(UNHURRIED | UNLIMITED | usual | settings))
    app = create_app(chosen, Parts(clock))
    is_ipv6 = ":" in listens_at
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    listener = socket.create_server((listens_at, 0), family=family, dualstack_ipv6=is_ipv6)
    # Small buffers of the kernel: a reader that stalls is noticed after little data.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
    server = Server(server_config(app, chosen), announce=lambda: None)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await until(lambda: server.started or serving.done())
        desk = LiveDesk(server.lifespan.state[APPLICATION], server, listener.getsockname()[1], clock)
        if "database_url" in settings:
            with desk.resources.database.active():
                await _save_the_instrument()
        yield desk
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def _place_database(directory: Path) -> None:
    """A migrated one, if there is none: a copy of one made once per process, for migrating takes seconds."""
    path = directory / DATABASE_FILE
    if await asyncio.to_thread(path.exists):
        return
    template = _template()
    if not await asyncio.to_thread(template.exists):
        database = Database(f"sqlite://{template}", pool_size=1)
        await database.open()
        await database.migrate()
        with database.active():
            await _save_the_instrument()
        await database.close()
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread(shutil.copyfile, template, path)


async def _save_the_instrument() -> None:
    """The one whose quotes the tests subscribe to."""
    apple = Instrument(
        symbol=Symbol("AAPL.US"),
        name="Apple",
        market="XNYS",
        currency=Currency("USD"),
        kind=InstrumentKind.STOCK,
        lot_size=Decimal(1),
        multiplier=Decimal(1),
        fee_rate=Decimal(0),
        trade_status=TradeStatus.TRADING,
    )
    await save_instrument(apple, None, datetime.now(UTC))


@cache
def _template() -> Path:
    """In a directory that nobody had before: what a killed process left may have older tables."""
    directory = Path(tempfile.mkdtemp(prefix="migrated-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory / DATABASE_FILE


async def until(holds: Any) -> None:
    """Wait for a condition, not for a time."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(POLL_S)


def case_event(now: datetime, account_no: str = "A1", remark: str = "") -> CaseEvent:
    """Some change of a case of the account."""
    case = Case(
        id=CaseId(uuid4().hex),
        case_no=f"MC-{account_no}",
        account_id=AccountId(f"account {account_no}"),
        alert_type=AlertType.MAINTENANCE,
        status=CaseStatus.OPEN,
        figures=_figures(now),
        amount_at_open=Decimal("1250.50"),
        uncovered_amount=Decimal("1250.50"),
        opened_at=now,
        deadline=now + timedelta(days=2),
        force_eligible=False,
        remark=remark,
        version=1,
    )
    account = AccountReference(
        account_id=case.account_id,
        account_no=account_no,
        account_type=AccountType.MARGIN,
        base_currency=Currency("USD"),
        client_id=ClientId(f"client {account_no}"),
        client_no=f"C-{account_no}",
        client_name=f"Client of {account_no}",
    )
    return CaseEvent(EventId(uuid4().hex), now, CaseEventKind.UPDATED, CaseView(case, account), case.status)


def _figures(now: datetime) -> MarginFigures:
    zero = Decimal(0)
    return MarginFigures(
        as_of=now,
        stale=False,
        cash=Decimal("-30000.00"),
        long_market_value=Decimal("52345.67"),
        short_market_value=zero,
        dead_market_value=zero,
        equity=Decimal("22345.67"),
        liquid_net_assets=Decimal("22345.67"),
        initial_margin=Decimal("26172.84"),
        maintenance_margin=Decimal("20938.27"),
        margin_call_margin=Decimal("23555.55"),
        force_close_margin=Decimal("18320.98"),
        net_asset_ratio=Decimal("0.4269"),
        debt=Decimal("30000.00"),
        over_financing=zero,
        accrued_interest=zero,
        outstanding_margin=zero,
        trading_limit=zero,
        amount=Decimal("1250.50"),
        risk_level=RiskLevel.WARNING,
    )
