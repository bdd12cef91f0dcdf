"""Batched loading: one statement, however many rows ask for their client. Created for each operation."""

import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import TypeVar

from desk.context import DeskContext
from domain.events import AccountReference, OrderView
from domain.ids import AccountId, CaseId
from domain.margin import Book
from domain.open_orders import as_open_orders
from domain.principal import Audience
from domain.sellable import OpenOrder
from models.approval import load_approvals
from models.book import AccountBook, BooksRead, read_books
from models.case import figures_at_open as figures_when_opened
from models.case import live_cases_by_account, load_case_rows, load_cases, open_cases_of_clients
from models.case_records import count_of_cases, newest_deadline_changes, newest_follow_ups
from models.client import accounts_of as accounts_of_clients
from models.client import load_accounts, load_clients
from models.contact import load_contacts
from models.doubt import doubts_of
from models.kill_switch import frozen_accounts, load_switches
from models.market import load_instruments, load_quotes
from models.message import count_messages_of_cases, load_messages, newest_messages_of_cases
from models.order import (
    changes_of,
    count_orders_of_cases,
    fills_of,
    load_orders,
    newest_orders_of_cases,
    open_orders_of,
)
from models.outbox import StreamHead, stream_head
from models.risk_setting import load_settings
from models.snapshot import newest_snapshots
from models.sql.database import Row, consistent_read, unreadable_rows
from models.sql.forms import UnstorableText
from models.sql.pace import Pace
from models.sql.unreadable import UnreadableRow
from models.sql.where import Page
from models.stock_borrow import shorts_in
from models.stock_recovery import load_recoveries, recoveries_of_cases
from resolvers.kit.batch_loader import BatchLoader
from resolvers.kit.errors import unreadable_data
from resolvers.kit.page_rows import PageRows

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")


LOADED_TOGETHER, BOOKS_TOGETHER = 200, 50
"""Keys for one statement, and accounts whose positions are read by one: the driver turns the rows of a
statement into Python's values without a pause.
"""


@dataclass(frozen=True, slots=True)
class BookAndOrders:
    """An account's book with its open orders."""

    book: AccountBook
    orders: Sequence[OrderView]

    def open_orders(self, desk: DeskContext, now: datetime, book: Book | None = None) -> list[OpenOrder]:
        """Open orders for the planner. `book`: the book whose quotes value them, if not the account's own."""
        return as_open_orders(self.orders, book or self.book.book, desk.cover_conditions(now))


Load = Callable[[Audience, Sequence[K]], Awaitable[Mapping[K, V]]]
"""Filters ids by what the audience may see."""


def _batched(
    load: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
    otherwise: D,
    table: str = "account",
    together: int = LOADED_TOGETHER,
) -> BatchLoader[K, V | D]:
    """Make a batch loader. `otherwise`: the value for a key without rows. `table`: the table that the keys
    belong to. `together`: how many keys are loaded at once.

    A key whose rows cannot be read is answered with an error of its own.
    """

    async def batch(keys: list[K]) -> list[V | D | BaseException]:
        if len(keys) <= together:
            return await some(keys)
        found: list[V | D | BaseException] = []
        for begin in range(0, len(keys), together):
            found += await some(keys[begin : begin + together])
        return found

    async def some(keys: list[K]) -> list[V | D | BaseException]:
        try:
            values = await load(keys)
        except (UnreadableRow, UnstorableText) as error:
            if len(keys) == 1 and isinstance(error, UnreadableRow):
                unreadable_rows().note(error.named(table, keys[0]))
                return [unreadable_data()]
            if len(keys) == 1:
                # The key itself is invalid, not a row.
                return [error]
            # One of many cannot be read: halving finds it, and the others are answered.
            half = len(keys) // 2
            return await some(keys[:half]) + await some(keys[half:])
        return [values.get(key, otherwise) for key in keys]

    return BatchLoader(load_fn=batch)


def _one(load: Load[K, V]) -> cached_property[BatchLoader[K, V | None]]:
    return cached_property(lambda loaders: _batched(partial(load, loaders.audience), None))


def _many(load: Load[K, Sequence[V]], table: str = "account") -> cached_property[BatchLoader[K, Sequence[V]]]:
    return cached_property(lambda loaders: _batched(partial(load, loaders.audience), (), table))


def _pages(
    load: Callable[[Audience, Sequence[K], int], Awaitable[Mapping[K, Page[V]]]],
) -> cached_property[BatchLoader[tuple[K, int], Page[V]]]:
    """Load first pages. A key is a row and the size of its page; one statement for each page size."""

    def made(loaders: "Loaders") -> BatchLoader[tuple[K, int], Page[V]]:
        async def batch(keys: list[tuple[K, int]]) -> list[Page[V] | BaseException]:
            pages: dict[tuple[K, int], Page[V]] = {}
            for first in {first for _, first in keys}:
                loaded = await load(loaders.audience, [key for key, size in keys if size == first], first)
                pages |= {(key, first): page for key, page in loaded.items()}
            return [pages[key] for key in keys]

        return BatchLoader(load_fn=batch)

    return cached_property(made)


def _for_all(load: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> Load[K, V]:
    """Loads what every audience may see, or ids that were loaded as visible."""
    return lambda audience, ids: load(ids)


class Loaders:
    """All batch loaders of one operation, each created when it is first requested. None returns anything that
    the audience may not see.
    """

    def __init__(self, desk: DeskContext, audience: Audience) -> None:
        self._desk = desk
        self.audience = audience

    def release(self) -> None:
        """Forget what was loaded; see `ReadContext.release`."""
        for name, known in list(vars(self).items()):
            if isinstance(known, BatchLoader | PageRows):
                del vars(self)[name]

    cases = _one(load_cases)
    figures_at_open = _one(figures_when_opened)
    clients = _one(load_clients)
    accounts = _one(partial(load_accounts, strict=True))
    orders = _one(load_orders)
    kill_switches = _one(load_switches)
    recoveries = _one(load_recoveries)
    settings = _one(load_settings)
    approvals = _one(load_approvals)
    messages = _one(load_messages)
    instruments = _one(_for_all(partial(load_instruments, strict=True)))
    quotes = _one(_for_all(load_quotes))
    contacts = _one(_for_all(load_contacts))
    """For clients that were loaded as visible; the resolver masks their personal data."""

    accounts_of = _many(accounts_of_clients)
    open_cases_of = _many(open_cases_of_clients)
    live_cases = _many(_for_all(live_cases_by_account))
    recoveries_of = _many(recoveries_of_cases, "margin_case")
    shorts = _many(shorts_in)
    doubts = _many(_for_all(doubts_of))
    fills = _many(_for_all(fills_of), "liquidation_order")
    changes = _many(_for_all(changes_of), "liquidation_order")

    orders_of = _pages(newest_orders_of_cases)
    orders_after_stream_head = _pages(newest_orders_of_cases)
    """Loaded only by readers that have awaited `stream_heads`."""
    messages_of = _pages(newest_messages_of_cases)
    follow_ups_of = _pages(newest_follow_ups)
    deadline_changes_of = _pages(newest_deadline_changes)
    snapshots_of = _pages(newest_snapshots)

    order_counts = _one(count_orders_of_cases)
    message_counts = _one(count_messages_of_cases)
    follow_up_counts = _one(partial(count_of_cases, "follow_up"))
    deadline_change_counts = _one(partial(count_of_cases, "deadline_change"))
    snapshot_counts = _one(partial(count_of_cases, "snapshot"))

    @cached_property
    def stream_heads(self) -> BatchLoader[str, StreamHead]:
        """Where the stream was when a reader of this operation first asked; keys are names of streams."""
        return BatchLoader(load_fn=_stream_heads)

    @cached_property
    def frozen(self) -> BatchLoader[AccountReference, bool]:
        """Whether a kill switch is on for the account."""
        return BatchLoader(load_fn=_frozen)

    @cached_property
    def books(self) -> BatchLoader[AccountId, BookAndOrders | None]:
        """Books with their open orders. None: not within the scope; a damaged account is an error."""
        return _batched(self._books, None, together=sys.maxsize)

    @cached_property
    def books_ahead(self) -> BatchLoader[tuple[AccountId, datetime], AccountBook | None]:
        """Keys are an account and the moment whose margin factors count."""
        return _batched(self._books_ahead, None, together=BOOKS_TOGETHER)

    @cached_property
    def case_rows(self) -> BatchLoader[tuple[CaseId, frozenset[str]], Row | None]:
        """Keys are a case and the columns that its reader needs. None: not within the scope."""
        return BatchLoader(load_fn=self._case_rows)

    async def _case_rows(self, keys: list[tuple[CaseId, frozenset[str]]]) -> list[Row | BaseException | None]:
        """One statement, with the columns that any reader needs."""
        columns = frozenset[str]().union(*(columns for _, columns in keys))
        rows = await load_case_rows(self.audience, list({case_id for case_id, _ in keys}), columns)
        return [rows.get(case_id) for case_id, _ in keys]

    @cached_property
    def page_rows(self) -> PageRows:
        """Positions, cash, orders and snapshots as rows."""
        return PageRows(
            self.audience,
            self._desk.policy.books.zone_of,
            self._desk.clock,
            lambda account_id: "books" in vars(self) and self.books.cache_map.get(account_id) is not None,
        )

    async def _books(self, ids: Sequence[AccountId]) -> Mapping[AccountId, BookAndOrders]:
        async with consistent_read():
            # A fill between two statements would be in the book or in the orders, not in both.
            visible, now = list(await load_accounts(self.audience, ids, strict=True)), self._desk.clock()
            read = [
                await read_books(visible[begin : begin + BOOKS_TOGETHER], self._desk.policy.books, now)
                for begin in range(0, len(visible), BOOKS_TOGETHER)
            ]
            open_orders = await open_orders_of(visible)
        pace, loaded = Pace(), dict[AccountId, AccountBook]()
        for some in filter(None, read):
            loaded |= await some.books_in_steps(pace)
        orders: dict[AccountId, list[OrderView]] = defaultdict(list)
        for view in open_orders:
            orders[view.order.account_id].append(view)
        return {id_: BookAndOrders(book, orders[id_]) for id_, book in loaded.items()}

    async def _books_ahead(
        self, keys: Sequence[tuple[AccountId, datetime]]
    ) -> Mapping[tuple[AccountId, datetime], AccountBook]:
        """One read per moment."""
        read: list[tuple[datetime, BooksRead | None]] = []
        async with consistent_read():
            # A fill between two statements would have moved the cash, or the position, and not both.
            for moment in {moment for _, moment in keys}:
                ids = [account_id for account_id, at in keys if at == moment]
                visible = list(await load_accounts(self.audience, ids, strict=True))
                now = self._desk.clock()
                read.append((moment, await read_books(visible, self._desk.policy.books, now, moment)))
        pace, books = Pace(), dict[tuple[AccountId, datetime], AccountBook]()
        for moment, some in read:
            loaded = {} if some is None else await some.books_in_steps(pace)
            books |= {(account_id, moment): book for account_id, book in loaded.items()}
        return books


async def _stream_heads(names: list[str]) -> list[StreamHead | BaseException]:
    head = await stream_head()
    return [head for _ in names]


async def _frozen(accounts: list[AccountReference]) -> list[bool | BaseException]:
    frozen = await frozen_accounts(accounts)
    return [account.account_id in frozen for account in accounts]
