"""Cases that are in the database of a served desk, and events that tell of them; the relay only when told to.

The remark of a case is the number of its last change: whoever is told everything once sees it count up.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from domain.events import CaseEvent, CaseEventKind, CaseView
from domain.ids import ClientId, EventId
from domain.margin import AccountTerms, AccountType
from gateway.workers.term import LEASE
from models import outbox
from models.book_import import insert_account
from models.case import insert_case, save_case
from models.client import ClientRow, insert_client
from models.lease import acquire_lease
from models.sql.database import Database, transaction
from tests.kit.live_desk import LiveDesk, case_event, served_desk

ALL = 10_000


@dataclass(slots=True)
class Cases:
    """The cases of a served desk, by number."""

    desk: LiveDesk
    views: dict[int, CaseView] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    """Ids, in the order in which they were committed."""

    async def open(self, number: int) -> None:
        """A client, an account and a case, and the event of it."""
        view = case_event(self.desk.clock(), f"A{number}", remark="0").view
        case = replace(view.case, case_no=f"MC-{number}")
        client = ClientRow(ClientId(view.account.client_id), f"C-{number}", view.account.client_name, None)
        terms = AccountTerms(AccountType.MARGIN, view.account.base_currency)
        with self.desk.resources.database.active():
            async with transaction():
                await insert_client(client)
                await insert_account(client, view.account.account_id, view.account.account_no, terms)
                await insert_case(case)
                await self._tell(number, replace(view, case=case), CaseEventKind.OPENED)

    async def change(self, number: int, amount: int | None = None) -> None:
        """One change more of the case, and the event of it."""
        view = self.views[number]
        case = view.case
        amount_now = case.figures.amount if amount is None else Decimal(amount)
        case = replace(
            case,
            remark=str(int(case.remark) + 1),
            version=case.version + 1,
            figures=replace(case.figures, amount=amount_now),
        )
        with self.desk.resources.database.active():
            async with transaction():
                await save_case(case)
                await self._tell(number, replace(view, case=case), CaseEventKind.UPDATED)

    async def relay(self, most: int = ALL) -> int:
        """Give positions to so many of the events that have none, and publish them; how many."""
        resources = self.desk.resources
        with resources.database.active():
            rows = await outbox.assign_positions(most)
            head = await outbox.stream_head()
        await resources.bus.publish(head.epoch, [(row.offset, row.payload) for row in rows])
        return len(rows)

    async def _tell(self, number: int, view: CaseView, kind: CaseEventKind) -> None:
        before = self.views.get(number)
        self.views[number] = view
        event = CaseEvent(
            EventId(uuid4().hex),
            self.desk.clock(),
            kind,
            view,
            previous_status=before.case.status if before else None,
            previous_amount=before.case.figures.amount if before else None,
        )
        await outbox.append([event])
        self.events.append(str(event.id))


@asynccontextmanager
async def desk_without_a_relay(directory: Path, url: str, **settings: Any) -> AsyncIterator[Cases]:
    """A served desk without its own loops: only `Cases.relay` publishes."""
    database = Database(url, pool_size=1)
    await database.open()
    try:
        with database.active():
            assert await acquire_lease(LEASE, "another process", timedelta(hours=1))
            await outbox.create_stream()
    finally:
        await database.close()
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(served_desk(directory, database_url=url, **settings))
        # The bus of one process knows where the stream begins once something was published.
        cases = Cases(desk)
        await cases.open(0)
        await cases.relay()
        yield cases
