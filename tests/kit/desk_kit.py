"""A desk for tests: a clock set by hand, accounts stored as needed, and the figures the database implies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from desk.assessment.assess_case import assess_account
from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler
from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.monitoring.watch_margin import Monitor
from desk.orders.cancel import Cancel, cancel
from desk.outcomes import LiquidationStarted
from domain.events import CaseView, OrderView
from domain.execution import ExecType, ExecutionReport
from domain.ids import AccountId, CaseId, ClientId, ExecutionId, OrderId, Symbol
from domain.liquidation_plan import LegRequest, PlanRequest
from domain.margin import AccountTerms, AccountType, CashBalance, MarginFigures, compute_figures
from domain.market import FactorSource, Instrument, InstrumentKind, MarginFactors, Quote, TradeStatus
from domain.money import Currency
from domain.order import Order
from domain.principal import EVERYTHING, Audience, Permission, Principal
from gateway.loops.policy import ROUND_FIRST_WAIT, ROUND_MAX_WAIT, attempt
from gateway.resources import make_calendars, make_desk
from gateway.settings import Settings, load_settings
from gateway.watch.calendars import Calendars
from models.book import load_books
from models.book_import import insert_account, insert_holdings
from models.case import live_cases_of, load_cases
from models.client import ClientRow, insert_client
from models.market import save_instrument, save_quotes
from models.order import load_orders
from models.sql.codec import event_from_text
from models.sql.database import fetch, transaction

NOON = datetime(2020, 3, 9, 16, 0, tzinfo=UTC)
"""A Monday in New York."""
USD = Currency("USD")
APPLE, BOEING = Symbol("AAPL.US"), Symbol("BA.US")
FACTORS = MarginFactors(
    Decimal(".40"), Decimal(".30"), Decimal(".35"), Decimal(".25"), FactorSource.INSTRUMENT
)
TRADER = Principal(
    "trader",
    Audience(frozenset({Permission.RISK_WARNING_FULL}), None),
    NOON,
    datetime(2100, 1, 1, tzinfo=UTC),
)


@dataclass(slots=True)
class Clock:
    """Stands still until it is moved."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass(slots=True)
class Counted:
    """How often the desk said that it had committed something."""

    times: int = 0

    def __call__(self) -> None:
        self.times += 1


@dataclass(slots=True)
class DeskKit:
    """The desk, its clock, and short ways to bring it into a state. Needs an active database."""

    clock: Clock = field(default_factory=Clock)
    committed: Counted = field(default_factory=Counted)
    settings: Settings = field(default_factory=lambda: load_settings(close_hold_s=0))
    desk: DeskContext = field(init=False)
    calendars: Calendars = field(init=False)

    def __post_init__(self) -> None:
        self.calendars = make_calendars(self.clock)
        self.desk = make_desk(self.settings, self.clock, self.committed, self.calendars)

    def monitor(self) -> Monitor:
        """A new one. What it sets aside waits by the clock of the kit."""
        return Monitor(self.desk, self.scheduler())

    def scheduler(self) -> FairScheduler:
        """Of a round over many."""
        return FairScheduler(attempt, self.clock, ROUND_FIRST_WAIT, ROUND_MAX_WAIT)

    async def instrument(
        self, symbol: Symbol, lot: int = 1, currency: Currency = USD, market: str = "XNYS"
    ) -> None:
        """A stock with `FACTORS` and a fee of 3 per 10,000."""
        instrument = Instrument(
            symbol,
            symbol,
            market,
            currency,
            InstrumentKind.STOCK,
            Decimal(lot),
            Decimal(1),
            Decimal("0.0003"),
            TradeStatus.TRADING,
        )
        await save_instrument(instrument, FACTORS, self.clock())

    async def account(
        self,
        account_no: str,
        cash: int,
        positions: Mapping[Symbol, int],
        account_type: AccountType = AccountType.MARGIN,
        financing_limit: int = 10**9,
        trading_limit: int = 0,
    ) -> AccountId:
        """A client with one account in USD; the positions' instruments are stored already."""
        client = ClientRow(ClientId(uuid4().hex), f"CL-{account_no}", f"Client of {account_no}", None)
        account_id = AccountId(uuid4().hex)
        await insert_client(client)
        terms = AccountTerms(account_type, USD, Decimal(financing_limit), Decimal(trading_limit))
        await insert_account(client, account_id, account_no, terms)
        await insert_holdings(
            account_id,
            [CashBalance(USD, Decimal(cash))],
            [(symbol, Decimal(quantity), None, None) for symbol, quantity in positions.items()],
            self.clock() - timedelta(hours=1),
        )
        return account_id

    async def quote(self, symbol: Symbol, price: str | int) -> Quote:
        """Bid, ask and last at `price`, now."""
        quote = quoted(symbol, price, self.clock())
        await save_quotes([quote])
        return quote

    async def assess(self, account_id: AccountId) -> None:
        async with transaction():
            await assess_account(self.desk, account_id, self.clock())

    async def indebted_account(self, account_no: str = "M1") -> AccountId:
        """2,000 shares at 100 with 150,000 of debt: USD 20,000.00 to collect, a MAINTENANCE case is open."""
        for symbol in (APPLE, BOEING):
            await self.instrument(symbol)
            await self.quote(symbol, 100)
        account_id = await self.account(account_no, -150_000, {APPLE: 1000, BOEING: 1000})
        await self.assess(account_id)
        return account_id

    async def figures(self, account_id: AccountId) -> MarginFigures:
        """What the database's book implies now."""
        book = (await load_books([account_id], self.desk.policy.books, self.clock()))[account_id].book
        return compute_figures(book, self.clock(), self.desk.policy.max_price_age)

    async def liquidate(self, case_id: CaseId, *legs: LegRequest, key: str = "") -> list[OrderView]:
        """The orders of an accepted liquidation, by leg."""
        item = LiquidateCase(case_id, None, PlanRequest(legs=legs or None))
        (outcome,) = await liquidate(self.desk, TRADER, Liquidate(key or uuid4().hex, (item,), None))
        assert isinstance(outcome, LiquidationStarted), outcome
        views = await load_orders(EVERYTHING, outcome.order_ids)
        return [views[id_] for id_ in outcome.order_ids]

    async def cancel(self, order_id: OrderId) -> None:
        """A trader wants the order gone."""
        await cancel(self.desk, TRADER, Cancel(uuid4().hex, (order_id,), None))

    async def one_order(self, quantity: int = 700) -> OrderView:
        """The only order, for AAPL, of the only case of a fresh indebted account; 700 shares cure it."""
        (case,) = await live_cases_of([await self.indebted_account()])
        (order,) = await self.liquidate(case.case.id, LegRequest(APPLE, Decimal(quantity)))
        return order


def report(
    order: Order,
    exec_type: ExecType,
    number: int,
    quantity: int = 0,
    price: str | int = 100,
    at: datetime | None = None,
) -> ExecutionReport:
    """What venue X says about the order, under its execution id `number`; when, if it says so. No fee."""
    trade = exec_type is ExecType.TRADE
    return ExecutionReport(
        "X",
        ExecutionId(str(number)),
        order.client_order_id,
        exec_type,
        at or order.updated_at,
        Decimal(quantity),
        Decimal(price if trade else 0),
        Decimal(0),
    )


def quoted(symbol: Symbol, price: str | int | Decimal, at: datetime) -> Quote:
    """Bid, ask and last at `price`, any size."""
    value = Decimal(price)
    return Quote(symbol, at, bid=value, ask=value, last=value)


async def order(order_id: OrderId) -> OrderView:
    """As the database has it."""
    return (await load_orders(EVERYTHING, [order_id]))[order_id]


async def case(case_id: CaseId) -> CaseView:
    """As the database has it."""
    return (await load_cases(EVERYTHING, [case_id]))[case_id]


async def position_of(account_id: AccountId, symbol: Symbol) -> Decimal:
    """Its quantity."""
    rows = await fetch(
        "SELECT quantity FROM position WHERE account_id = $1 AND instrument_id = $2", account_id, symbol
    )
    return Decimal(rows[0]["quantity"])


async def cash_of(account_id: AccountId, currency: Currency = USD) -> Decimal:
    """Its balance."""
    rows = await fetch(
        "SELECT balance FROM cash_balance WHERE account_id = $1 AND currency = $2", account_id, currency
    )
    return Decimal(rows[0]["balance"])


async def count(table: str, condition: str = "1 = 1") -> int:
    """How many rows of the table fulfil the condition."""
    return int((await fetch(f"SELECT COUNT(*) AS n FROM {table} WHERE {condition}"))[0]["n"])


async def deliver_events(monitor: Monitor, heard: int) -> int:
    """Tell the monitor what the bus would: events behind this place in the outbox. The new place."""
    for row in await fetch("SELECT id, payload FROM outbox WHERE id > $1 ORDER BY id", heard):
        heard = row["id"]
        monitor.note_event(event_from_text(row["payload"]))
    return heard
