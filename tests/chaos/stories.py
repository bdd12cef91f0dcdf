"""More to tell than one trader causes: cases and orders that only the outbox knows, committed for real.

Several writers commit at once and some linger in their transaction, so that rows become visible in another
order than their ids have. A writer whose connection is killed drops its story and begins another; whether
its last commit counted is for the outbox to say.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError

from domain.case import CaseCloseReason, CaseStatus
from domain.events import (
    AccountReference,
    CaseEvent,
    CaseEventKind,
    CaseView,
    Fill,
    OrderEvent,
    OrderEventKind,
    OrderView,
)
from domain.ids import CaseId, EventId, ExecutionId, OrderId
from domain.order import Order, OrderStatus
from models import outbox
from models.sql.database import Database, transaction
from tests.kit.live_desk import case_event
from tests.kit.orders import PRICE, QUANTITY, an_order

WRITERS, EVENTS_AT_ONCE, LINGERING, LINGER_S = 4, 3, 0.2, 0.15
Story = list[CaseEvent | OrderEvent]


class Storytellers:
    """`run` until cancelled: about so many events per second, over the accounts."""

    def __init__(
        self,
        database_url: str,
        accounts: Sequence[AccountReference],
        chance: random.Random,
        events_per_s: float,
        at_its_end: Callable[[], bool],
    ) -> None:
        """While `at_its_end` a tenth of that."""
        self._at_its_end = at_its_end
        self._database_url = database_url
        self._accounts = accounts
        self._chance = chance
        self._pause_s = WRITERS * (1 + EVENTS_AT_ONCE) / 2 / events_per_s

    async def run(self) -> None:
        database = Database(self._database_url, pool_size=WRITERS)
        await database.open()
        try:
            with database.active():
                async with asyncio.TaskGroup() as group:
                    for _ in range(WRITERS):
                        group.create_task(self._write())
        finally:
            await database.close()

    async def _write(self) -> None:
        while True:
            tell = self._chance.choice((case_story, order_story))
            story = tell(self._chance.choice(self._accounts), self._chance)
            while story:
                count = self._chance.randint(1, EVENTS_AT_ONCE)
                part, story = story[:count], story[count:]
                try:
                    await self._commit(part)
                except (OSError, PostgresError, InterfaceError, InternalClientError):
                    story = []
                await asyncio.sleep(
                    self._pause_s * (10 if self._at_its_end() else 1) * self._chance.uniform(0.5, 1.5)
                )

    async def _commit(self, part: Story) -> None:
        now = datetime.now(UTC)
        async with transaction():
            await outbox.append([replace(event, at=now) for event in part])
            if self._chance.random() < LINGERING:
                await asyncio.sleep(self._chance.uniform(0, LINGER_S))


def case_story(account: AccountReference, chance: random.Random) -> Story:
    """A case from its opening to its end."""
    now = datetime.now(UTC)
    opened = case_event(now).view.case
    opened = replace(opened, id=CaseId(uuid4().hex), account_id=account.account_id)
    steps = [(CaseEventKind.OPENED, opened)]
    steps += [(CaseEventKind.UPDATED, opened) for _ in range(chance.randrange(4))]
    liquidating = replace(opened, status=CaseStatus.LIQUIDATING, plans=1, version=2)
    steps += [(CaseEventKind.STATUS_CHANGED, liquidating)]
    resolved = replace(
        liquidating,
        status=CaseStatus.RESOLVED,
        closed_at=now,
        close_reason=CaseCloseReason.CURED,
        version=3,
    )
    steps += [(CaseEventKind.CLOSED, resolved)]
    before: list[CaseStatus | None] = [None, *(case.status for _, case in steps)]
    return [
        CaseEvent(EventId(uuid4().hex), now, kind, CaseView(case, account), previous)
        for (kind, case), previous in zip(steps, before, strict=False)
    ]


def order_story(account: AccountReference, chance: random.Random) -> Story:
    """An order from the venue's acknowledgement to its last fill."""
    now, order_id = datetime.now(UTC), OrderId(uuid4().hex)
    parts = chance.randint(1, 3)
    fills = [
        Fill(ExecutionId(f"{order_id}-{number}"), QUANTITY / 4, PRICE, now) for number in range(parts + 1)
    ]
    last = replace(fills[-1], quantity=QUANTITY - parts * QUANTITY / 4)
    told: list[tuple[OrderStatus, Fill | None, int]] = [
        (OrderStatus.NEW, None, 0),
        *[(OrderStatus.PARTIALLY_FILLED, fill, number) for number, fill in enumerate(fills[:-1], start=1)],
        (OrderStatus.FILLED, last, 4),
    ]
    before: list[OrderStatus | None] = [None, *(status for status, _, _ in told)]

    def order(status: OrderStatus, quarters: int) -> Order:
        filled = {"filled": quarters * QUANTITY / 4} if quarters else {}
        return an_order(status, id=order_id, account_id=account.account_id, **filled)

    return [
        OrderEvent(
            EventId(uuid4().hex),
            now,
            OrderEventKind.FILL if fill else OrderEventKind.CREATED,
            OrderView(order(status, quarters), account),
            previous,
            fill,
        )
        for (status, fill, quarters), previous in zip(told, before, strict=False)
    ]
