"""The monitor: reads prices and book changes, and opens, refreshes and closes cases. One process runs it.

It keeps every account's book in memory, so that a quote costs one addition per holder, and reads the database
only if a case is to open, to change its state or to be refreshed. `assess_account` makes the decisions, under
the account's lock, on the state in the database: losing or repeating something here can delay a case, but
never cause a wrong one.

Each account takes each step independently: one that fails, or whose row another transaction locks, is set
aside, listed as unwatched and tried again (see account_steps), and delays no other.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from desk.assessment.assess_case import assess_account
from desk.assessment.case_event import refreshed_event
from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler
from desk.monitoring.account_steps import AccountSteps, Step
from desk.monitoring.follow_settings import SettingsFollower
from desk.monitoring.price_store import PriceStore
from desk.monitoring.statements import Statements
from desk.monitoring.stretches import NOTHING_ANNOUNCED, announced, stretches
from desk.monitoring.take_messages import NO_PRICES, Intake, NewestPrices, Taken, joined
from desk.monitoring.turning_points import next_turn
from desk.monitoring.watched_account import WatchedAccount, must_assess, recomputed, worth_an_event
from domain.book_changes import BookChange
from domain.case import Case
from domain.events import BookChanged, CaseEvent, CaseEventKind, CaseView, Event, OrderEvent
from domain.ids import AccountId, Symbol
from domain.inputs import Message, Outcome
from domain.live_book import LiveBook
from domain.market import FxRate, Quote
from domain.money import Currency
from models import outbox
from models.book import AccountBook, count_accounts, load_all_account_ids, load_books, lock_accounts
from models.case import live_cases_of, save_figures
from models.input_outcome import save_outcomes
from models.order import open_orders_of
from models.sql.database import transaction
from outages.log import OutageLog

LOAD_BATCH_ACCOUNTS = 500
REFRESH_BATCH_CASES = 50
ACCOUNTS_BEFORE_YIELD = 100
"""Accounts computed before other tasks get their turn: a few milliseconds."""


V = TypeVar("V")


_Live = tuple[WatchedAccount, CaseView]
"""A live case and its account."""


class Monitor:
    """Not thread-safe; `take` may be called while `look` runs."""

    def __init__(self, desk: DeskContext, scheduler: FairScheduler) -> None:
        self._desk = desk
        self._scheduler = scheduler
        self._accounts = AccountSteps(desk, scheduler)
        self._intake = Intake(desk)
        self._prices = PriceStore(scheduler, desk.clock)
        self._statements = Statements(desk, scheduler, self._accounts)
        self._watched: dict[AccountId, WatchedAccount] = {}
        self._holders: dict[Symbol, set[AccountId]] = defaultdict(set)
        self._quotes: dict[Symbol, Quote] = {}
        self._rates: dict[tuple[Currency, Currency], FxRate] = {}
        self._to_load: set[AccountId] = set()
        self._to_look_at: set[AccountId] = set()
        self._settings = SettingsFollower(desk)
        self._announced = NOTHING_ANNOUNCED
        self._unkept = OutageLog("message outcomes could not be stored", "message outcomes are stored again")

    @property
    def accounts(self) -> int:
        """The number of watched accounts."""
        return len(self._watched)

    async def note_everything(self) -> None:
        """Read all accounts at the next look: at the start, and at intervals in case a change was missed."""
        self._to_load.update(await load_all_account_ids())

    def note(self, account_id: AccountId) -> None:
        """The account changed in the database: read it at the next look."""
        self._to_load.add(account_id)

    def note_event(self, event: Event) -> None:
        """Another transaction published this event: read the accounts concerned at the next look.

        Figures that a refresh stored come from the monitor itself; what a person changed of a case, such as
        its deadline, does not.
        """
        match event:
            case OrderEvent():
                self.note(event.view.order.account_id)
            case CaseEvent() if event.kind is not CaseEventKind.UPDATED or not self._has(event.view.case):
                self.note(event.view.case.account_id)
            case BookChanged():
                self.note(event.account_id)

    def _has(self, case: Case) -> bool:
        """Whether the monitor has this version of the case."""
        watched = self._watched.get(case.account_id)
        cases = watched.cases if watched is not None else ()
        return any(view.case.id == case.id and view.case.version == case.version for view in cases)

    async def follow_settings(self) -> None:
        """Read the accounts concerned by changed risk settings at the next look. Call it first."""
        self._to_load.update(await self._settings.affected())

    async def note_new_accounts(self) -> None:
        """Read accounts that were added to the database without an event, as by an import."""
        known = self._watched.keys() | self._to_load
        if await count_accounts() != len(known):
            self._to_load.update(set(await load_all_account_ids()) - known)

    def pause(self, at_most: timedelta) -> timedelta:
        """Time until the next failed step is tried, at most `at_most`."""
        return self._scheduler.pause(at_most)

    async def take(self, messages: Sequence[Message], ahead: Collection[int] = ()) -> Taken:
        """Store the feed's messages in order, note the accounts concerned, and return the outcome of each
        message.

        `ahead`: messages whose time was ahead of the clock.
        """
        self._announced = announced(messages)
        try:
            await self._intake.learn(messages)
            parts = [await self._take_stretch(messages, places, ahead) for places in stretches(messages)]
        finally:
            self._announced = NOTHING_ANNOUNCED
        taken = joined(parts)
        await self._keep(taken.outcomes)
        return taken

    async def _take_stretch(
        self, messages: Sequence[Message], places: range, ahead: Collection[int]
    ) -> Taken:
        """Process a run of prices or a run of statements."""
        stretch = messages[places.start : places.stop]
        if isinstance(stretch[0], Quote | FxRate):
            ahead = [place - places.start for place in places if place in ahead]
            prices = await self._take_prices(stretch, ahead)
            return Taken(
                tuple(stretch), tuple(prices.outcomes[place] for place in range(len(stretch))), prices
            )
        taken = await self._statements.take([_statement(message) for message in stretch])
        self._to_load.update(taken.to_read)
        return Taken(tuple(stretch), tuple(taken.outcomes), NO_PRICES)

    async def _take_prices(self, prices: Sequence[Message], ahead: Collection[int]) -> NewestPrices:
        newest = await self._intake.newest(prices, ahead)
        if newest.quotes or newest.rates:
            await self._prices.store((*newest.quotes, *newest.rates))
        for quote in newest.quotes:
            await self._on_quote(quote)
            await asyncio.sleep(0)
        for rate in newest.rates:
            await self._on_rate(rate)
            await asyncio.sleep(0)
        return newest

    async def _keep(self, outcomes: Sequence[Outcome]) -> None:
        """Store the outcomes for `inputs`; a failure delays nothing."""
        error = await self._scheduler.attempt(partial(save_outcomes, outcomes, self._desk.clock()))
        if error is not None:
            self._unkept.report(error)
        else:
            self._unkept.over()

    async def look(self) -> None:
        """Act on everything noted since the last look."""
        await self._prices.store()
        await self._take_held()
        await self._load_noted()
        noted, self._to_look_at = self._to_look_at, set()
        for number, account_id in enumerate(noted, start=1):
            if self._is_announced(account_id) or not await self._accounts.run(
                account_id, Step.LOOK, partial(self._look_at, account_id)
            ):
                self._to_look_at.add(account_id)
            if number % ACCOUNTS_BEFORE_YIELD == 0:
                await asyncio.sleep(0)
        await self._load_noted()

    async def _take_held(self) -> None:
        taken = await self._statements.take_held()
        self._to_load.update(taken.to_read)
        if taken.outcomes:
            await self._keep(taken.outcomes)

    async def refresh(self) -> None:
        """Store and publish the figures of live cases that changed since the last refresh.

        The next look assesses all of them, since time alone may make a case overdue, or cured for long
        enough.
        """
        now = self._desk.clock()
        self._to_look_at.update(
            id_ for id_, watched in self._watched.items() if watched.cases or watched.orders
        )
        turned = (id_ for id_, each in self._watched.items() if each.turns_at and each.turns_at <= now)
        self._to_load.update(turned)
        live = [
            (watched, view)
            for id_, watched in self._watched.items()
            for view in watched.cases
            if not self._is_announced(id_)
        ]
        for start in range(0, len(live), REFRESH_BATCH_CASES):
            await self._refresh_batch(live[start : start + REFRESH_BATCH_CASES])

    def _is_announced(self, account_id: AccountId) -> bool:
        """Whether the batch being processed still contains messages about the account."""
        watched = self._watched.get(account_id)
        return watched is not None and self._announced.concerns(
            watched.account.account.account_no, watched.live.symbols
        )

    async def _on_quote(self, quote: Quote) -> None:
        self._quotes[quote.symbol] = quote
        holders = list(self._holders.get(quote.symbol, ()))

        async def price(account_ids: Sequence[AccountId]) -> None:
            for account_id in account_ids:
                self._watched[account_id].live.on_quote(quote, self._desk.clock())
                self._to_look_at.add(account_id)

        self._to_load.update(await self._accounts.run_all(holders, Step.PRICE, price))

    async def _on_rate(self, rate: FxRate) -> None:
        self._rates[rate.base_currency, rate.quote_currency] = rate
        for account_id, watched in self._watched.items():
            if watched.live.on_fx(rate, self._desk.clock()):
                self._to_look_at.add(account_id)

    async def _load_noted(self) -> None:
        noted, self._to_load = sorted(self._to_load), set()
        for start in range(0, len(noted), LOAD_BATCH_ACCOUNTS):
            batch = noted[start : start + LOAD_BATCH_ACCOUNTS]
            self._to_load.update(await self._accounts.run_all(batch, Step.READ, self._load))

    async def _load(self, account_ids: Sequence[AccountId]) -> None:
        policy, now = self._desk.policy.books, self._desk.clock()
        books = await load_books(account_ids, policy, now)
        cases = _by_account(await live_cases_of(account_ids), lambda view: view.case.account_id)
        orders = _by_account(await open_orders_of(account_ids), lambda view: view.order.account_id)
        for account_id, account in books.items():
            self._accounts.remember(account_id, account.doubts)
            self._watch(
                account_id,
                WatchedAccount(
                    account,
                    self._live(account),
                    cases[account_id],
                    orders[account_id],
                    next_turn(account.book, policy, now),
                ),
            )

    def _live(self, account: AccountBook) -> LiveBook:
        live = LiveBook(account.book, self._desk.policy.max_price_age)
        for symbol in live.symbols:
            if symbol in self._quotes:
                live.on_quote(self._quotes[symbol])
        for rate in self._rates.values():
            live.on_fx(rate)
        return live

    def _watch(self, account_id: AccountId, watched: WatchedAccount) -> None:
        before = self._watched.get(account_id)
        for symbol in before.live.symbols if before else ():
            self._holders[symbol].discard(account_id)
        for symbol in watched.live.symbols:
            self._holders[symbol].add(account_id)
        self._watched[account_id] = watched
        self._to_look_at.add(account_id)

    async def _look_at(self, account_id: AccountId) -> None:
        watched = self._watched.get(account_id)
        if watched is not None and must_assess(self._desk, watched):
            await self._assess(account_id)

    async def _assess(self, account_id: AccountId) -> None:
        async with transaction():
            await lock_accounts([account_id], wait=False)
            await assess_account(self._desk, account_id, self._desk.clock())
        self._desk.on_commit()
        self._to_load.add(account_id)

    async def _refresh_batch(self, live: Sequence[_Live]) -> None:
        """Refresh these cases together; then those with locked rows, one account at a time."""
        by_account = _by_account(live, lambda each: each[1].case.account_id)
        locked: set[AccountId] = set()

        async def refresh(account_ids: Sequence[AccountId]) -> None:
            cases = [each for account_id in account_ids for each in by_account[account_id]]
            locked.update(await self._refresh(cases, skip_locked=True))

        await self._accounts.run_all(list(by_account), Step.REFRESH, refresh, locked)
        for account_id in sorted(locked):
            alone = partial(self._refresh, by_account[account_id], skip_locked=False)
            await self._accounts.run(account_id, Step.REFRESH, alone)

    async def _refresh(self, live: Sequence[_Live], *, skip_locked: bool) -> list[AccountId]:
        """Returns the accounts that were skipped because they may be locked."""
        now = self._desk.clock()
        changed = [
            (watched, view, case)
            for watched, view in live
            if worth_an_event(view.case, case := recomputed(self._desk, watched, view.case, self._rates, now))
        ]
        if not changed:
            return []
        left_out = await self._store_refreshed(changed, now, skip_locked=skip_locked)
        self._desk.on_commit()
        return left_out

    async def _store_refreshed(
        self, changed: Sequence[tuple[WatchedAccount, CaseView, Case]], now: datetime, *, skip_locked: bool
    ) -> list[AccountId]:
        async with transaction():
            saved = await save_figures(
                [(case, watched.account.version) for watched, _, case in changed], skip_locked=skip_locked
            )
            events: list[Event] = [
                refreshed_event(
                    self._desk,
                    replace(view, symbols=watched.account.symbols),
                    CaseView(case, view.account, watched.account.symbols),
                    now,
                )
                for watched, view, case in changed
                if case.id in saved.stored
            ]
            await outbox.append(events)
        for watched, view, case in changed:
            if case.id in saved.stored:
                watched.cases = [
                    replace(each, case=case) if each.case.id == case.id else each for each in watched.cases
                ]
            else:
                self._to_load.add(view.case.account_id)
        return [case.account_id for _, _, case in changed if case.id in saved.absent] if skip_locked else []


def _statement(message: Message) -> BookChange:
    assert not isinstance(message, Quote | FxRate), "what became of each price is known"
    return message


def _by_account(views: Iterable[V], key: Callable[[V], AccountId]) -> dict[AccountId, list[V]]:
    grouped: dict[AccountId, list[V]] = defaultdict(list)
    for view in views:
        grouped[key(view)].append(view)
    return grouped
