"""What the subscribers ask for, and which events each has to get: said here a second time, on purpose.

The gateway's own filters are not used to judge the gateway.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from domain.case import CaseStatus
from domain.case_filter import CaseFilter
from domain.events import AccountReference, CaseEvent, Event, OrderEvent
from domain.ids import ClientId
from domain.order import OrderStatus
from domain.principal import Audience, Permission
from gateway.settings import DEVELOPMENT_SECRET
from models.order import OrderFilter
from resolvers.kit.node import global_id
from resolvers.kit.stream_cursor import scope_text
from subscriptions.stream.bus import Position
from subscriptions.stream.cursor import CursorSigner, key_id_of, scope_of

CASES = """subscription ($filter: CaseFilter, $after: String) { caseEvents(filter: $filter, after: $after) {
  id kind at case { id version status amount account { accountNo } }
} }"""
"""The account is looked up in the database for every event."""
ORDERS = """subscription ($filter: OrderFilter, $after: String) {
  orderEvents(filter: $filter, after: $after) {
  id kind at previousStatus order { id status filledQuantity } fill { executionId quantity price }
} }"""
READER = frozenset({Permission.RISK_WARNING_READ_ONLY})
SCOPES, SCOPE_ACCOUNTS = 3, 40
CASE_STATUSES = (CaseStatus.OPEN, CaseStatus.LIQUIDATING, CaseStatus.RESOLVED)
ORDER_STATUSES = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED)


@dataclass(frozen=True, slots=True)
class Operation:
    """A subscription with its audience; many subscribers may share one."""

    name: str
    orders: bool
    accounts: frozenset[str] | None = None
    """The audience's scope; None: everything."""
    account_no: str | None = None
    client_id: str | None = None
    statuses: tuple[str, ...] | None = None

    @property
    def field(self) -> str:
        return "orderEvents" if self.orders else "caseEvents"

    @property
    def document(self) -> str:
        return ORDERS if self.orders else CASES

    @property
    def filter(self) -> dict[str, Any]:
        """The GraphQL variable."""
        given = {
            "accountNo": self.account_no,
            "clientId": self.client_id and global_id("Client", self.client_id),
            "status": self.statuses and list(self.statuses),
        }
        return {name: value for name, value in given.items() if value is not None}

    def kind_of(self, event: Event) -> str | None:
        """As what a subscriber has to get the event; None: not at all."""
        if not isinstance(event, CaseEvent | OrderEvent) or isinstance(event, OrderEvent) is not self.orders:
            return None
        if not self._covers(event.view.account):
            return None
        status = event.view.order.status if isinstance(event, OrderEvent) else event.view.case.status
        if self.statuses is None or status in self.statuses:
            return event.kind
        return "REMOVED" if event.previous_status in self.statuses else None

    def cursor_at(self, position: Position) -> str:
        """A cursor to begin with, as the gateway would have given it."""
        audience = Audience(READER, self.accounts)
        scope = scope_of(*scope_text(self.field, self._selection(), audience))
        secret = DEVELOPMENT_SECRET.encode()
        return CursorSigner(key_id_of(secret), secret).sign(position, scope)

    def _covers(self, account: AccountReference) -> bool:
        return (
            (self.accounts is None or account.account_no in self.accounts)
            and self.account_no in (None, account.account_no)
            and self.client_id in (None, account.client_id)
        )

    def _selection(self) -> CaseFilter | OrderFilter:
        client = ClientId(self.client_id) if self.client_id else None
        if self.orders:
            orders = None if self.statuses is None else tuple(map(OrderStatus, self.statuses))
            return OrderFilter(status=orders, client_id=client, account_no=self.account_no)
        cases = None if self.statuses is None else tuple(map(CaseStatus, self.statuses))
        return CaseFilter(status=cases, client_id=client, account_no=self.account_no)


def make_operations(accounts: Sequence[AccountReference], chance: random.Random) -> list[Operation]:
    """Over accounts in which something happens."""
    return [operation for orders in (False, True) for operation in _operations(orders, accounts, chance)]


def _operations(
    orders: bool, accounts: Sequence[AccountReference], chance: random.Random
) -> Iterator[Operation]:
    name = "orders" if orders else "cases"
    statuses: Sequence[str] = ORDER_STATUSES if orders else CASE_STATUSES
    yield Operation(f"all {name}", orders)
    for status in chance.sample(statuses, 2):
        yield Operation(f"{name} that are {status}", orders, statuses=(status,))
    for account in chance.sample(accounts, 3):
        yield Operation(f"{name} of account {account.account_no}", orders, account_no=account.account_no)
    for account in chance.sample(accounts, 2):
        yield Operation(f"{name} of client {account.client_no}", orders, client_id=account.client_id)
    for scope in range(SCOPES):
        chosen = chance.sample(accounts, min(SCOPE_ACCOUNTS, len(accounts) // 2))
        seen = frozenset(account.account_no for account in chosen)
        yield Operation(f"all {name} in scope {scope}", orders, accounts=seen)
