"""Changes of an account's cash and positions by statements of the book of record and by executions."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from domain.book_changes import CashStated, PositionStated
from domain.booking import cost_after
from domain.case import AlertType
from domain.ids import AccountId, Symbol
from domain.money import ZERO, Currency, checked, total
from models.book import alerts_from_text
from models.sql.database import Row, execute, fetch, fetch_one, numeric
from models.sql.values import decimal, decimal_or_none, time, time_or_none

NEVER_STATED = datetime(1970, 1, 1, tzinfo=UTC)
"""The `as_of` of rows that only executions created: any statement is newer."""

_CAME_AFTER = "(o.created_at >= $3 OR CASE WHEN e.at > e.recorded_at THEN e.recorded_at ELSE e.at END > $3)"
"""Executions `e` of orders `o` that are later than a statement as of `$3`, as `domain.booking.contains` says.

The venue's clock may be wrong: by the desk's clock an execution happened after its order was created and
before its report arrived.
"""


async def bump_book(account_id: AccountId) -> None:
    """Increase the version of the account's book."""
    await execute("UPDATE account SET book_version = book_version + 1 WHERE id = $1", account_id)


async def set_close_only(account_id: AccountId, close_only: bool) -> None:
    """Set whether the account may only reduce."""
    await execute("UPDATE account SET close_only = $1 WHERE id = $2", close_only, account_id)


async def written_off_of(account_id: AccountId) -> frozenset[AlertType]:
    """Kinds of call whose debt was written off and whose breach still lasts; the account is locked."""
    row = await fetch_one("SELECT written_off_alerts FROM account WHERE id = $1", account_id)
    assert row is not None
    return alerts_from_text(row["written_off_alerts"])


async def set_written_off(account_id: AccountId, alerts: frozenset[AlertType]) -> None:
    """Store the written-off kinds of call."""
    text = ",".join(sorted(alerts)) or None
    await execute("UPDATE account SET written_off_alerts = $1 WHERE id = $2", text, account_id)


async def set_trading_limit(account_id: AccountId, limit: Decimal) -> None:
    """Set the trading limit."""
    await execute("UPDATE account SET trading_limit = $1 WHERE id = $2", limit, account_id)


async def account_id_of(account_no: str) -> AccountId | None:
    """The account with this number."""
    row = await fetch_one("SELECT id FROM account WHERE account_no = $1", account_no)
    return AccountId(row["id"]) if row else None


async def account_no_of(account_id: AccountId) -> str | None:
    """The account's number, for the log."""
    row = await fetch_one("SELECT account_no FROM account WHERE id = $1", account_id)
    return row["account_no"] if row else None


async def position_stated_at(account_id: AccountId, symbol: Symbol) -> datetime | None:
    """The time of the position's last statement; None without one."""
    row = await fetch_one(
        "SELECT as_of FROM position WHERE account_id = $1 AND instrument_id = $2", account_id, symbol
    )
    return time_or_none(row["as_of"]) if row else None


async def cash_stated_at(account_id: AccountId, currency: Currency) -> datetime | None:
    """The time of the balance's last statement; None without one."""
    row = await fetch_one(
        "SELECT as_of FROM cash_balance WHERE account_id = $1 AND currency = $2", account_id, currency
    )
    return time_or_none(row["as_of"]) if row else None


async def state_position(row_id: str, account_id: AccountId, stated: PositionStated, now: datetime) -> bool:
    """Store the stated quantity plus later fills; False if a newer statement is known.

    Raises `InvalidDecimal` for a quantity with more digits than can be stored.
    """
    fills = await fetch(
        "SELECT o.side, e.quantity, e.price FROM execution e JOIN liquidation_order o ON o.id = e.order_id"
        " WHERE o.account_id = $1 AND o.symbol = $2 AND e.exec_type = 'TRADE'"
        f" AND {_CAME_AFTER} ORDER BY e.recorded_at, e.id",
        account_id,
        stated.symbol,
        stated.as_of,
    )
    quantity, cost = stated.quantity, stated.average_cost if stated.quantity else None
    for fill in fills:
        signed = _signed(fill)
        cost = cost_after(quantity, cost, signed, decimal(fill["price"]))
        quantity = total([quantity, signed])
    quantity = checked(quantity)
    cost = cost if quantity else None
    # A short begins with its first statement; a known one keeps its start.
    changed = await execute(
        "INSERT INTO position (id, account_id, instrument_id, quantity, average_cost, as_of, short_since)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (account_id, instrument_id) DO UPDATE SET quantity = excluded.quantity,"
        " average_cost = COALESCE(excluded.average_cost,"
        f" CASE WHEN {_sides_agree('position.quantity', 'excluded.quantity')}"
        " THEN position.average_cost END),"
        " as_of = excluded.as_of,"
        " short_since = CASE WHEN excluded.short_since IS NULL THEN NULL"
        f" WHEN {numeric('position.quantity')} < 0 THEN"
        " COALESCE(position.short_since, excluded.short_since)"
        " ELSE excluded.short_since END"
        " WHERE excluded.as_of >= position.as_of OR position.as_of > $8",
        row_id,
        account_id,
        stated.symbol,
        quantity,
        cost,
        stated.as_of,
        stated.as_of if quantity < 0 else None,
        now,
    )
    return bool(changed)


def _sides_agree(one: str, other: str) -> str:
    """Whether two columns are both above 0, or both below it."""
    first, second = numeric(one), numeric(other)
    return f"(({first} > 0 AND {second} > 0) OR ({first} < 0 AND {second} < 0))"


def _signed(fill: Row) -> Decimal:
    quantity = decimal(fill["quantity"])
    return quantity if fill["side"] == "BUY" else quantity.copy_negate()


async def state_cash(row_id: str, account_id: AccountId, stated: CashStated, now: datetime) -> bool:
    """Store the stated balance plus later executions; False if a newer statement is known.

    Raises `InvalidDecimal` for a balance with more digits than can be stored.
    """
    rows = await fetch(
        "SELECT e.cash_effect FROM execution e JOIN liquidation_order o ON o.id = e.order_id"
        " JOIN instrument i ON i.symbol = o.symbol"
        " WHERE o.account_id = $1 AND i.currency = $2 AND e.exec_type = 'TRADE'"
        f" AND {_CAME_AFTER}",
        account_id,
        stated.currency,
        stated.as_of,
    )
    balance = checked(total([stated.balance, *(decimal(row["cash_effect"]) for row in rows)]))
    changed = await execute(
        "INSERT INTO cash_balance (id, account_id, currency, balance, accrued_interest, as_of)"
        " VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (account_id, currency) DO UPDATE SET balance = excluded.balance,"
        " accrued_interest = COALESCE($7, cash_balance.accrued_interest), as_of = excluded.as_of"
        " WHERE excluded.as_of >= cash_balance.as_of OR cash_balance.as_of > $8",
        row_id,
        account_id,
        stated.currency,
        balance,
        stated.accrued_interest or ZERO,
        stated.as_of,
        stated.accrued_interest,
        now,
    )
    return bool(changed)


async def position_as_stored(account_id: AccountId, symbol: Symbol) -> dict[str, Decimal | None] | None:
    """Quantity and average cost, for the audit; None if the account never held it."""
    row = await fetch_one(
        "SELECT quantity, average_cost FROM position WHERE account_id = $1 AND instrument_id = $2",
        account_id,
        symbol,
    )
    return row and {
        "quantity": decimal(row["quantity"]),
        "averageCost": decimal_or_none(row["average_cost"]),
    }


async def cash_as_stored(account_id: AccountId, currency: Currency) -> dict[str, Decimal] | None:
    """Balance and accrued interest, for the audit; None if the account never had the currency."""
    row = await fetch_one(
        "SELECT balance, accrued_interest FROM cash_balance WHERE account_id = $1 AND currency = $2",
        account_id,
        currency,
    )
    return row and {
        "balance": decimal(row["balance"]),
        "accruedInterest": decimal(row["accrued_interest"]),
    }


async def symbols_of(account_id: AccountId) -> tuple[Symbol, ...]:
    """The symbols that the account holds, sorted."""
    rows = await fetch("SELECT instrument_id, quantity FROM position WHERE account_id = $1", account_id)
    return tuple(sorted(Symbol(row["instrument_id"]) for row in rows if decimal(row["quantity"])))


async def quantity_of(account_id: AccountId, symbol: Symbol) -> Decimal:
    """The position's quantity; 0 without one."""
    row = await fetch_one(
        "SELECT quantity FROM position WHERE account_id = $1 AND instrument_id = $2", account_id, symbol
    )
    return decimal(row["quantity"]) if row else ZERO


@dataclass(frozen=True, slots=True)
class Position:
    """The stored position, and the time of its last statement."""

    quantity: Decimal
    average_cost: Decimal | None
    as_of: datetime


async def position_to_book_on(account_id: AccountId, symbol: Symbol) -> Position:
    """The position that an execution changes. The account is locked."""
    row = await fetch_one(
        "SELECT quantity, average_cost, as_of FROM position WHERE account_id = $1 AND instrument_id = $2",
        account_id,
        symbol,
    )
    assert row is not None, "an order closes a position that is there"
    cost = decimal_or_none(row["average_cost"])
    return Position(decimal(row["quantity"]), cost, time(row["as_of"]))


async def add_to_position(
    account_id: AccountId, symbol: Symbol, before: Position, quantity: Decimal, price: Decimal
) -> None:
    """Book an execution's signed quantity. The account is locked."""
    cost = cost_after(before.quantity, before.average_cost, quantity, price)
    await execute(
        "UPDATE position SET quantity = $1, average_cost = $2 WHERE account_id = $3 AND instrument_id = $4",
        total([before.quantity, quantity]),
        cost,
        account_id,
        symbol,
    )


async def add_to_cash(row_id: str, account_id: AccountId, currency: Currency, amount: Decimal) -> None:
    """Book an execution's cash effect; the account is locked. A currency not held before starts at 0."""
    row = await fetch_one(
        "SELECT balance FROM cash_balance WHERE account_id = $1 AND currency = $2", account_id, currency
    )
    if row is None:
        await execute(
            "INSERT INTO cash_balance (id, account_id, currency, balance, accrued_interest, as_of)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            row_id,
            account_id,
            currency,
            amount,
            ZERO,
            NEVER_STATED,
        )
        return
    await execute(
        "UPDATE cash_balance SET balance = $1 WHERE account_id = $2 AND currency = $3",
        total([decimal(row["balance"]), amount]),
        account_id,
        currency,
    )
