"""Where the desk at rest differs from what its tables imply: figures, calls, cases, orders, what it lists."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.dump import Dump, Row
from tests.oracle.recompute import ZERO, ZONES, Limits, Verdict, verdicts
from tests.oracle.truth import Truth

LIVE = ("OPEN", "LIQUIDATING", "EXCEPTION")
OPEN_ORDER = ("QUEUED", "PENDING_NEW", "NEW", "PARTIALLY_FILLED", "PENDING_CANCEL", "UNKNOWN")
MONEY_ALERTS = ("MAINTENANCE", "INTRADAY", "CASH_DEBT", "OVER_FINANCING")
MARKET_OF = {"USD": "XNYS", "HKD": "XHKG", "JPY": "XTKS"}
HOLIDAYS = {
    "XNYS": {date(2020, 4, 10), date(2020, 5, 25), date(2020, 7, 3)},
    "XHKG": {date(2020, 4, 10), date(2020, 4, 13), date(2020, 4, 30), date(2020, 5, 1)},
    "XTKS": {date(2020, 3, 20), date(2020, 4, 29), *(date(2020, 5, day) for day in (4, 5, 6))},
}
"""Published by the exchanges for the spring of 2020."""


def differences(dump: Dump, truth: Truth, now: datetime, limits: Limits) -> list[str]:
    """Empty when everything agrees."""
    lines = truth.differences(dump)
    for number, verdict in verdicts(dump, now, limits).items():
        lines += [f"{number}: {line}" for line in _of_account(dump, number, verdict, now)]
    return lines


def _of_account(dump: Dump, number: str, verdict: Verdict, now: datetime) -> Iterable[str]:
    account = dump.one("account", account_no=number)
    assert account is not None
    cases = [
        row
        for row in dump.rows("margin_case", account_id=account["id"])
        if row["status"] in LIVE and row["alert_type"] in MONEY_ALERTS
    ]
    yield from _calls(dump, verdict, cases)
    for case in cases:
        yield from _case(dump, verdict, case, now)
    yield from _listing(dump, account, verdict, cases, now)
    yield from _orders(dump, account)


def _calls(dump: Dump, verdict: Verdict, cases: list[Row]) -> Iterable[str]:
    types = [case["alert_type"] for case in cases]
    if len(set(types)) != len(types):
        yield f"two live cases of one kind: {types}"
    for missing in verdict.called - set(types):
        yield f"no {missing} case, although {_shown(verdict)}"


def _case(dump: Dump, verdict: Verdict, case: Row, now: datetime) -> Iterable[str]:
    orders = [o for o in dump.rows("liquidation_order", case_id=case["id"]) if o["status"] in OPEN_ORDER]
    name = f"{case['case_no']} {case['alert_type']}"
    if (case["status"] == "LIQUIDATING") != bool(orders):
        yield f"{name}: {case['status']} with {len(orders)} open orders"
    known = case["alert_type"] not in verdict.open_amounts and not verdict.incomplete
    if known and verdict.certain and case["amount"] != _asked(verdict, case):
        yield f"{name}: amount {float(case['amount'])} instead of {float(_asked(verdict, case))}"
    settled = verdict.certain and not verdict.stale and not verdict.incomplete
    if settled and not _asked(verdict, case) and not orders:
        yield f"{name}: live, although nothing is to be collected"
    if (verdict.forced or now > case["deadline"]) and not case["force_eligible"]:
        yield f"{name}: not force eligible"
    if case["original_deadline"] is None and case["deadline"] != deadline(case["opened_at"], verdict.base):
        yield f"{name}: deadline {case['deadline']}, not {deadline(case['opened_at'], verdict.base)}"


def _asked(verdict: Verdict, case: Row) -> Fraction:
    return verdict.over if case["alert_type"] == "OVER_FINANCING" else verdict.figures["amount"]


def _listing(dump: Dump, account: Row, verdict: Verdict, cases: list[Row], now: datetime) -> Iterable[str]:
    """Check that exactly the accounts with a decision that depends on an unknown price or rate are listed.

    For an incomplete account nothing is decided, and its unknown prices and rates may be listed too.
    """
    listed = {
        row["reason"]
        for row in dump.rows("account_doubt", account_id=account["id"])
        if row["reason"] in ("NO_PRICE", "NO_FX_RATE")
    }
    types = {case["alert_type"] for case in cases}
    depends = bool(verdict.undecided - types or verdict.open_amounts & types) or any(
        verdict.open_force and not case["force_eligible"] and now <= case["deadline"] for case in cases
    )
    if depends and not listed and not verdict.incomplete:
        yield f"not listed, although a decision depends on {sorted(verdict.unknown)}"
    if listed and not depends and not (verdict.incomplete and verdict.unknown):
        yield f"listed as {sorted(listed)}, although no decision depends on it"


def _orders(dump: Dump, account: Row) -> Iterable[str]:
    """What is open and not being cancelled sells no more than is held, and closes only."""
    closing: dict[str, Fraction] = {}
    for order in dump.rows("liquidation_order", account_id=account["id"]):
        if order["status"] in OPEN_ORDER and not order["cancel_requested"]:
            leaves = order["quantity"] - order["filled_quantity"]
            signed = leaves if order["side"] == "BUY" else -leaves
            closing[order["symbol"]] = closing.get(order["symbol"], ZERO) + signed
    for symbol, signed in closing.items():
        row = dump.one("position", account_id=account["id"], instrument_id=symbol)
        held = row["quantity"] if row else ZERO
        if signed and (held * signed >= 0 or abs(signed) > abs(held)):
            yield f"{symbol}: {float(signed)} in open orders against {float(held)} held"


def deadline(opened_at: datetime, base: str) -> datetime:
    """14:00 local on the third trading day; the day of the notice is the first, until 14:00."""
    market = MARKET_OF.get(base, "XNYS")
    local = opened_at.astimezone(ZONES[market])
    day = local.date()
    if not _trades(day, market) or local.time() > time(14):
        day = _next(day, market)
    for _ in range(2):
        day = _next(day, market)
    return datetime.combine(day, time(14), ZONES[market])


def _trades(day: date, market: str) -> bool:
    return day.weekday() < 5 and day not in HOLIDAYS[market]


def _next(day: date, market: str) -> date:
    day += timedelta(days=1)
    while not _trades(day, market):
        day += timedelta(days=1)
    return day


def _shown(verdict: Verdict) -> dict[str, Any]:
    names = ("liquid_net_assets", "maintenance_margin", "amount")
    return {name: float(verdict.figures[name]) for name in names} | {"stale": verdict.stale}
