"""Why the desk cannot judge an account, or only after an operator has checked it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DoubtReason(StrEnum):
    """The reason why the desk cannot judge an account."""

    NO_PRICE = "NO_PRICE"
    """A position has no price, and the decision depends on its value."""
    NO_FX_RATE = "NO_FX_RATE"
    """A currency has no rate, and the decision depends on it."""
    INCOMPLETE = "INCOMPLETE"
    """The book of record stated something that the desk cannot store, such as an unknown instrument."""
    UNKNOWN_CALENDAR = "UNKNOWN_CALENDAR"
    """A market has no calendar, or its calendar has ended."""
    FAULT = "FAULT"
    """The desk failed at the account. It tries again after a growing wait."""
    LOCKED = "LOCKED"
    """The row of the account stayed locked by another transaction."""
    TOO_LARGE = "TOO_LARGE"
    """The figures are larger than can be stored."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One reason, and its start. `subject`: a symbol, currency or market; empty: the account as a whole."""

    reason: DoubtReason
    subject: str
    detail: str
    since: datetime
