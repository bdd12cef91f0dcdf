"""Liquidations checked by doing them on the dump from before, at the prices of the orders, with fees.

A plan is right where its amount afterwards is the recomputed one, where it closes only and in whole lots, and
where one lot less of its last order would leave something to collect.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from tests.oracle.dump import Dump, Row
from tests.oracle.recompute import Limits, mark_of, round_half_up, verdicts

OPEN_ORDER = ("QUEUED", "PENDING_NEW", "NEW", "PARTIALLY_FILLED", "PENDING_CANCEL", "UNKNOWN")


@dataclass(frozen=True, slots=True)
class Placed:
    """What the desk answered to a liquidation, and the orders it recorded, in the order of the plan."""

    account_no: str
    alert_type: str
    amount_after: Fraction
    minimal: bool
    """The policy stops as soon as nothing is left to collect."""
    orders: tuple[Row, ...]


def wrong_plan(before: Dump, placed: Placed, now: datetime, limits: Limits) -> list[str]:
    """What is wrong with it; empty where nothing is."""
    account = before.one("account", account_no=placed.account_no)
    assert account is not None
    working = [
        row
        for row in before.rows("liquidation_order", account_id=account["id"])
        if row["status"] in OPEN_ORDER
    ]
    book = before
    for order in working:
        book = _executed(book, account, order, _leaves(order))
    found = list(_malformed(book, account, placed.orders))
    for order in placed.orders[:-1]:
        book = _executed(book, account, order, order["quantity"])
    last = placed.orders[-1]
    amount = _amount(_executed(book, account, last, last["quantity"]), placed, now, limits)
    if amount != placed.amount_after:
        found.append(f"the amount afterwards is {float(amount)}, not {float(placed.amount_after)}")
    if placed.minimal and not amount:
        lot = _instrument(before, last)["lot_size"]
        less = _executed(book, account, last, last["quantity"] - lot)
        if not _amount(less, placed, now, limits):
            found.append(f"one lot less of {last['symbol']} would be enough")
    return found


def _malformed(book: Dump, account: Row, orders: Sequence[Row]) -> Iterable[str]:
    """Against the positions that working orders leave."""
    for order in orders:
        held = _held(book, account, order["symbol"])
        signed = order["quantity"] if order["side"] == "BUY" else -order["quantity"]
        if held * signed >= 0 or abs(signed) > abs(held):
            yield f"{order['side']} {float(order['quantity'])} {order['symbol']} of {float(held)} held"
        if order["quantity"] % _instrument(book, order)["lot_size"]:
            yield f"{float(order['quantity'])} {order['symbol']} is no whole number of lots"


def _executed(book: Dump, account: Row, order: Row, quantity: Fraction) -> Dump:
    """The tables after so much of the order was executed; an order that does not close changes nothing."""
    held = _held(book, account, order["symbol"])
    if held * (1 if order["side"] == "BUY" else -1) >= 0:
        return book
    quantity = min(quantity, abs(held))
    if quantity <= 0:
        return book
    instrument = _instrument(book, order)
    gross = quantity * instrument["multiplier"] * _price(book, order)
    gross = round_half_up(gross, instrument["currency"])
    fee = round_half_up(gross * instrument["fee_rate"], instrument["currency"])
    bought = order["side"] == "BUY"
    book = _moved(
        book,
        "position",
        account,
        "instrument_id",
        order["symbol"],
        "quantity",
        quantity if bought else -quantity,
    )
    cash = -gross - fee if bought else gross - fee
    return _moved(book, "cash_balance", account, "currency", instrument["currency"], "balance", cash)


def _moved(book: Dump, table: str, account: Row, key: str, value: str, column: str, by: Fraction) -> Dump:
    row = book.one(table, account_id=account["id"], **{key: value})
    rows = [each for each in book.tables[table] if each is not row]
    if row is None:
        row = {"account_id": account["id"], key: value, column: Fraction(0), "accrued_interest": Fraction(0)}
    changed: Mapping[str, Any] = {**row, column: row[column] + by}
    return replace(book, tables={**book.tables, table: [*rows, changed]})


def _price(book: Dump, order: Row) -> Fraction:
    if order["limit_price"] is not None:
        price: Fraction = order["limit_price"]
        return price
    quote = book.one("quote", symbol=order["symbol"])
    assert quote is not None
    side: Fraction | None = quote["ask" if order["side"] == "BUY" else "bid"]
    mark = mark_of(quote)
    assert mark is not None
    return side if side else mark


def _amount(book: Dump, placed: Placed, now: datetime, limits: Limits) -> Fraction:
    verdict = verdicts(book, now, limits)[placed.account_no]
    return verdict.over if placed.alert_type == "OVER_FINANCING" else verdict.figures["amount"]


def _held(book: Dump, account: Row, symbol: str) -> Fraction:
    row = book.one("position", account_id=account["id"], instrument_id=symbol)
    return row["quantity"] if row else Fraction(0)


def _instrument(book: Dump, order: Row) -> Row:
    row = book.one("instrument", symbol=order["symbol"])
    assert row is not None
    return row


def _leaves(order: Row) -> Fraction:
    leaves: Fraction = order["quantity"] - order["filled_quantity"]
    return leaves
