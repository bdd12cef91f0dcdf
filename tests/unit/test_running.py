"""Operations of a connection that cannot begin."""

from typing import Any

from models.database import DatabaseUnavailable
from subscriptions.mailbox import MailboxLimits
from subscriptions.memory_bus import MemoryBus
from subscriptions.protocol import Subscribe
from subscriptions.running import AWAY_HINT, Backend, Caller, Operations, Start
from subscriptions.websocket import SocketWire
from tests.unit.live_streams import until, world
from tests.unit.test_mailbox import Pipe

CALLER = Caller("trader", 0.0, None)


class NoDatabase:
    """An executor whose every look-up fails."""

    def prepare(self, message: Subscribe, caller: Caller) -> Start | list[Any] | None:
        raise DatabaseUnavailable("it has ended the connection")

    async def execute(self, message: Subscribe, caller: Caller) -> bytes:
        raise NotImplementedError

    def errors_of(self, failure: BaseException) -> list[Any]:
        raise NotImplementedError


async def test_an_operation_that_begins_during_an_outage_sends_its_client_to_come_back() -> None:
    lost: list[str] = []
    async with world(MemoryBus(history_max=1, buffer_max=1, watch_keys_max=1)) as w:
        backend = Backend(NoDatabase(), w.feed, w.metrics)
        operations = Operations(Pipe(), SocketWire(), backend, MailboxLimits(1, 1), lost.append)
        operations.start(Subscribe("1", "subscription { caseEvents { id } }", None, None), CALLER)
        await until(lambda: lost)
    assert lost == [AWAY_HINT]
