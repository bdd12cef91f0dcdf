"""From cash, positions and prices to margin figures and the amount to collect."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum

from domain.ids import Symbol
from domain.market import FxRate, Instrument, MarginFactors, Quote
from domain.money import ONE, ZERO, Currency


class AccountType(StrEnum):
    """MARGIN lends against positions, INTRADAY only within the day, CASH not at all."""

    MARGIN = "MARGIN"
    INTRADAY = "INTRADAY"
    CASH = "CASH"


class RiskLevel(IntEnum):
    """The client-facing level. DANGER: liquid net assets at or below maintenance."""

    SAFE = 0
    MEDIUM = 1
    WARNING = 2
    DANGER = 3


@dataclass(frozen=True, slots=True)
class AmountRule:
    """The parts of the amount to collect that the back office has switched on, per account type."""

    coefficient: Decimal = ONE
    with_interest: bool = True
    with_outstanding_margin: bool = True
    with_trading_limit: bool = True
    with_over_financing: bool = True
    over_financing_triggers: bool = False
    """A case opens on over-financing alone (alert type OVER_FINANCING)."""
    on_equity: bool = False
    """Measure equity instead of liquid net assets (the conservative default)."""


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """What was agreed with the client. Amounts are in `base_currency`."""

    account_type: AccountType
    base_currency: Currency
    financing_limit: Decimal = ZERO
    trading_limit: Decimal = ZERO
    outstanding_margin: Decimal = ZERO
    """Margin owed from earlier calls ("Owed" in the formulas)."""


@dataclass(frozen=True, slots=True)
class CashBalance:
    """Ledger cash in one currency, debit negative, frozen cash included; interest accrued is a cost >= 0."""

    currency: Currency
    balance: Decimal
    accrued_interest: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Holding:
    """One position: `quantity` > 0 long, < 0 short, never 0."""

    instrument: Instrument
    quantity: Decimal
    factors: MarginFactors
    quote: Quote | None
    dead: bool = False
    average_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that the figures of one account are computed from."""

    terms: AccountTerms
    rule: AmountRule
    cash: tuple[CashBalance, ...]
    holdings: tuple[Holding, ...]
    fx: Mapping[Currency, FxRate]
    """currency -> rate into the base currency; the base currency itself needs none."""

    def holding(self, symbol: Symbol) -> Holding | None:
        """The position in `symbol`, if there is one."""
        return next((held for held in self.holdings if held.instrument.symbol == symbol), None)


@dataclass(frozen=True, slots=True)
class MarginFigures:
    """The figures of one account at `as_of`, exact, in the base currency; `amount` is whole minor units."""

    as_of: datetime
    stale: bool
    cash: Decimal
    long_market_value: Decimal
    short_market_value: Decimal
    """Zero or negative."""
    dead_market_value: Decimal
    equity: Decimal
    liquid_net_assets: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    margin_call_margin: Decimal
    force_close_margin: Decimal
    net_asset_ratio: Decimal | None
    debt: Decimal
    over_financing: Decimal
    accrued_interest: Decimal
    outstanding_margin: Decimal
    trading_limit: Decimal
    amount: Decimal
    """max(M1, M2, 0), HALF_UP to the minor unit: what a client pays to be cured, and what decides."""
    risk_level: RiskLevel


def compute_figures(book: Book, now: datetime, max_age: timedelta) -> MarginFigures:
    """The figures from nothing but the book."""
    raise NotImplementedError
