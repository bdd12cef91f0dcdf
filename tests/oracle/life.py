"""A small desk that lives through random days: messages, trades, settings and passing time from one seed.

Messages reach it as the JSON of a feed. What was stated is kept beside it in a `Truth`, which knows nothing
of the desk; after each day everything is compared with the tables.
"""

import random
import shutil
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.orders.cancel import Cancel, cancel
from desk.orders.dispatch_orders import Dispatcher
from desk.orders.record_execution import record_execution
from desk.outcomes import LiquidationStarted
from domain.book_changes import TradeStatusStated
from domain.liquidation_plan import PlanRequest
from domain.liquidation_policy import LiquidationPolicy
from domain.margin import AmountRule
from domain.market import FactorSource, MarginFactors, Quote
from domain.order import OrderType
from domain.risk_settings import FactorSetting, SettingId, SettingKind, SettingValue, SettingVersion
from feeds.arrivals import AheadPolicy, Sorter
from feeds.base import FeedMessage, SetAside
from feeds.book_file import parse_book
from feeds.held import HeldMessages
from feeds.known_messages import KnownMessages
from gateway.startup.book_import import import_book
from gateway.watch.feed_watch import FeedWatch
from models.book import load_all_account_ids
from models.case import live_cases_of
from models.order import open_orders_of
from models.risk_setting import Concerned, insert_setting, next_number
from models.sql.database import Database, transaction
from tests.kit.desk_kit import TRADER, DeskKit, deliver_events
from tests.oracle.dump import dump
from tests.oracle.plans import Placed, wrong_plan
from tests.oracle.recompute import Limits
from tests.oracle.truth import Facts, Truth
from venues.paper import PaperVenue

FIRST_DAY = datetime(2020, 3, 9, 15, 0, tzinfo=UTC)
"""11:00 in New York, 23:00 in Hong Kong."""
STEPS_A_DAY = 14
ROUNDS_TO_SETTLE = 14
STOCKS = ("AAPL.US", "BA.US", "700.HK", "5.HK", "OLD.US")
OPTIONS = ("CALL.US", "PUT.US")
SPIN_OFF = "SPIN.US"
"""Has no price until one is stated."""
SYMBOLS = (*STOCKS, *OPTIONS)
KNOWN = (*SYMBOLS, SPIN_OFF)
ACCOUNTS = ("M1", "M2", "M3", "M4", "J1", "K1", "C1", "C2")
PAIRS = (("HKD", "USD", 0.128), ("USD", "HKD", 7.8), ("USD", "JPY", 107), ("JPY", "USD", 0.0093))
PAIRS_TO_KWD = (
    ("USD", "KWD", 0.3075),
    ("HKD", "KWD", 0.0394),
    ("JPY", "KWD", 0.00287),
    ("HKD", "JPY", 13.7),
    ("JPY", "HKD", 0.073),
)


_AHEAD = AheadPolicy(timedelta(seconds=60), timedelta(days=1))


class Life:
    """One desk; `day` lives a day, after which its books are at rest."""

    def __init__(self, kit: DeskKit, seed: int) -> None:
        self.kit, self.random, self.truth = kit, random.Random(seed), Truth()
        kit.clock.now = FIRST_DAY
        self.monitor = kit.monitor()
        self._venue = PaperVenue(kit.clock)
        self._reports = self._venue.reports()
        self._dispatcher = Dispatcher(kit.desk, self._venue, batch=100)
        self._watch = FeedWatch(kit.desk, timedelta(days=1))
        self._held, self._before = HeldMessages(1000), KnownMessages()
        self._waiting: list[Mapping[str, Any]] = []
        """What was stated far ahead of the clock."""
        self._unusable: dict[str, datetime] = {}
        """As of when something was stated last that the desk could not hold, by account and subject."""
        self._furthest_ahead: dict[tuple[str | None, ...], datetime] = {}
        """Of what was a little ahead of the clock: the furthest time stated, by what it is about."""
        self._heard = self._entries = 0
        self.prices = dict(zip(SYMBOLS, map(Decimal, (100, 50, 400, 60, 20, 6, 4)), strict=True))
        self.silent: set[str] = set()
        """Symbols whose price is not stated again before the desk settles."""
        self.wrong_plans: list[str] = []
        self.history: list[str] = []
        """What happened, to be printed where something differs."""

    @property
    def now(self) -> datetime:
        """The desk's clock."""
        return self.kit.clock.now

    async def open(self) -> None:
        """Bring the book in and state the first prices."""
        book = _book(self.random)
        await import_book(parse_book(orjson.dumps(book)), self.now - timedelta(hours=6), lambda done: None)
        self._learn_book(book, self.now - timedelta(hours=6))
        await self.hear(*(self.quote(symbol) for symbol in SYMBOLS), *self.rates())
        await self.monitor.follow_settings()
        await self.monitor.note_everything()

    def _learn_book(self, book: Mapping[str, Any], at: datetime) -> None:
        for instrument in book["instruments"]:
            self.truth.put_status(instrument["symbol"], "TRADING", at)
        for rate in book["fx"]:
            self.truth.rates.put(_pair(rate), Fraction(rate["rate"]), at)
        for client in book["clients"]:
            for account in client["accounts"]:
                number = account["accountNo"]
                for cash in account["cash"]:
                    self.truth.cash.put(f"{number}/{cash['currency']}", Fraction(cash["balance"]), at)
                for held in account["positions"]:
                    self.truth.positions.put(f"{number}/{held['symbol']}", Fraction(held["quantity"]), at)

    # What the feed says ------------------------------------------------------------------------------

    async def hear(self, *bodies: Mapping[str, Any]) -> None:
        """What a feed delivers of these messages, in this order, and of those that waited for their time."""
        # No two things happen at the same moment.
        self.kit.clock.pass_(milliseconds=1)
        await self._deliver_due()
        entries = []
        for body in bodies:
            self.history.append(f"{self.now:%d %H:%M:%S} {orjson.dumps(body).decode()}")
            self._entries += 1
            entries.append((f"{self._entries}-0".encode(), orjson.dumps({"v": 1, **body})))
        arrivals = Sorter(_AHEAD, self._held, self._before).sort("oracle", entries, self.now)
        batch = arrivals.batch()
        if batch is not None:
            await self._take(batch.messages, batch.ahead)
        await self._watch.set_aside([SetAside("oracle", dead.outcome) for dead in arrivals.dead])
        for body in bodies:
            self._learn(body)

    async def _deliver_due(self) -> None:
        """A feed looks at what it holds before it reads on."""
        for _, due in self._held.take_due(self.now, most=100):
            await self._take([message for _, message in due])
        for body in self._waiting:
            if _stated_at(body) <= self.now:
                self._learn(body)
        self._waiting = [body for body in self._waiting if _stated_at(body) > self.now]

    async def _take(self, messages: Sequence[FeedMessage], ahead: Collection[int] = ()) -> None:
        for message in (await self.monitor.take(messages, ahead)).used:
            if isinstance(message, Quote):
                self._venue.on_quote(message)
            elif isinstance(message, TradeStatusStated):
                self._venue.on_trade_status(message.symbol, message.status)

    def _learn(self, body: Mapping[str, Any]) -> None:
        """What a reader of docs/feeds.md expects the desk to hold afterwards."""
        stated = _stated_at(body)
        if stated - self.now > _AHEAD.tolerance:
            self._waiting.append(body)
            return
        at = self._counts_as_of(body, stated)
        if at is None:
            return
        match body["type"]:
            case "quote" if body["symbol"] in KNOWN and body.get("last") != "many":
                value = tuple(_fraction(body.get(name)) for name in ("bid", "ask", "last", "previousClose"))
                self.truth.quotes.put(body["symbol"], value, at)
            case "fx":
                self.truth.rates.put(_pair(body), Fraction(body["rate"]), at)
            case "cash" if body["accountNo"] in ACCOUNTS:
                self._learn_statement(self.truth.cash, body["currency"], body["balance"], body, at)
            case "position" if body["accountNo"] in ACCOUNTS:
                self._learn_statement(self.truth.positions, body["symbol"], body["quantity"], body, at)
            case "tradeStatus":
                self.truth.put_status(body["symbol"], body["status"], at)

    def _counts_as_of(self, body: Mapping[str, Any], stated: datetime) -> datetime | None:
        """None: another one about the same, further ahead of the clock, is known."""
        if stated <= self.now:
            return stated
        if self._one_further_ahead_is_known(body, stated):
            return None
        if body["type"] != "quote":
            return self.now
        # A little before it came, and not before the last: its time says nothing about the order.
        known = self.truth.quotes.get(body["symbol"])
        uncertain = self.now - timedelta(seconds=5)
        return max(uncertain, known.as_of) if known else uncertain

    def _one_further_ahead_is_known(self, body: Mapping[str, Any], stated: datetime) -> bool:
        """Of several about the same that are ahead of the clock the furthest counts."""
        about = tuple(body.get(name) for name in ("type", "symbol", "accountNo", "currency"))
        known = self._furthest_ahead.setdefault(about, stated)
        self._furthest_ahead[about] = max(known, stated)
        return stated < known

    def _learn_statement(
        self, facts: Facts[Fraction], of: str, value: str, body: Mapping[str, Any], at: datetime
    ) -> None:
        subject = f"{body['accountNo']}/{of}"
        known = facts.get(subject)
        if known is not None and at < known.as_of:
            return
        storable = value != "many" and ("symbol" not in body or of in KNOWN)
        if storable:
            facts.put(subject, Fraction(value), at)
        unusable = self._unusable.get(subject)
        if unusable is not None and at < unusable:
            return  # What could not be used is newer, and still unknown.
        if storable or value == "0":
            self.truth.incomplete.discard(subject)
        else:
            self._unusable[subject] = at
            self.truth.incomplete.add(subject)

    def quote(self, symbol: str, at: datetime | None = None) -> dict[str, Any]:
        """What the market says of it now; sometimes only a part."""
        price = self.prices[symbol]
        step = Decimal("0.02") if price > 1 else Decimal("0.01")
        body = {"type": "quote", "symbol": symbol, "at": _text(at or self.now)}
        whole = {"bid": f"{price - step:f}", "ask": f"{price + step:f}", "last": f"{price:f}"}
        parts = self.random.choices(
            [
                whole,
                {"last": whole["last"]},
                {"previousClose": whole["last"]},
                whole | {"bidSize": "300", "askSize": "300"},
            ],
            [12, 1, 1, 3],
        )[0]
        return body | parts

    def rates(self) -> list[dict[str, Any]]:
        """All rates, near where they were."""
        bodies = []
        for base, quoted, rate in (*PAIRS, *PAIRS_TO_KWD):
            moved = Decimal(repr(rate)) * (1 + Decimal(self.random.randint(-20, 20)) / 1000)
            bodies.append(
                {
                    "type": "fx",
                    "baseCurrency": base,
                    "quoteCurrency": quoted,
                    "rate": f"{round(moved, 6):f}",
                    "at": _text(self.now),
                }
            )
        return bodies

    # What happens ------------------------------------------------------------------------------------

    async def day(self) -> None:
        """A trading day: things happen, then the market stands still until the desk is at rest."""
        for _ in range(STEPS_A_DAY):
            await self._step()
        await self.settle()

    async def night(self) -> None:
        """To the next weekday at a random time of the session in New York."""
        day = self.now + timedelta(days=1)
        while day.weekday() > 4:
            day += timedelta(days=1)
        self.kit.clock.now = day.replace(hour=self.random.randint(14, 18), minute=self.random.randint(0, 59))
        self.silent = set(self.random.sample(SYMBOLS, self.random.choice([0, 0, 0, 1, 2])))
        # The monitor looks through every account now and then: time alone changes what options are worth.
        await self.monitor.note_everything()

    async def settle(self) -> None:
        """Fresh prices, but for the silent ones, and nothing else until nothing happens any more."""
        await self.hear(
            *(self.quote(symbol) for symbol in SYMBOLS if symbol not in self.silent), *self.rates()
        )
        for _ in range(ROUNDS_TO_SETTLE):
            await self.work()
            await self.monitor.refresh()

    async def work(self) -> None:
        """What the workers do in a moment."""
        await self._deliver_due()
        self._heard = await deliver_events(self.monitor, self._heard)
        await self.monitor.look()
        self.kit.clock.pass_(milliseconds=1)
        await self._dispatcher.dispatch()
        while self._venue.unconfirmed:
            self.kit.clock.pass_(milliseconds=1)
            report = await anext(self._reports)
            await record_execution(self.kit.desk, report)
            await self._venue.confirm(report)

    async def _step(self) -> None:
        happenings = {
            self._prices_move: 10,
            self._old_and_new_prices_in_one_batch: 2,
            self._book_is_stated: 4,
            self._a_clock_is_ahead: 2,
            self._status_is_stated: 2,
            self._trader_liquidates: 5,
            self._trader_cancels: 1,
            self._time_passes: 4,
            self._something_odd: 3,
            self._a_rule_changes: 1,
        }
        (happens,) = self.random.choices(list(happenings), list(happenings.values()))
        await happens()
        if self.random.random() < 0.6:
            await self.work()
        if self.random.random() < 0.2:
            await self.monitor.refresh()

    def _move(self, symbol: str) -> None:
        factor = Decimal(self.random.randint(82, 120)) / 100
        self.prices[symbol] = max(Decimal("0.5"), round(self.prices[symbol] * factor, 2))

    async def _prices_move(self) -> None:
        moved = self.random.sample(SYMBOLS, self.random.randint(1, 3))
        for symbol in moved:
            self._move(symbol)
        await self.hear(*map(self.quote, moved))

    async def _old_and_new_prices_in_one_batch(self) -> None:
        symbol = self.random.choice(SYMBOLS)
        bodies = []
        for age in self.random.sample([0, 5, 30, 300], 3):
            self._move(symbol)
            bodies.append(self.quote(symbol, self.now - timedelta(seconds=age)))
        await self.hear(*bodies, self.random.choice(bodies))

    async def _book_is_stated(self) -> None:
        number = self.random.choice(ACCOUNTS)
        as_of = _text(self.now - timedelta(seconds=self.random.choice([0, 5, 300, 20_000])))
        if self.random.random() < 0.5:
            currency = self.random.choice(["USD", "USD", "HKD", "JPY"])
            scale = {"USD": 1000, "HKD": 8000, "JPY": 100_000}[currency]
            balance = self.random.choice([0, *range(-120, 60, 7)]) * scale
            body = {
                "type": "cash",
                "currency": currency,
                "balance": f"{balance}.{self.random.choice([0, 5])}",
            }
        else:
            symbol = self.random.choice(SYMBOLS)
            body = {"type": "position", "symbol": symbol, "quantity": str(self.random.randint(-4, 16) * 100)}
        body |= {"accountNo": number, "asOf": as_of}
        await self.hear(*[body] * self.random.choice([1, 1, 2]))

    async def _a_clock_is_ahead(self) -> None:
        """Of the source of the statement, by a little or by more than the feed lets pass at once."""
        ahead = self.now + timedelta(seconds=self.random.choice([1, 50, 70, 400, 4000]))
        symbol = self.random.choice(SYMBOLS)
        self._move(symbol)
        body = self.random.choice(
            [
                self.quote(symbol, ahead),
                {
                    "type": "cash",
                    "accountNo": self.random.choice(ACCOUNTS),
                    "currency": "USD",
                    "balance": str(self.random.randint(-90, 10) * 1000),
                    "asOf": _text(ahead),
                },
            ]
        )
        await self.hear(body)

    async def _status_is_stated(self) -> None:
        symbol = self.random.choice(STOCKS)
        statuses = ["TRADING", "TRADING", "HALTED", "SUSPENDED", "SUSPENDED"]
        if symbol == "OLD.US":
            statuses.append("DELISTED")
        at = self.now - timedelta(seconds=self.random.choice([0, 0, 3600]))
        body = {
            "type": "tradeStatus",
            "symbol": symbol,
            "status": self.random.choice(statuses),
            "at": _text(at),
        }
        await self.hear(*[body] * self.random.choice([1, 2]))

    async def _something_odd(self) -> None:
        number, now = self.random.choice(ACCOUNTS), _text(self.now)
        odd: list[dict[str, Any]] = [
            {"type": "position", "accountNo": number, "symbol": SPIN_OFF, "quantity": "100", "asOf": now},
            {"type": "position", "accountNo": number, "symbol": SPIN_OFF, "quantity": "-50", "asOf": now},
            {"type": "position", "accountNo": number, "symbol": SPIN_OFF, "quantity": "0", "asOf": now},
            {"type": "cash", "accountNo": number, "currency": "CHF", "balance": "0", "asOf": now},
            {"type": "cash", "accountNo": number, "currency": "CHF", "balance": "0.01", "asOf": now},
            {"type": "cash", "accountNo": number, "currency": "CHF", "balance": "-25", "asOf": now},
            {"type": "quote", "symbol": "NOPE.US", "at": now, "last": "1"},
            {"type": "quote", "symbol": "AAPL.US", "at": now, "last": "many"},
            {"type": "cash", "accountNo": "NOBODY", "currency": "USD", "balance": "1", "asOf": now},
            {"type": "cash", "accountNo": number, "currency": "HKD", "balance": "many", "asOf": now},
            {"type": "cash", "accountNo": number, "currency": "HKD", "balance": "0", "asOf": now},
            {"type": "position", "accountNo": number, "symbol": "NEW.US", "quantity": "7", "asOf": now},
            {"type": "position", "accountNo": number, "symbol": "NEW.US", "quantity": "0", "asOf": now},
            {"type": "position", "accountNo": number, "symbol": "NEW.US", "quantity": "0", "asOf": now},
        ]
        await self.hear(self.random.choice(odd))

    async def _trader_liquidates(self) -> None:
        cases = sorted(
            await live_cases_of(await load_all_account_ids()),
            key=lambda view: (view.account.account_no, view.case.alert_type),
        )
        if not cases:
            return
        view = self.random.choice(cases)
        policy = self.random.choice(list(LiquidationPolicy))
        order_type = self.random.choice([OrderType.LIMIT, OrderType.MARKET])
        number = view.account.account_no
        item = LiquidateCase(view.case.id, None, PlanRequest(policy, order_type=order_type))
        before = await dump()
        (outcome,) = await liquidate(self.kit.desk, TRADER, Liquidate(uuid4().hex, (item,), None))
        self.history.append(f"{self.now:%d %H:%M:%S} liquidate {number} {policy}: {outcome}")
        if isinstance(outcome, LiquidationStarted):
            rows = {row["id"]: row for row in (await dump()).tables["liquidation_order"]}
            orders = tuple(rows[id_] for id_ in outcome.order_ids)
            minimal = policy is not LiquidationPolicy.ALL
            placed = Placed(number, view.case.alert_type, Fraction(outcome.amount_after), minimal, orders)
            wrong = wrong_plan(before, placed, self.now, Limits())
            self.wrong_plans += [f"{number} {policy} {order_type}: {line}" for line in wrong]

    async def _a_rule_changes(self) -> None:
        """Approved by now, and effective from now on."""
        symbol = self.random.choice(STOCKS)
        low = Decimal(self.random.randint(15, 60)) / 100
        initial, maintenance, margin_call = (low + Decimal(step) / 100 for step in (15, 5, 10))
        factors = MarginFactors(initial, maintenance, margin_call, low, FactorSource.INSTRUMENT)
        choices: list[tuple[SettingKind, str, SettingValue]] = [
            (SettingKind.INSTRUMENT_FACTORS, symbol, FactorSetting(factors)),
            (SettingKind.INSTRUMENT_FACTORS, symbol, FactorSetting(None)),
            (SettingKind.AMOUNT_RULE, "MARGIN", AmountRule(Decimal("1.1"), with_interest=False)),
            (SettingKind.AMOUNT_RULE, "MARGIN", AmountRule(on_equity=True)),
            (SettingKind.AMOUNT_RULE, "MARGIN", AmountRule(over_financing_triggers=True)),
            (SettingKind.AMOUNT_RULE, "MARGIN", AmountRule()),
        ]
        kind, subject, value = self.random.choice(choices)
        self.history.append(f"{self.now:%d %H:%M:%S} {kind} of {subject}: {value}")
        async with transaction():
            version = SettingVersion(
                SettingId(uuid4().hex),
                await next_number(),
                kind,
                subject,
                value,
                None,
                self.now,
                "mary",
                self.now,
                "carl",
                self.now,
                "a random day",
            )
            await insert_setting(version, Concerned())
        await self.monitor.follow_settings()

    async def _trader_cancels(self) -> None:
        orders = [view.order for view in await open_orders_of(await load_all_account_ids())]
        for each in sorted(orders, key=lambda order: (order.symbol, order.quantity))[:2]:
            await cancel(self.kit.desk, TRADER, Cancel(uuid4().hex, (each.id,), None))

    async def _time_passes(self) -> None:
        self.kit.clock.pass_(seconds=self.random.choice([1, 5, 20, 90]))


@asynccontextmanager
async def a_life(migrated: Path, directory: Path, seed: int) -> AsyncIterator[Life]:
    """On a database of its own."""
    path = directory / f"{uuid4().hex}.sqlite3"
    shutil.copyfile(migrated, path)
    database = Database(f"sqlite://{path}", pool_size=1)
    await database.open()
    try:
        with database.active():
            life = Life(DeskKit(), seed)
            await life.open()
            yield life
    finally:
        await database.close()
        path.unlink(missing_ok=True)


def _book(draw: random.Random) -> dict[str, Any]:
    factors = {"initial": "0.40", "maintenance": "0.30", "marginCall": "0.35", "forceClose": "0.25"}
    instruments: list[dict[str, Any]] = [
        _instrument("AAPL.US", factors=factors),
        _instrument("BA.US", lotSize="10", factors=factors),
        _instrument(
            "700.HK", market="XHKG", currency="HKD", lotSize="100", factors=factors, feeRate="0.0013"
        ),
        _instrument("5.HK", market="XHKG", currency="HKD", lotSize="400"),
        _instrument("OLD.US", factors=factors),
        _instrument(SPIN_OFF, factors=factors),
    ]
    for symbol, right, strike in (("CALL.US", "CALL", "95"), ("PUT.US", "PUT", "105")):
        expiry = date(2020, 3, 9) + timedelta(days=draw.randint(1, 15))
        terms = {"underlying": "AAPL.US", "right": right, "strike": strike, "expiry": expiry.isoformat()}
        instruments.append(
            _instrument(symbol, kind="OPTION", multiplier="100", option=terms, factors=factors)
        )
    fx = [
        {"baseCurrency": base, "quoteCurrency": quoted, "rate": repr(rate)}
        for base, quoted, rate in (*PAIRS, *PAIRS_TO_KWD)
    ]
    types = {"C": "CASH"}
    bases = {"J1": "JPY", "K1": "KWD", "M2": "HKD", "C2": "HKD"}
    clients = [
        {
            "clientNo": f"CL-{number}",
            "name": f"Client of {number}",
            "accounts": [_account(draw, number, types.get(number[0], "MARGIN"), bases.get(number, "USD"))],
        }
        for number in ACCOUNTS
    ]
    return {"version": 1, "instruments": instruments, "fx": fx, "clients": clients}


def _instrument(symbol: str, **more: Any) -> dict[str, Any]:
    stock = {"symbol": symbol, "name": symbol, "market": "XNYS", "currency": "USD", "feeRate": "0.0003"}
    return stock | more


def _account(draw: random.Random, number: str, kind: str, base: str) -> dict[str, Any]:
    held = draw.sample(SYMBOLS[:5], draw.randint(1, 3))
    positions = [{"symbol": symbol, "quantity": str(draw.choice([-3, 4, 8, 12]) * 100)} for symbol in held]
    if kind == "MARGIN" and draw.random() < 0.6:
        option = draw.choice(OPTIONS)
        positions.append(
            {"symbol": option, "quantity": str(draw.choice([-4, -2, 5, 10])), "averageCost": "5"}
        )
    debit = draw.choice([-90, -60, -30, 5]) * 1000
    cash = [{"currency": "USD", "balance": str(debit), "accruedInterest": draw.choice(["0", "10.01"])}]
    return {
        "accountNo": number,
        "type": kind,
        "baseCurrency": base,
        "financingLimit": draw.choice(["1000000000", "40000"]) if kind == "MARGIN" else "0",
        "tradingLimit": draw.choice(["0", "0", "500"]),
        "cash": cash,
        "positions": positions,
    }


def _stated_at(body: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(body.get("at") or body["asOf"])


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _pair(rate: Mapping[str, Any]) -> str:
    return f"{rate['baseCurrency']}/{rate['quoteCurrency']}"


def _fraction(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)
