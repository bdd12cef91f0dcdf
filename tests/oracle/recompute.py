"""Figures and calls, and what can be known of them, computed plainly from a dump, in fractions.

The product keeps running sums of decimals; this module adds everything up anew and rounds once, at the
amount. It follows docs/domain.md and imports nothing of the product's rules, so that one mistake is not made
twice.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.dump import Dump, Row

ZERO, ONE = Fraction(0), Fraction(1)
Answer = bool | None
"""None: that depends on something unknown."""
Factors = tuple[Fraction, Fraction, Fraction, Fraction]
"""Initial, maintenance, margin call, force close."""
ZONES = {
    "XNYS": ZoneInfo("America/New_York"),
    "XHKG": ZoneInfo("Asia/Hong_Kong"),
    "XTKS": ZoneInfo("Asia/Tokyo"),
}
MINOR_DIGITS = {"USD": 2, "HKD": 2, "EUR": 2, "CHF": 2, "GBP": 2, "JPY": 0, "KWD": 3}
"""ISO 4217, of the currencies that the random days use."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that figures and calls depend on."""

    max_age: timedelta = timedelta(seconds=60)
    dead_after: timedelta = timedelta(days=30)
    short_margin: Fraction = ONE
    """By which fraction an unpriced short may cost more than its last known cost."""
    settlement_days: int = 4
    """How many calendar days after its last day an option in the money keeps its intrinsic value."""
    resting_order_counts: timedelta = timedelta(minutes=5)
    """For how long an order away from the market counts in any case."""


@dataclass(frozen=True, slots=True)
class Interval:
    """All values that something unknown may have; None is without a bound."""

    low: Fraction | None
    high: Fraction | None

    @classmethod
    def exactly(cls, value: Fraction) -> "Interval":
        """Known."""
        return cls(value, value)

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(_sum(self.low, other.low), _sum(self.high, other.high))

    def times(self, factor: Fraction) -> "Interval":
        """Every value multiplied."""
        if not factor:
            return Interval.exactly(ZERO)
        ends = (_product(self.low, factor), _product(self.high, factor))
        return Interval(*(ends if factor > 0 else ends[::-1]))


def _sum(one: Fraction | None, other: Fraction | None) -> Fraction | None:
    return None if one is None or other is None else one + other


def _product(value: Fraction | None, factor: Fraction) -> Fraction | None:
    return None if value is None else value * factor


@dataclass(slots=True)
class Part:
    """One position or balance, in base currency: what it is reckoned at, and all that it may be worth."""

    value: Fraction
    worth: Interval
    factors: Factors = (ZERO, ZERO, ZERO, ZERO)
    """Initial, maintenance, margin call, force close."""
    dead: bool = False

    def margin(self, which: int) -> Fraction:
        """The requirement by one of the factors."""
        return ZERO if self.dead else abs(self.value) * self.factors[which]


@dataclass(slots=True)
class Verdict:
    """What the book of one account implies."""

    account_no: str
    base: str
    figures: dict[str, Fraction]
    over: Fraction
    """What the financing limit alone asks for, in whole minor units."""
    stale: bool
    certain: bool
    """Every price and rate that matters is there."""
    called: set[str]
    """Alert types for which a case has to be open, whatever the unknown things are worth."""
    undecided: set[str]
    """Alert types that may be due, depending on the missing data."""
    open_amounts: set[str]
    """Alert types of which a case may still ask for something, depending on the missing data."""
    open_force: bool
    """Whether the missing data decides if liquid net assets are below the force-close margin."""
    incomplete: bool
    forced: bool
    """Liquid net assets are below the force-close margin, whatever the unknown things are worth."""
    unknown: set[str] = field(default_factory=set)
    """Symbols without price and currencies without rate that may matter."""


def verdicts(dump: Dump, now: datetime, limits: Limits) -> dict[str, Verdict]:
    """Of every account, by account number."""
    return {row["account_no"]: _Account(dump, row, now, limits).verdict() for row in dump.tables["account"]}


def round_half_up(value: Fraction, currency: str) -> Fraction:
    """To whole minor units; value >= 0."""
    scale = 10 ** MINOR_DIGITS[currency]
    return Fraction((value * scale + Fraction(1, 2)).__floor__(), scale)


def mark_of(quote: Row) -> Fraction | None:
    """The last price, else the previous close, moved to the bid or the ask where it lies outside of them."""
    prices: list[Fraction | None] = [
        quote[name] or None for name in ("bid", "ask", "last_price", "previous_close")
    ]
    bid, ask, _, close = prices
    if bid is not None and ask is not None and ask < bid:
        bid, ask = ask, bid
    price: Fraction | None = quote["last_price"] if quote["last_price"] is not None else close
    if price is None:
        return (bid + ask) / 2 if bid is not None and ask is not None else None
    if bid is not None and price < bid:
        return bid
    return ask if ask is not None and price > ask else price


class _Account:
    def __init__(self, dump: Dump, row: Row, now: datetime, limits: Limits) -> None:
        self.dump, self.row, self.now, self.limits = dump, row, now, limits
        self.base: str = row["base_currency"]
        self.rule = self._setting("AMOUNT_RULE", row["type"]) or {}
        self.stale = False
        self.unknown: set[str] = set()
        self.cash: list[Part] = []
        self.interest: list[Part] = []
        self.positions: list[Part] = []

    def verdict(self) -> Verdict:
        for row in self.dump.rows("cash_balance", account_id=self.row["id"]):
            self.cash.append(self._money(row["currency"], row["balance"]))
            self.interest.append(self._money(row["currency"], row["accrued_interest"]))
        for row in self.dump.rows("position", account_id=self.row["id"]):
            if row["quantity"]:
                self.positions.append(self._position(row))
        figures = self._figures()
        below, forced = _below_zero(self._excess(1)), _below_zero(self._excess(3))
        owes, over = self._to_collect(self._need()), self._to_collect(self._over())
        due = self._due(below, owes, over)
        doubts = self.dump.rows("account_doubt", account_id=self.row["id"], reason="INCOMPLETE")
        asks = dict.fromkeys(due, owes) | {"OVER_FINANCING": over}
        return Verdict(
            account_no=self.row["account_no"],
            base=self.base,
            figures=figures,
            over=round_half_up(figures["over_financing"], self.base),
            stale=self.stale or bool(doubts),
            certain=not self.unknown,
            called={kind for kind, answer in due.items() if answer is True and not doubts},
            undecided={kind for kind, answer in due.items() if answer is None},
            open_amounts={kind for kind, answer in asks.items() if answer is None},
            open_force=forced is None,
            incomplete=bool(doubts),
            forced=forced is True and not doubts,
            unknown=self.unknown,
        )

    # What things are worth ---------------------------------------------------------------------------

    def _rate(self, currency: str) -> Fraction | None:
        row = self.dump.one("fx_rate", base_currency=currency, quote_currency=self.base)
        if currency == self.base or row is None:
            return ONE if currency == self.base else None
        rate: Fraction = row["rate"]
        return rate

    def _note_age_of_rate(self, currency: str) -> None:
        row = self.dump.one("fx_rate", base_currency=currency, quote_currency=self.base)
        if currency != self.base and row is not None:
            self._note_age(row["at"])

    def _money(self, currency: str, amount: Fraction) -> Part:
        rate = self._rate(currency)
        if not amount:
            return Part(ZERO, Interval.exactly(ZERO))
        if rate is not None:
            self._note_age_of_rate(currency)
            return Part(amount * rate, Interval.exactly(amount * rate))
        self.stale = True
        self.unknown.add(currency)
        return Part(ZERO, _of_sign(amount))

    def _position(self, row: Row) -> Part:
        instrument = self.dump.one("instrument", symbol=row["instrument_id"])
        assert instrument is not None
        units = row["quantity"] * instrument["multiplier"]
        expired = self._days_past_expiry(instrument)
        dead = expired is None and self._is_dead(instrument)
        factors = self._factors(instrument) if expired is None else (ZERO, ZERO, ZERO, ZERO)
        price = self._price(instrument, expired)
        # A dead long backs nothing: its price and its age decide nothing, unless equity is measured.
        counts = not (dead and units > 0) or bool(self.rule.get("on_equity"))
        if counts and not dead and (expired is None or expired <= self.limits.settlement_days):
            self._note_age_of_price(instrument["symbol"] if expired is None else instrument["underlying"])
        rate = self._rate(instrument["currency"])
        if price is not None and rate is not None:
            value = units * price * rate
            if value and counts:
                self._note_age_of_rate(instrument["currency"])
            return Part(value, Interval.exactly(value), factors, dead)
        if not counts:
            return Part(ZERO, Interval.exactly(ZERO), factors, dead)
        return self._unknown_position(row, units, rate, price, factors, dead)

    def _price(self, instrument: Row, expired: int | None) -> Fraction | None:
        if expired is not None:
            return self._expired_price(instrument, expired)
        quote = self.dump.one("quote", symbol=instrument["symbol"])
        return None if quote is None else mark_of(quote)

    def _note_age_of_price(self, symbol: str) -> None:
        quote = self.dump.one("quote", symbol=symbol)
        if quote is not None:
            self._note_age(quote["at"])

    def _unknown_position(
        self,
        row: Row,
        units: Fraction,
        rate: Fraction | None,
        price: Fraction | None,
        factors: Factors,
        dead: bool,
    ) -> Part:
        if price == 0:
            return Part(ZERO, Interval.exactly(ZERO), factors, dead)
        self.stale = True
        self.unknown.add(row["instrument_id"])
        cost = row["average_cost"] or None
        value = ZERO
        low = None
        if units < 0 and price is None and cost is not None and rate is not None:
            value = units * cost * rate
            low = value * (1 + self.limits.short_margin)
        worth = Interval(ZERO, None) if units > 0 else Interval(low, ZERO)
        return Part(value, worth, factors, dead)

    def _note_age(self, at: datetime) -> None:
        if self.now - at > self.limits.max_age:
            self.stale = True

    def _is_dead(self, instrument: Row) -> bool:
        if instrument["trade_status"] == "DELISTED":
            return True
        since: datetime | None = instrument["suspended_since"]
        suspended = instrument["trade_status"] == "SUSPENDED"
        return suspended and (since is None or self.now - since >= self.limits.dead_after)

    def _days_past_expiry(self, instrument: Row) -> int | None:
        if instrument["expiry"] is None:
            return None
        today = self.now.astimezone(ZONES[instrument["market"]]).date()
        days = (today - date.fromisoformat(instrument["expiry"])).days
        return days if days > 0 else None

    def _expired_price(self, option: Row, days: int) -> Fraction | None:
        if days > self.limits.settlement_days:
            return ZERO
        quote = self.dump.one("quote", symbol=option["underlying"])
        price = None if quote is None else mark_of(quote)
        if price is None:
            return ZERO
        strike: Fraction = option["strike"]
        return max(ZERO, price - strike if option["option_right"] == "CALL" else strike - price)

    def _factors(self, instrument: Row) -> Factors:
        symbol, client = instrument["symbol"], self.row["client_id"]
        set_for_client = self._setting("CLIENT_FACTORS", f"{client}:{symbol}")
        stated_for_client = self.dump.one("client_factor", client_id=client, instrument_id=symbol)
        set_for_all = self._setting("INSTRUMENT_FACTORS", symbol)
        for found in (set_for_client, stated_for_client, set_for_all, instrument):
            factors = _four_factors(found)
            if factors is not None:
                return factors
        return ONE, ONE, ONE, ONE

    def _setting(self, kind: str, subject: str) -> dict[str, Any] | None:
        rows = [
            row
            for row in self.dump.rows("risk_setting", kind=kind, subject=subject)
            if row["effective_at"] <= self.now
        ]
        if not rows:
            return None
        value: dict[str, Any] = json.loads(
            max(rows, key=lambda row: (row["effective_at"], row["number"]))["value"]
        )
        return value

    # Figures -----------------------------------------------------------------------------------------

    def _figures(self) -> dict[str, Fraction]:
        cash = _total(part.value for part in self.cash)
        interest = _total(part.value for part in self.interest)
        long = _total(part.value for part in self.positions if part.value > 0)
        short = _total(part.value for part in self.positions if part.value < 0)
        dead = _total(part.value for part in self.positions if part.dead and part.value > 0)
        equity = cash + long + short
        figures = {
            "cash": cash,
            "accrued_interest": interest,
            "long_market_value": long,
            "short_market_value": short,
            "dead_market_value": dead,
            "equity": equity,
            "liquid_net_assets": equity - dead,
        }
        names = ("initial_margin", "maintenance_margin", "margin_call_margin", "force_close_margin")
        for which, name in enumerate(names):
            figures[name] = _total(part.margin(which) for part in self.positions)
        figures["debt"] = max(ZERO, -cash)
        figures["over_financing"] = max(ZERO, figures["debt"] - self.row["financing_limit"])
        figures["amount"] = round_half_up(max(*self._asked(figures), ZERO), self.base)
        return figures

    def _fixed(self, interest: Fraction) -> Fraction:
        fixed = interest if self.rule.get("with_interest", True) else ZERO
        if self.rule.get("with_outstanding_margin", True):
            fixed += self.row["outstanding_margin"]
        return fixed - self.row["trading_limit"] if self.rule.get("with_trading_limit", True) else fixed

    def _asked(self, figures: Mapping[str, Fraction]) -> tuple[Fraction, Fraction]:
        """M1 and M2."""
        fixed = self._fixed(figures["accrued_interest"])
        if self._is_cash:
            return fixed - figures["cash"], ZERO
        assets = figures["equity" if self.rule.get("on_equity") else "liquid_net_assets"]
        over = figures["over_financing"] if self.rule.get("with_over_financing", True) else ZERO
        return self._coefficient * figures["margin_call_margin"] - assets + fixed, over

    @property
    def _is_cash(self) -> bool:
        return bool(self.row["type"] == "CASH" or self.rule.get("whole_debt"))

    @property
    def _coefficient(self) -> Fraction:
        return Fraction(self.rule.get("coefficient", "1"))

    # Calls -------------------------------------------------------------------------------------------

    def _excess(self, which: int = 1) -> Interval:
        """Liquid net assets less the maintenance margin (or another one), over all possible values."""
        excess = _all_of(part.worth for part in self.cash)
        for part in self.positions:
            if not part.dead:
                excess += self._of_position(part, part.factors[which])
            elif part.worth.low == part.worth.high:
                excess += Interval.exactly(min(part.value, ZERO))
            else:
                excess += part.worth
        return excess

    def _of_position(self, part: Part, factor: Fraction) -> Interval:
        """Its value less factor times its size, over all possible values."""
        long = part.worth.low is not None and part.worth.low >= 0
        return part.worth.times(1 - factor if long else 1 + factor)

    def _need(self) -> Interval:
        """max(M1, M2) over all possible values; the ends are those of the parts, each by itself."""
        fixed = Interval.exactly(self._fixed(ZERO))
        if self.rule.get("with_interest", True):
            fixed = _all_of((part.worth for part in self.interest), fixed)
        cash = _all_of(part.worth for part in self.cash)
        if self._is_cash:
            return fixed + cash.times(-ONE)
        margin = _all_of((self._for_margin(part) for part in self.positions), cash).times(-ONE) + fixed
        if not self.rule.get("with_over_financing", True):
            return margin
        over = self._over()
        low = max((end for end in (margin.low, over.low) if end is not None), default=None)
        high = None if margin.high is None or over.high is None else max(margin.high, over.high)
        return Interval(low, high)

    def _over(self) -> Interval:
        """M2 before it is cut off at 0."""
        debt = _all_of(part.worth for part in self.cash).times(-ONE)
        return debt + Interval.exactly(-self.row["financing_limit"])

    def _for_margin(self, part: Part) -> Interval:
        """What a position adds to net assets less k times the margin-call margin."""
        if not part.dead:
            return self._of_position(part, self._coefficient * part.factors[2])
        known = part.worth.low == part.worth.high
        if self.rule.get("on_equity") or not known:
            return part.worth
        return Interval.exactly(min(part.value, ZERO))

    def _due(self, below: Answer, owes: Answer, over: Answer) -> dict[str, Answer]:
        """Of each alert type that the account may have, whether its call is due."""
        if self.row["type"] == "CASH":
            return {"CASH_DEBT": owes}
        kind = {"MARGIN": "MAINTENANCE", "INTRADAY": "INTRADAY"}[self.row["type"]]
        due = {kind: owes if self.rule.get("whole_debt") else _both(owes, below)}
        return due | ({"OVER_FINANCING": over} if self.rule.get("over_financing_triggers") else {})

    def _to_collect(self, need: Interval) -> Answer:
        """Whether it is above 0 in whole minor units."""
        low, high = (
            None if end is None else bool(round_half_up(max(end, ZERO), self.base))
            for end in (need.low, need.high)
        )
        return True if low else (False if high is False else None)


def _below_zero(of: Interval) -> Answer:
    if of.high is not None and of.high < 0:
        return True
    return False if of.low is not None and of.low >= 0 else None


def _both(one: Answer, other: Answer) -> Answer:
    if one is False or other is False:
        return False
    return True if one and other else None


def _all_of(parts: Iterable[Interval], start: Interval | None = None) -> Interval:
    whole = start or Interval.exactly(ZERO)
    for part in parts:
        whole += part
    return whole


def _of_sign(amount: Fraction) -> Interval:
    return Interval(ZERO, None) if amount > 0 else Interval(None, ZERO)


def _total(values: Iterable[Fraction]) -> Fraction:
    return sum(values, ZERO)


def _four_factors(found: Mapping[str, Any] | None) -> Factors | None:
    """Of a setting's value or of a row."""
    if found is not None and "factors" in found:
        found = found["factors"]
        names = ("initial", "maintenance", "margin_call", "force_close")
    else:
        names = ("initial_factor", "maintenance_factor", "margin_call_factor", "force_close_factor")
    if found is None or found[names[0]] is None:
        return None
    initial, maintenance, margin_call, force_close = (Fraction(found[name]) for name in names)
    return initial, maintenance, margin_call, force_close
