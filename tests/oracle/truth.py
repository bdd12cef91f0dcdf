"""What the desk was told, kept beside it: the newest statement of each fact, with later fills on top."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Generic, TypeVar

from tests.oracle.dump import Dump, Row

ZERO = Fraction(0)
T = TypeVar("T")
Prices = tuple[Fraction | None, ...]
"""Bid, ask, last, previous close."""


@dataclass(frozen=True, slots=True)
class Stated(Generic[T]):
    """A fact's value and the time for which it was stated, never later than its arrival."""

    value: T
    as_of: datetime


class Facts(dict[str, Stated[T]]):
    """By subject. Newest wins: by the time of the fact, of two alike by arrival."""

    def put(self, subject: str, value: T, as_of: datetime) -> None:
        """Keep the statement unless a newer one is known."""
        before = self.get(subject)
        if before is None or as_of >= before.as_of:
            self[subject] = Stated(value, as_of)


@dataclass(slots=True)
class Truth:
    """Subjects of cash are ``M1/USD``, of positions ``M1/AAPL.US``, of rates ``USD/HKD``."""

    quotes: Facts[Prices] = field(default_factory=Facts)
    rates: Facts[Fraction] = field(default_factory=Facts)
    cash: Facts[Fraction] = field(default_factory=Facts)
    positions: Facts[Fraction] = field(default_factory=Facts)
    statuses: Facts[tuple[str, datetime | None]] = field(default_factory=Facts)
    """The status, and since when the instrument is suspended."""

    incomplete: set[str] = field(default_factory=set)
    """Positions and balances of which something was stated that the desk could not hold."""

    def put_status(self, symbol: str, status: str, at: datetime) -> None:
        """A suspension lasts until the instrument trades: stated again, it keeps its beginning."""
        before = self.statuses.get(symbol)
        since = before.value[1] if before is not None else None
        if status in ("TRADING", "AUCTION"):
            since = None
        elif status == "SUSPENDED" and since is None:
            since = at
        self.statuses.put(symbol, (status, since), at)

    def differences(self, dump: Dump) -> list[str]:
        """Where the tables hold something else than what was stated last."""
        found = [*self._market(dump), *self._statuses(dump), *self._money(dump), *self._holdings(dump)]
        return [*found, *self._incomplete(dump)]

    def _incomplete(self, dump: Dump) -> Iterable[str]:
        numbers = {row["id"]: row["account_no"] for row in dump.tables["account"]}
        listed = {
            f"{numbers[row['account_id']]}/{row['subject']}"
            for row in dump.rows("account_doubt", reason="INCOMPLETE")
        }
        if listed != self.incomplete:
            yield f"incomplete are {sorted(listed)} instead of {sorted(self.incomplete)}"

    def _market(self, dump: Dump) -> Iterable[str]:
        for symbol, stated in self.quotes.items():
            row = dump.one("quote", symbol=symbol)
            held = row and tuple(row[name] for name in ("bid", "ask", "last_price", "previous_close"))
            if row is None or (held, row["at"]) != (stated.value, stated.as_of):
                yield f"quote {symbol}: {held} {row and row['at']} instead of {stated}"
        for pair, rate in self.rates.items():
            row = dump.one("fx_rate", pair=pair)
            if row is None or (row["rate"], row["at"]) != (rate.value, rate.as_of):
                yield f"rate {pair}: {row} instead of {rate}"

    def _statuses(self, dump: Dump) -> Iterable[str]:
        for symbol, stated in self.statuses.items():
            row = _known(dump.one("instrument", symbol=symbol))
            held = (row["trade_status"], row["suspended_since"])
            if held != stated.value:
                yield f"status {symbol}: {held} instead of {stated}"

    def _money(self, dump: Dump) -> Iterable[str]:
        for subject, stated in self.cash.items():
            account_no, currency = subject.split("/")
            account = _known(dump.one("account", account_no=account_no))
            row = dump.one("cash_balance", account_id=account["id"], currency=currency)
            expected = stated.value
            for order, fill in _fills(dump, account, stated.as_of):
                if _known(dump.one("instrument", symbol=order["symbol"]))["currency"] == currency:
                    expected += fill["cash_effect"]
            if row is None or row["balance"] != expected:
                yield f"cash {subject}: {row and row['balance']} instead of {expected}, {stated}"

    def _holdings(self, dump: Dump) -> Iterable[str]:
        for subject, stated in self.positions.items():
            account_no, symbol = subject.split("/")
            account = _known(dump.one("account", account_no=account_no))
            row = dump.one("position", account_id=account["id"], instrument_id=symbol)
            expected = stated.value
            for order, fill in _fills(dump, account, stated.as_of):
                if order["symbol"] == symbol:
                    expected += fill["quantity"] if order["side"] == "BUY" else -fill["quantity"]
            if (row["quantity"] if row else ZERO) != expected:
                yield f"position {subject}: {row and row['quantity']} instead of {expected}, {stated}"


def _known(row: Row | None) -> Row:
    assert row is not None
    return row


def _fills(dump: Dump, account: Row, as_of: datetime) -> Iterable[tuple[Row, Row]]:
    """Trades of the account after the statement: by the venue's time, but no later than they came."""
    for order in dump.rows("liquidation_order", account_id=account["id"]):
        for fill in dump.rows("execution", order_id=order["id"], exec_type="TRADE"):
            if min(fill["at"], fill["recorded_at"]) > as_of:
                yield order, fill
