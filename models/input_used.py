"""The last used message of each kind, derived from the tables of the book and the market."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.inputs import InputKind, InputSubject
from models.sql.database import Row, fetch, fetch_one
from models.sql.values import time


@dataclass(frozen=True, slots=True)
class UsedInput:
    """The desk's state of a subject, and its time."""

    subject: InputSubject
    stated_at: datetime
    held: str


async def client_no_of(account_no: str) -> str | None:
    """The client number of the account; None if there is no such account."""
    row = await fetch_one(
        "SELECT k.client_no FROM account a JOIN client k ON k.id = a.client_id WHERE a.account_no = $1",
        account_no,
    )
    return row["client_no"] if row else None


async def used_of_account(account_no: str) -> list[UsedInput]:
    """Cash, positions, and the contact of the client."""
    cash = await fetch(
        "SELECT c.currency AS about, c.as_of AS at, c.balance AS held FROM cash_balance c"
        " JOIN account a ON a.id = c.account_id WHERE a.account_no = $1 ORDER BY c.currency",
        account_no,
    )
    positions = await fetch(
        "SELECT p.instrument_id AS about, p.as_of AS at, p.quantity AS held FROM position p"
        " JOIN account a ON a.id = p.account_id WHERE a.account_no = $1 ORDER BY p.instrument_id",
        account_no,
    )
    contacts = await fetch(
        "SELECT k.client_no AS owner, t.as_of AS at, t.language AS held FROM client_contact t"
        " JOIN client k ON k.id = t.client_id JOIN account a ON a.client_id = k.id WHERE a.account_no = $1",
        account_no,
    )
    return [
        *_used(InputKind.CASH, account_no, cash),
        *_used(InputKind.POSITION, account_no, positions),
        *(
            UsedInput(InputSubject(InputKind.CONTACT, row["owner"]), time(row["at"]), row["held"])
            for row in contacts
        ),
    ]


async def used_of_symbol(symbol: str) -> list[UsedInput]:
    """Its quote and its trade status."""
    quotes = await fetch(
        "SELECT q.symbol AS about, q.at, q.last_price, q.bid, q.ask, q.previous_close FROM quote q"
        " WHERE q.symbol = $1",
        symbol,
    )
    statuses = await fetch(
        "SELECT i.symbol AS about, i.trade_status_at AS at, i.trade_status AS held FROM instrument i"
        " WHERE i.symbol = $1",
        symbol,
    )
    prices = [
        UsedInput(InputSubject(InputKind.QUOTE, about=symbol), time(row["at"]), _prices(row))
        for row in quotes
    ]
    return [*prices, *_used(InputKind.TRADE_STATUS, "", statuses)]


def _used(kind: InputKind, owner: str, rows: Sequence[Row]) -> list[UsedInput]:
    return [
        UsedInput(InputSubject(kind, owner, row["about"]), time(row["at"]), str(row["held"])) for row in rows
    ]


def _prices(row: Row) -> str:
    named = {"last": "last_price", "bid": "bid", "ask": "ask", "previous close": "previous_close"}
    return ", ".join(f"{name} {row[column]}" for name, column in named.items() if row[column] is not None)
