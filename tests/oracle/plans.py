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
    now_trading = [row for row in working if _counts(before, row, now, limits)]
    book = _after(before, account, now_trading)
    found = list(_malformed(book, account, placed.orders))
    book = _after(book, account, placed.orders[:-1])
    last = placed.orders[-1]
    amount = _amount(_executed(book, account, last, last["quantity"]), placed, now, limits)
    minimal = placed.minimal and not amount
    if amount or not placed.minimal:
        # What trades now does not cure, and was sold whole: what waits for its market counts, too.
        waiting = [row for row in working if row not in now_trading and _waits(before, row)]
        book = _after(_after(before, account, [*now_trading, *waiting]), account, placed.orders[:-1])
        amount = _amount(_executed(book, account, last, last["quantity"]), placed, now, limits)
    if amount != placed.amount_after:
        found.append(f"the amount afterwards is {float(amount)}, not {float(placed.amount_after)}")
    if minimal or (placed.minimal and not amount and _waits(before, last)):
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
    position = {"account_id": account["id"], "instrument_id": order["symbol"]}
    book = _moved(book, "position", position, "quantity", quantity if bought else -quantity)
    balance = {"account_id": account["id"], "currency": instrument["currency"]}
    return _moved(book, "cash_balance", balance, "balance", -gross - fee if bought else gross - fee)


def _moved(book: Dump, table: str, key: Mapping[str, str], column: str, by: Fraction) -> Dump:
    row = book.one(table, **key)
    rows = [each for each in book.tables[table] if each is not row]
    if row is None:
        row = {**key, column: Fraction(0), "accrued_interest": Fraction(0)}
    changed: Mapping[str, Any] = {**row, column: row[column] + by}
    return replace(book, tables={**book.tables, table: [*rows, changed]})


def _after(book: Dump, account: Row, orders: Sequence[Row]) -> Dump:
    for order in orders:
        book = _executed(book, account, order, _leaves(order))
    return book


def _waits(book: Dump, order: Row) -> bool:
    """The desk has not called it off, and its market is shut, or rests by the feed's word."""
    instrument = _instrument(book, order)
    # A day happens in the session of New York: Hong Kong is shut.
    trades = instrument["market"] == "XNYS" and instrument["trade_status"] in ("TRADING", "AUCTION")
    return not _called_off(order) and order["session"] == "REGULAR" and not trades


def _called_off(order: Row) -> bool:
    return bool(order["cancel_requested"]) and order["cancel_cause"] in ("CURED", "EXCESS", "RESTING")


def _counts(book: Dump, order: Row, now: datetime, limits: Limits) -> bool:
    """Whether the order counts: its instrument trades now, and it reaches the other side of the quote or was
    placed recently.
    """
    if _called_off(order) or _waits(book, order):
        return False
    if now - order["created_at"] <= limits.resting_order_counts:
        return True
    quote = book.one("quote", symbol=order["symbol"])
    other: Fraction | None = quote["ask" if order["side"] == "BUY" else "bid"] if quote else None
    limit: Fraction | None = order["limit_price"]
    if not other or other <= 0:
        return False
    return limit is None or (limit >= other if order["side"] == "BUY" else limit <= other)


def _price(book: Dump, order: Row) -> Fraction:
    """At which it is reckoned: a limit promises nothing better than the far side of the quote."""
    quote = book.one("quote", symbol=order["symbol"])
    assert quote is not None
    bid, ask, mark = quote["bid"], quote["ask"], mark_of(quote)
    assert mark is not None
    limit: Fraction | None = order["limit_price"]
    price: Fraction
    if order["side"] == "BUY":
        price = max(limit, min(mark, bid or mark)) if limit is not None else ask or mark
    else:
        price = min(limit, max(mark, ask or mark)) if limit is not None else bid or mark
    return price


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
