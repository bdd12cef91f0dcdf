"""Accounts with their cash, positions, factors and prices: the inputs of margin figures."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal

from domain.case import AlertType
from domain.doubt import Doubt, DoubtReason
from domain.events import AccountReference
from domain.expiry import ExpiryPolicy, life_of
from domain.ids import AccountId, ClientId, Symbol
from domain.margin import AccountTerms, AccountType, AmountRule, Book, CashBalance, Holding
from domain.market import (
    DEFAULT_FACTORS,
    FactorSource,
    FxRate,
    Instrument,
    InstrumentKind,
    MarginFactors,
    OptionRight,
    OptionTerms,
    Place,
    Quote,
    TradeStatus,
)
from domain.money import Currency
from domain.reporting import ReportingRate, reporting_rate
from domain.risk_settings import RiskPolicy, SettingKind, client_factor_subject
from models.doubt import StoredDoubt, doubts_of
from models.risk_policy import RiskPolicyCache
from models.risk_setting import LATEST_ID, counting_value, factors_from_text, readable_factors
from models.sql.database import Row, fetch, fetch_one, for_update, placeholders
from models.sql.pace import Pace
from models.sql.readable import readable
from models.sql.unreadable import reads
from models.sql.values import currency, decimal, decimal_or_none, time, time_or_none, with_values

ACCOUNT_COLUMNS = (
    "a.id AS account_id, a.account_no, a.type AS account_type, a.base_currency, "
    "a.client_id, k.client_no, k.name AS client_name"
)
"""With ``account a JOIN client k``: the columns that `account_reference` reads."""

INSTRUMENT_COLUMNS = (
    "i.symbol, i.name, i.market, i.currency, i.kind, i.lot_size, i.multiplier, i.fee_rate, i.trade_status, "
    "i.suspended_since, i.average_daily_volume, i.tick, i.negative_prices,"
    " i.underlying, i.option_right, i.strike, i.expiry"
)
UNDERLYING_INSTRUMENT = ", ".join(
    f"(SELECT n.{column} FROM instrument n WHERE n.symbol = i.underlying) AS underlying_{name}"
    for column, name in (("negative_prices", "negative"), ("kind", "kind"), ("market", "market"))
)
"""Of an option's underlying: whether its price may fall below 0, its kind and market; null for other
instruments.
"""
QUOTE_COLUMNS = "q.at, q.bid, q.ask, q.last_price, q.previous_close, q.bid_size, q.ask_size"
UNDERLYING_COLUMNS = ", ".join(
    f"u.{name} AS u_{name}"
    for name in ("at", "bid", "ask", "last_price", "previous_close", "bid_size", "ask_size")
)
"""With ``LEFT JOIN quote u ON u.symbol = i.underlying``: the columns that `underlying_from_row` reads."""

_SYMBOL, _CLIENT_AND_SYMBOL = "p.instrument_id", "a.client_id || ':' || p.instrument_id"
FACTOR_COLUMNS = ("initial_factor", "maintenance_factor", "margin_call_factor", "force_close_factor")


def always_utc(market: str) -> tzinfo:
    """The time zone if no markets are configured."""
    return UTC


def never_flat(base_currency: Currency, now: datetime) -> bool:
    """The rule if no trading day is configured."""
    return False


@dataclass(frozen=True, slots=True)
class BookPolicy:
    """The settings that turn rows into a `Book`."""

    suspended_dead_after: timedelta
    reporting_currency: Currency
    settings: RiskPolicyCache = field(default_factory=RiskPolicyCache)
    """The source of the rules in force."""
    must_be_flat: Callable[[Currency, datetime], bool] = never_flat
    """Whether intraday accounts in this base currency must be flat at that moment, near the close."""
    expiry: ExpiryPolicy = field(default_factory=ExpiryPolicy)
    zone_of: Callable[[str], tzinfo] = always_utc
    """The time zone of a market."""


@dataclass(frozen=True, slots=True)
class BookConditions:
    """The moment, the rules in force and the rates that all books of one reading share."""

    at: datetime
    policy: BookPolicy
    risk: RiskPolicy
    rates: Mapping[Currency, Mapping[Currency, FxRate]]
    """Base currency of an account -> currency -> the rate into it."""


@dataclass(frozen=True, slots=True)
class AccountBook:
    """An account's book with its owner and its version, which grows with every change of the book."""

    account: AccountReference
    book: Book
    version: int
    close_only: bool
    client_group: str | None
    policy: RiskPolicy
    """The rules in force when the book was read."""
    reporting: ReportingRate
    """The reporting rate of the base currency when the book was read."""
    written_off: frozenset[AlertType] = frozenset()
    """Kinds of call whose debt was written off and whose breach still lasts: they open no new case."""
    doubts: tuple[Doubt, ...] = ()
    """Stored reasons why the desk cannot judge the account; the oldest first."""
    doubtful_factors: tuple[Symbol, ...] = ()
    """Positions with factors of an earlier setting, because the later one cannot be read."""

    @property
    def incomplete(self) -> bool:
        """A statement about the account could not be stored: the desk opens, closes and sells nothing
        automatically.
        """
        return self.book.incomplete

    @property
    def has_doubtful_settings(self) -> bool:
        """Whether a setting that the figures or a sale may depend on cannot be read, so that an earlier one
        applies.
        """
        account = self.account
        return bool(self.doubtful_factors) or any(
            each.concerns(account.account_id, account.client_id, account.account_type)
            for each in self.policy.unreadable
        )

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The symbols that the account holds."""
        return tuple(held.instrument.symbol for held in self.book.holdings)


async def lock_accounts(account_ids: Sequence[AccountId], *, wait: bool = True) -> None:
    """Take the lock that precedes every change of an account's money, cases or orders (ids sorted).

    Without `wait`, `Busy` at once if another transaction holds one of them.
    """
    await fetch(
        f"SELECT a.id FROM account a WHERE a.id IN ({placeholders(account_ids)})"
        f" ORDER BY a.id{for_update('a', wait=wait)}",
        *account_ids,
    )


async def load_books(
    account_ids: Sequence[AccountId], policy: BookPolicy, now: datetime, factors_at: datetime | None = None
) -> dict[AccountId, AccountBook]:
    """The books of these accounts, in a number of statements that does not depend on theirs.

    With the risk rules in force at `now`, and the factors effective at `factors_at`, which differs from `now`
    for a look-ahead.
    """
    read = await read_books(account_ids, policy, now, factors_at)
    return {} if read is None else read.books()


async def read_books(
    account_ids: Sequence[AccountId], policy: BookPolicy, now: datetime, factors_at: datetime | None = None
) -> "BooksRead | None":
    """What `load_books` reads; None: no such account."""
    if not account_ids:
        return None
    marks = placeholders(account_ids)
    accounts = await fetch(
        f"SELECT {ACCOUNT_COLUMNS}, a.financing_limit, a.trading_limit, a.outstanding_margin,"
        " a.book_version, a.close_only, a.written_off_alerts, k.client_group,"
        f" ({LATEST_ID}) AS latest_setting FROM account a JOIN client k ON k.id = a.client_id"
        f" WHERE a.id IN ({marks})",
        *account_ids,
    )
    if not accounts:
        return None
    risk = await policy.settings.as_of(accounts[0]["latest_setting"], now)
    at = f"${len(account_ids) + 1}"
    positions = await fetch(
        f"SELECT p.account_id, a.client_id, p.quantity, p.average_cost, {INSTRUMENT_COLUMNS},"
        f" {QUOTE_COLUMNS}, {UNDERLYING_COLUMNS}, {UNDERLYING_INSTRUMENT}, "
        + ", ".join(f"i.{factor}, f.{factor} AS client_{factor}" for factor in FACTOR_COLUMNS)
        + f", ({counting_value(SettingKind.INSTRUMENT_FACTORS, _SYMBOL, at)}) AS instrument_setting"
        f", ({counting_value(SettingKind.CLIENT_FACTORS, _CLIENT_AND_SYMBOL, at)}) AS client_setting"
        " FROM position p JOIN account a ON a.id = p.account_id"
        " JOIN instrument i ON i.symbol = p.instrument_id"
        " LEFT JOIN quote q ON q.symbol = p.instrument_id LEFT JOIN quote u ON u.symbol = i.underlying"
        " LEFT JOIN client_factor f ON f.client_id = a.client_id AND f.instrument_id = p.instrument_id"
        f" WHERE p.account_id IN ({marks}) ORDER BY p.instrument_id",
        *account_ids,
        factors_at or now,
    )
    cash = await fetch(
        "SELECT account_id, currency, balance, accrued_interest FROM cash_balance"
        f" WHERE account_id IN ({marks}) ORDER BY currency",
        *account_ids,
    )
    conditions = BookConditions(now, policy, risk, rates_by_base(await load_fx_rates()))
    positions = [await _with_readable_factors(row, factors_at or now) for row in positions]
    return BooksRead(accounts, positions, cash, await doubts_of(account_ids), conditions)


async def _with_readable_factors(row: Row, at: datetime) -> Row:
    symbol, of_client = row["symbol"], client_factor_subject(row["client_id"], row["symbol"])
    texts = {
        "instrument_setting": (SettingKind.INSTRUMENT_FACTORS, symbol),
        "client_setting": (SettingKind.CLIENT_FACTORS, of_client),
    }
    if all(row[column] is None for column in texts):
        return row
    read = {
        column: await readable_factors(kind, subject, row[column], at)
        for column, (kind, subject) in texts.items()
    }
    mended = {column: each.text for column, each in read.items()}
    return with_values(row, **mended, doubtful=any(each.doubtful for each in read.values()))


async def load_fx_rates() -> list[FxRate]:
    """Every stated rate that can be read; accounts that need an unreadable one have no rate."""
    rows = await fetch("SELECT pair, base_currency, quote_currency, rate, at FROM fx_rate")
    return readable(rows, fx_rate_from_row, "fx_rate", "pair")


@reads("fx_rate", "pair")
def fx_rate_from_row(row: Row) -> FxRate:
    """From a row with the pair, its currencies, the rate and its time."""
    return FxRate(
        currency(row["base_currency"]),
        currency(row["quote_currency"]),
        decimal(row["rate"]),
        time(row["at"]),
    )


async def load_base_currencies() -> list[Currency]:
    """The base currencies of accounts."""
    rows = await fetch("SELECT DISTINCT base_currency FROM account ORDER BY base_currency")
    return base_currencies_from_rows(rows)


def base_currencies_from_rows(rows: Sequence[Row]) -> list[Currency]:
    """Their readable base currencies; for queries in other modules as well."""
    return readable(rows, _base_currency, "account", "base_currency")


def _base_currency(row: Row) -> Currency:
    return currency(row["base_currency"])


async def load_all_account_ids() -> list[AccountId]:
    """The ids of all accounts."""
    return [AccountId(row["id"]) for row in await fetch("SELECT id FROM account ORDER BY id")]


async def count_accounts() -> int:
    """The number of accounts."""
    row = await fetch_one("SELECT COUNT(*) AS accounts FROM account")
    assert row is not None
    return int(row["accounts"])


def alerts_from_text(text: str | None) -> frozenset[AlertType]:
    """From the column `account.written_off_alerts`."""
    return frozenset(AlertType(name) for name in text.split(",")) if text else frozenset()


@reads("account", "account_id")
def account_reference(row: Row) -> AccountReference:
    """The account's owner, from a row with `ACCOUNT_COLUMNS`."""
    return AccountReference(
        AccountId(row["account_id"]),
        row["account_no"],
        AccountType(row["account_type"]),
        currency(row["base_currency"]),
        ClientId(row["client_id"]),
        row["client_no"],
        row["client_name"],
    )


@reads("instrument", "symbol")
def instrument_from_row(row: Row) -> Instrument:
    """From a row with `INSTRUMENT_COLUMNS`."""
    status = TradeStatus(row["trade_status"])
    return Instrument(
        symbol=Symbol(row["symbol"]),
        name=row["name"],
        market=row["market"],
        currency=currency(row["currency"]),
        kind=InstrumentKind(row["kind"]),
        lot_size=decimal(row["lot_size"]),
        multiplier=decimal(row["multiplier"]),
        fee_rate=decimal(row["fee_rate"]),
        trade_status=status,
        suspended_since=time_or_none(row["suspended_since"]) if status is TradeStatus.SUSPENDED else None,
        average_daily_volume=decimal_or_none(row["average_daily_volume"]),
        tick=row["tick"],
        # An earlier version accepted it for options too, whose premium is never negative.
        negative_prices=bool(row["negative_prices"]) and row["kind"] != InstrumentKind.OPTION,
        option=None if row["underlying"] is None else _option_terms(row),
    )


def _option_terms(row: Row) -> OptionTerms:
    return OptionTerms(
        Symbol(row["underlying"]),
        OptionRight(row["option_right"]),
        decimal(row["strike"]),
        date.fromisoformat(row["expiry"]),
    )


@reads("quote", "symbol")
def quote_from_row(row: Row) -> Quote | None:
    """From a row with `QUOTE_COLUMNS` and ``symbol``.

    None if the join found no quote, or one without any price: an earlier version accepted a previous close of
    0 as a price.
    """
    if row["at"] is None:
        return None
    prices = {
        field: decimal_or_none(row[column])
        for field, column in (
            ("bid", "bid"),
            ("ask", "ask"),
            ("last", "last_price"),
            ("previous_close", "previous_close"),
            ("bid_size", "bid_size"),
            ("ask_size", "ask_size"),
        )
    }
    try:
        return Quote(symbol=Symbol(row["symbol"]), at=time(row["at"]), **prices)
    except ValueError:
        return None


@reads("instrument", "underlying")
def underlying_place_from_row(row: Row) -> Place | None:
    """The place of an option's underlying, from a row with `UNDERLYING_INSTRUMENT`; None if there is none or
    it is unknown.
    """
    if row["underlying_kind"] is None:
        return None
    return Place(InstrumentKind(row["underlying_kind"]), row["underlying_market"])


def underlying_from_row(row: Row) -> Quote | None:
    """The quote of an option's underlying, from a row with `UNDERLYING_COLUMNS`."""
    if row["u_at"] is None:
        return None
    columns = {name.removeprefix("u_"): row[name] for name in row if name.startswith("u_")}
    return quote_from_row({**columns, "symbol": row["underlying"]})


@reads("instrument", "symbol")
def factors_from_row(row: Row) -> MarginFactors:
    """The client's factors if there are any, otherwise the instrument's, otherwise the default.

    On each level the risk settings have priority over statements.
    """
    for prefix, source in (("client_", FactorSource.CLIENT), ("", FactorSource.INSTRUMENT)):
        factors = _set_factors(row[f"{prefix or 'instrument_'}setting"]) or stated_factors(
            row, prefix, source
        )
        if factors is not None:
            return factors
    return DEFAULT_FACTORS


def _set_factors(text: str | None) -> MarginFactors | None:
    return None if text is None else factors_from_text(text)


def stated_factors(row: Row, prefix: str, source: FactorSource) -> MarginFactors | None:
    """From the columns with the prefix; None if they are empty."""
    if row[f"{prefix}{FACTOR_COLUMNS[0]}"] is None:
        return None
    initial, maintenance, margin_call, force_close = (
        decimal(row[f"{prefix}{factor}"]) for factor in FACTOR_COLUMNS
    )
    return MarginFactors(initial, maintenance, margin_call, force_close, source)


@dataclass(frozen=True, slots=True)
class BooksRead:
    """The rows of some accounts, from which their books are made without a further statement."""

    _accounts: Sequence[Row]
    _positions: Sequence[Row]
    _cash: Sequence[Row]
    _doubts: Mapping[AccountId, Sequence[StoredDoubt]]
    _conditions: BookConditions

    def books(self) -> dict[AccountId, AccountBook]:
        """All books in one step."""
        return dict(self._each())

    async def books_in_steps(self, pace: Pace) -> dict[AccountId, AccountBook]:
        """All books, while others have their turn. Not in a transaction, which would be idle meanwhile."""
        books = {}
        for account_id, book in self._each():
            books[account_id] = book
            await pace.turn()
        return books

    def _each(self) -> Iterator[tuple[AccountId, AccountBook]]:
        positions, cash = _by_account(self._positions), _by_account(self._cash)
        for row in self._accounts:
            account_id = AccountId(row["account_id"])
            held = [(each, quantity_from_row(each)) for each in positions[account_id]]
            yield (
                account_id,
                account_book(
                    row,
                    [cash_from_row(each) for each in cash[account_id]],
                    [_holding(each, quantity, self._conditions) for each, quantity in held if quantity],
                    self._conditions,
                    self._doubts.get(account_id, ()),
                    [Symbol(each["symbol"]) for each, quantity in held if quantity and each.get("doubtful")],
                ),
            )


def _by_account(rows: Iterable[Row]) -> dict[AccountId, list[Row]]:
    of: dict[AccountId, list[Row]] = defaultdict(list)
    for row in rows:
        of[AccountId(row["account_id"])].append(row)
    return of


def rates_by_base(rates: Iterable[FxRate]) -> dict[Currency, dict[Currency, FxRate]]:
    """Base currency of an account -> currency -> the rate into it."""
    fx: dict[Currency, dict[Currency, FxRate]] = defaultdict(dict)
    for rate in rates:
        fx[rate.quote_currency][rate.base_currency] = rate
    return fx


def account_book(
    row: Row,
    cash: Sequence[CashBalance],
    holdings: Sequence[Holding],
    conditions: BookConditions,
    doubts: Sequence[StoredDoubt] = (),
    doubtful_factors: Sequence[Symbol] = (),
) -> AccountBook:
    """From a row with `ACCOUNT_COLUMNS`, limits, version and whether the account may only reduce."""
    account, rates, reporting = account_reference(row), conditions.rates, conditions.policy.reporting_currency
    book = Book(
        _terms(row, account),
        _amount_rule(account, conditions),
        tuple(cash),
        tuple(holdings),
        rates.get(account.base_currency, {}),
        incomplete=any(stored.doubt.reason is DoubtReason.INCOMPLETE for stored in doubts),
    )
    return AccountBook(
        account,
        book,
        row["book_version"],
        bool(row["close_only"]),
        row["client_group"],
        conditions.risk,
        reporting_rate(account.base_currency, reporting, rates.get(reporting, {})),
        _written_off(row),
        tuple(stored.doubt for stored in doubts),
        tuple(doubtful_factors),
    )


@reads("account", "account_id")
def _terms(row: Row, account: AccountReference) -> AccountTerms:
    return AccountTerms(
        account.account_type,
        account.base_currency,
        decimal(row["financing_limit"]),
        decimal(row["trading_limit"]),
        decimal(row["outstanding_margin"]),
    )


@reads("account", "account_id")
def _written_off(row: Row) -> frozenset[AlertType]:
    return alerts_from_text(row["written_off_alerts"])


def _amount_rule(account: AccountReference, conditions: BookConditions) -> AmountRule:
    rule = conditions.risk.amount_rules[account.account_type]
    if account.account_type is not AccountType.INTRADAY:
        return rule
    must_be_flat = conditions.policy.must_be_flat(account.base_currency, conditions.at)
    return replace(rule, whole_debt=True) if must_be_flat else rule


def _holding(row: Row, quantity: Decimal, conditions: BookConditions) -> Holding:
    instrument, policy, now = instrument_from_row(row), conditions.policy, conditions.at
    return Holding(
        instrument=instrument,
        quantity=quantity,
        factors=factors_from_row(row),
        quote=quote_from_row(row),
        dead=instrument.is_dead(now, policy.suspended_dead_after),
        average_cost=average_cost_from_row(row),
        life=life_of(instrument, now, policy.zone_of, policy.expiry),
        underlying=underlying_from_row(row),
        underlying_negative=bool(row["underlying_negative"]),
        underlying_place=underlying_place_from_row(row),
    )


@reads("position", "account_id")
def quantity_from_row(row: Row) -> Decimal:
    """The quantity of a position."""
    return decimal(row["quantity"])


@reads("position", "account_id")
def average_cost_from_row(row: Row) -> Decimal | None:
    """The average cost of a position."""
    return decimal_or_none(row["average_cost"])


@reads("cash_balance", "account_id")
def cash_from_row(row: Row) -> CashBalance:
    """From a row with currency, balance and accrued interest."""
    return CashBalance(currency(row["currency"]), decimal(row["balance"]), decimal(row["accrued_interest"]))
