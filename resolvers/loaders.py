"""Batched loading: however many rows ask for their client, it is one statement. Made fresh per operation."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from strawberry.dataloader import DataLoader

from desk.assess_case import as_open_orders
from desk.desk import Desk
from domain.approval import ApprovalView
from domain.case_records import DeadlineChange, FollowUp
from domain.events import AccountReference, CaseView, Fill, OrderView
from domain.ids import (
    AccountId,
    ApprovalId,
    CaseId,
    ClientId,
    KillSwitchId,
    OrderId,
    RecoveryId,
    Symbol,
)
from domain.kill_switch import KillSwitch
from domain.liquidation import OpenOrder
from domain.margin import MarginFigures
from domain.market import Instrument, Quote
from domain.message import Contact, Message, MessageId
from domain.principal import Audience
from domain.risk_settings import SettingId, SettingVersion
from models.approval import load_approvals
from models.book import AccountBook, load_books
from models.case import figures_at_open, load_cases, open_cases_of_clients
from models.case_records import count_of_cases, newest_deadline_changes, newest_follow_ups
from models.client import AccountRow, ClientRow, accounts_of, load_accounts, load_clients
from models.contact import load_contacts
from models.database import consistent_read
from models.kill_switch import frozen_accounts, load_switches
from models.market import load_instruments, load_quotes
from models.message import count_messages_of_cases, load_messages, newest_messages_of_cases
from models.order import (
    OrderChange,
    changes_of,
    count_orders_of_cases,
    fills_of,
    load_orders,
    newest_orders_of_cases,
    open_orders_of,
)
from models.risk_setting import load_settings
from models.snapshot import StoredSnapshot, newest_snapshots
from models.stock_borrow import ShortHolding, shorts_in
from models.stock_recovery import RecoveryView, load_recoveries, recoveries_of_cases
from models.where import Page

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class BookAndOrders:
    """An account's book and what is in flight."""

    book: AccountBook
    orders: Sequence[OrderView]

    @property
    def open_orders(self) -> list[OpenOrder]:
        """For the planner."""
        return as_open_orders(self.orders)


class Loaders:
    """Every batch loader of one operation. Nothing that the audience may not see comes out of any."""

    def __init__(self, desk: Desk, audience: Audience) -> None:
        async def books(ids: Sequence[AccountId]) -> Mapping[AccountId, BookAndOrders]:
            async with consistent_read():
                # A fill between two statements would be in the book or in the orders, not in both.
                visible = list(await load_accounts(audience, ids))
                loaded = await load_books(visible, desk.rules.books, desk.clock())
                open_orders = await open_orders_of(visible)
            orders: dict[AccountId, list[OrderView]] = defaultdict(list)
            for view in open_orders:
                orders[view.order.account_id].append(view)
            return {id_: BookAndOrders(book, orders[id_]) for id_, book in loaded.items()}

        self.cases: DataLoader[CaseId, CaseView | None] = _one(lambda ids: load_cases(audience, ids))
        self.figures_at_open: DataLoader[CaseId, MarginFigures | None] = _one(
            lambda ids: figures_at_open(audience, ids)
        )
        self.clients: DataLoader[ClientId, ClientRow | None] = _one(lambda ids: load_clients(audience, ids))
        self.accounts: DataLoader[AccountId, AccountRow | None] = _one(
            lambda ids: load_accounts(audience, ids)
        )
        self.orders: DataLoader[OrderId, OrderView | None] = _one(lambda ids: load_orders(audience, ids))
        self.instruments: DataLoader[Symbol, Instrument | None] = _one(load_instruments)
        self.quotes: DataLoader[Symbol, Quote | None] = _one(load_quotes)
        self.books: DataLoader[AccountId, BookAndOrders | None] = _one(books)
        self.books_ahead: DataLoader[tuple[AccountId, datetime], AccountBook | None] = _one(
            lambda keys: _books_ahead(desk, audience, keys)
        )
        self.accounts_of: DataLoader[ClientId, Sequence[AccountRow]] = _many(
            lambda ids: accounts_of(audience, ids)
        )
        self.open_cases_of: DataLoader[ClientId, Sequence[CaseView]] = _many(
            lambda ids: open_cases_of_clients(audience, ids)
        )
        self.orders_of: DataLoader[tuple[CaseId, int], Page[OrderView]] = _pages(
            lambda ids, first: newest_orders_of_cases(audience, ids, first)
        )
        self.order_counts: DataLoader[CaseId, int | None] = _one(
            lambda ids: count_orders_of_cases(audience, ids)
        )
        self.kill_switches: DataLoader[KillSwitchId, KillSwitch | None] = _one(
            lambda ids: load_switches(audience, ids)
        )
        self.frozen: DataLoader[AccountReference, bool] = DataLoader(load_fn=_frozen)
        self.recoveries: DataLoader[RecoveryId, RecoveryView | None] = _one(
            lambda ids: load_recoveries(audience, ids)
        )
        self.recoveries_of: DataLoader[CaseId, Sequence[RecoveryView]] = _many(
            lambda ids: recoveries_of_cases(audience, ids)
        )
        self.shorts: DataLoader[Symbol, Sequence[ShortHolding]] = _many(
            lambda symbols: shorts_in(audience, symbols)
        )
        self.settings: DataLoader[SettingId, SettingVersion | None] = _one(
            lambda ids: load_settings(audience, ids)
        )
        self.approvals: DataLoader[ApprovalId, ApprovalView | None] = _one(
            lambda ids: load_approvals(audience, ids)
        )
        self.messages: DataLoader[MessageId, Message | None] = _one(lambda ids: load_messages(audience, ids))
        self.messages_of: DataLoader[tuple[CaseId, int], Page[Message]] = _pages(
            lambda ids, first: newest_messages_of_cases(audience, ids, first)
        )
        self.follow_ups_of: DataLoader[tuple[CaseId, int], Page[FollowUp]] = _pages(
            lambda ids, first: newest_follow_ups(audience, ids, first)
        )
        self.deadline_changes_of: DataLoader[tuple[CaseId, int], Page[DeadlineChange]] = _pages(
            lambda ids, first: newest_deadline_changes(audience, ids, first)
        )
        self.snapshots_of: DataLoader[tuple[CaseId, int], Page[StoredSnapshot]] = _pages(
            lambda ids, first: newest_snapshots(audience, ids, first)
        )
        self.follow_up_counts: DataLoader[CaseId, int | None] = _one(
            lambda ids: count_of_cases("follow_up", audience, ids)
        )
        self.deadline_change_counts: DataLoader[CaseId, int | None] = _one(
            lambda ids: count_of_cases("deadline_change", audience, ids)
        )
        self.snapshot_counts: DataLoader[CaseId, int | None] = _one(
            lambda ids: count_of_cases("snapshot", audience, ids)
        )
        self.message_counts: DataLoader[CaseId, int | None] = _one(
            lambda ids: count_messages_of_cases(audience, ids)
        )
        # Of clients that were loaded as visible; what of it may be seen is for the resolver.
        self.contacts: DataLoader[ClientId, Contact | None] = _one(load_contacts)
        self.fills: DataLoader[OrderId, Sequence[Fill]] = _many(fills_of)
        self.changes: DataLoader[OrderId, Sequence[OrderChange]] = _many(changes_of)


async def _frozen(accounts: list[AccountReference]) -> list[bool | BaseException]:
    frozen = await frozen_accounts(accounts)
    return [account.account_id in frozen for account in accounts]


async def _books_ahead(
    desk: Desk, audience: Audience, keys: Sequence[tuple[AccountId, datetime]]
) -> dict[tuple[AccountId, datetime], AccountBook]:
    """Keys are an account and the moment whose factors count; as many reads as there are moments."""
    found: dict[tuple[AccountId, datetime], AccountBook] = {}
    for moment in {moment for _, moment in keys}:
        ids = [account_id for account_id, at in keys if at == moment]
        visible = list(await load_accounts(audience, ids))
        loaded = await load_books(visible, desk.rules.books, desk.clock(), factors_at=moment)
        found |= {(account_id, moment): book for account_id, book in loaded.items()}
    return found


def _pages(
    load: Callable[[Sequence[K], int], Awaitable[Mapping[K, Page[V]]]],
) -> DataLoader[tuple[K, int], Page[V]]:
    """Keys are a row and how many of its own are asked for; one statement for each number asked for."""

    async def batch(keys: list[tuple[K, int]]) -> list[Page[V] | BaseException]:
        pages: dict[tuple[K, int], Page[V]] = {}
        for first in {first for _, first in keys}:
            found = await load([key for key, wanted in keys if wanted == first], first)
            pages |= {(key, first): page for key, page in found.items()}
        return [pages[key] for key in keys]

    return DataLoader(load_fn=batch)


def _one(load: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> DataLoader[K, V | None]:
    async def batch(keys: list[K]) -> list[V | BaseException | None]:
        found = await load(keys)
        return [found.get(key) for key in keys]

    return DataLoader(load_fn=batch)


def _many(
    load: Callable[[Sequence[K]], Awaitable[Mapping[K, Sequence[V]]]],
) -> DataLoader[K, Sequence[V]]:
    async def batch(keys: list[K]) -> list[Sequence[V] | BaseException]:
        found = await load(keys)
        return [found.get(key, ()) for key in keys]

    return DataLoader(load_fn=batch)
