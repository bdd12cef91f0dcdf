"""The outcome of each incoming message, so that none disappears without a record.

A message is used, superseded by a newer one, held until its time, or dead: it cannot be used, with a reason.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from domain.book_changes import BookChange, CashStated, ContactStated, PositionStated, TradeStatusStated
from domain.market import FxRate, Quote

Message = Quote | FxRate | BookChange
"""A message of a feed."""


class InputKind(StrEnum):
    """The type of a message, as the message states it; UNREADABLE if its type cannot be read."""

    QUOTE = "quote"
    FX = "fx"
    POSITION = "position"
    CASH = "cash"
    TRADE_STATUS = "tradeStatus"
    CONTACT = "contact"
    UNREADABLE = "unreadable"


class InputResult(StrEnum):
    """The outcome of a message."""

    USED = "USED"
    SUPERSEDED = "SUPERSEDED"
    """The desk holds a newer state."""
    HELD = "HELD"
    """Its time is ahead of the clock: the desk uses it when that time has come."""
    DEAD = "DEAD"
    """It cannot be used and is stored among the dead letters."""


class DeadReason(StrEnum):
    """Why a message cannot be used, in one word, as a label of metrics."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    UNKNOWN_SUBJECT = "unknown_subject"
    NOT_HELD = "cannot_be_held"
    """The account is known, but the desk cannot store the statement about it: the account is incomplete."""
    AHEAD = "too_far_ahead"
    TRIMMED = "trimmed"


@dataclass(frozen=True, slots=True)
class InputSubject:
    """The subject of a message: `owner` is an account or client number, `about` a symbol, currency or
    pair.
    """

    kind: InputKind
    owner: str = ""
    about: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.owner, self.about) if part)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one message. `stated_at`: the time that the message states, if it can be read."""

    subject: InputSubject
    result: InputResult
    stated_at: datetime | None
    reason: str = ""
    """The newer state, the time until which it is held, or why it is dead; empty if it was used."""
    dead: DeadReason | None = None

    def __post_init__(self) -> None:
        assert (self.dead is not None) == (self.result is InputResult.DEAD)


def subject_of(message: Message) -> InputSubject:
    """The subject of the message."""
    match message:
        case Quote():
            return InputSubject(InputKind.QUOTE, about=message.symbol)
        case FxRate():
            return InputSubject(InputKind.FX, about=f"{message.base_currency}/{message.quote_currency}")
        case PositionStated():
            return InputSubject(InputKind.POSITION, message.account_no, message.symbol)
        case CashStated():
            return InputSubject(InputKind.CASH, message.account_no, message.currency)
        case TradeStatusStated():
            return InputSubject(InputKind.TRADE_STATUS, about=message.symbol)
        case ContactStated():
            return InputSubject(InputKind.CONTACT, message.client_no)


def at_time(message: Message, at: datetime) -> Message:
    """The same message with another time."""
    if isinstance(message, TradeStatusStated):
        since = None if message.since is None else min(message.since, at)
        return replace(message, at=at, since=since)
    if isinstance(message, Quote | FxRate):
        return replace(message, at=at)
    return replace(message, as_of=at)


def stated_at(message: Message) -> datetime:
    """The time that the message states."""
    if isinstance(message, Quote | FxRate | TradeStatusStated):
        return message.at
    return message.as_of


def superseded(message: Message, by: datetime) -> Outcome:
    """The outcome if the desk holds a newer state, of the time `by`."""
    reason = f"the desk holds a newer state, of {by.isoformat()}"
    return Outcome(subject_of(message), InputResult.SUPERSEDED, stated_at(message), reason)


def dead(message: Message, why: DeadReason, reason: str) -> Outcome:
    """The outcome if the message cannot be used."""
    return Outcome(subject_of(message), InputResult.DEAD, stated_at(message), reason, why)
