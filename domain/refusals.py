"""The complete list of business "no". A refusal is a value that is returned, never an exception."""

from dataclasses import dataclass
from enum import StrEnum


class RefusalCode(StrEnum):
    """Why the desk does not do what it was asked to do."""

    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    CASE_CLOSED = "CASE_CLOSED"
    CASE_IN_EXCEPTION = "CASE_IN_EXCEPTION"
    CASE_HAS_OPEN_ORDERS = "CASE_HAS_OPEN_ORDERS"
    CASE_CLAIMED = "CASE_CLAIMED"
    NOT_IN_EXCEPTION = "NOT_IN_EXCEPTION"
    NOTHING_TO_COLLECT = "NOTHING_TO_COLLECT"
    NOTHING_SELLABLE = "NOTHING_SELLABLE"
    QUANTITY_EXCEEDS_SELLABLE = "QUANTITY_EXCEEDS_SELLABLE"
    OFF_LOT = "OFF_LOT"
    CAPPED = "CAPPED"
    PRICE_OUTSIDE_BAND = "PRICE_OUTSIDE_BAND"
    NO_QUOTE = "NO_QUOTE"
    STALE_QUOTE = "STALE_QUOTE"
    MARKET_CLOSED = "MARKET_CLOSED"
    INSTRUMENT_SUSPENDED = "INSTRUMENT_SUSPENDED"
    INCREASES_EXPOSURE = "INCREASES_EXPOSURE"
    CANNOT_CURE = "CANNOT_CURE"
    SWITCH_OFF = "SWITCH_OFF"
    FROZEN = "FROZEN"
    TOO_LATE = "TOO_LATE"
    APPROVAL_REQUIRED = "APPROVAL_REQUIRED"
    APPROVAL_PENDING = "APPROVAL_PENDING"
    APPROVAL_DECIDED = "APPROVAL_DECIDED"
    SAME_PERSON = "SAME_PERSON"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A "no" with its code and a sentence that tells the user what to do about it."""

    code: RefusalCode
    message: str
