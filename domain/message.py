"""Messages to clients: what is sent when, and the life of one message as a table.

A message is written down in the transaction that decides it, and sent later by a worker. Nobody tells
whether it was read: SENT means that the channel's service took it. The worker may die between sending and
writing that down, so a message is sent at least once; its id goes along, for the service to drop a repeat.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import NewType
from zoneinfo import ZoneInfo

from domain.backoff import backoff
from domain.case import LIVE, AlertType, Case, CaseStatus
from domain.ids import CaseId, ClientId
from domain.moments import parse_time_of_day

_QUIET = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)", re.ASCII)

MessageId = NewType("MessageId", str)
"""Also what the receiving service is given to recognise a repeat."""


class Channel(StrEnum):
    """How a client is reached."""

    PUSH = "PUSH"
    SMS = "SMS"
    EMAIL = "EMAIL"
    VOICE = "VOICE"


class Language(StrEnum):
    """What the templates are written in, as BCP 47 says it."""

    ENGLISH = "en"
    SIMPLIFIED_CHINESE = "zh-Hans"
    TRADITIONAL_CHINESE = "zh-Hant"


class MessageTemplate(StrEnum):
    """What a message says."""

    MARGIN_CALL = "MARGIN_CALL"
    REMINDER = "REMINDER"
    FORCE_CLOSE_WARNING = "FORCE_CLOSE_WARNING"
    SOLD = "SOLD"
    CURED = "CURED"
    WITHDRAWN = "WITHDRAWN"
    FREE_TEXT = "FREE_TEXT"


class MessageStatus(StrEnum):
    """Where a message stands."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


class MessageTrigger(StrEnum):
    """What happens to a message."""

    ACCEPTED = "ACCEPTED"
    NOT_ACCEPTED = "NOT_ACCEPTED"
    GIVEN_UP = "GIVEN_UP"
    TOO_LATE = "TOO_LATE"
    POINTLESS = "POINTLESS"


_S, _T = MessageStatus, MessageTrigger

TRANSITIONS: Mapping[tuple[MessageStatus, MessageTrigger], MessageStatus] = {
    (_S.QUEUED, _T.ACCEPTED): _S.SENT,
    (_S.QUEUED, _T.NOT_ACCEPTED): _S.QUEUED,
    (_S.QUEUED, _T.GIVEN_UP): _S.FAILED,
    (_S.QUEUED, _T.TOO_LATE): _S.EXPIRED,
    (_S.QUEUED, _T.POINTLESS): _S.EXPIRED,
    # An answer that came after the message was given up: it did go out, and the record says so.
    (_S.FAILED, _T.ACCEPTED): _S.SENT,
    (_S.EXPIRED, _T.ACCEPTED): _S.SENT,
}
"""Where each trigger leads; every other pair changes nothing."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When the client is not to be disturbed, local time; may span midnight. Equal ends: never quiet."""

    begins: time
    ends: time

    def __str__(self) -> str:
        return f"{self.begins:%H:%M}-{self.ends:%H:%M}"

    @classmethod
    def parse(cls, text: str) -> "QuietHours":
        """From ``22:00-08:00``; ValueError for anything else."""
        match = _QUIET.fullmatch(text)
        if match is None:
            raise ValueError("two times of day such as 22:00-08:00")
        return cls(parse_time_of_day(match[1]), parse_time_of_day(match[2]))

    def holds(self, at: time) -> bool:
        """Whether this time of day is quiet."""
        if self.begins <= self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends


@dataclass(frozen=True, slots=True)
class Contact:
    """How a client is reached; None: not this way."""

    email: str | None = None
    phone: str | None = None
    push_id: str | None = None
    language: Language = Language.ENGLISH
    time_zone: str = "UTC"
    quiet_hours: QuietHours | None = None

    def address(self, channel: Channel) -> str | None:
        """Where the channel delivers to."""
        match channel:
            case Channel.EMAIL:
                return self.email
            case Channel.PUSH:
                return self.push_id
            case Channel.SMS | Channel.VOICE:
                return self.phone

    def may_be_disturbed_from(self, now: datetime) -> datetime:
        """`now`, or the end of the quiet hours that `now` is in."""
        if self.quiet_hours is None:
            return now
        local = now.astimezone(ZoneInfo(self.time_zone))
        if not self.quiet_hours.holds(local.time().replace(tzinfo=None)):
            return now
        return _next(self.quiet_hours.ends, local)


@dataclass(frozen=True, slots=True)
class Message:
    """One message on one channel. `recipient` is None only when the client has no address: it then FAILED."""

    id: MessageId
    case_id: CaseId
    client_id: ClientId
    channel: Channel
    template: MessageTemplate
    language: Language
    title: str
    body: str
    recipient: str | None
    automatic: bool
    placed_by: str
    created_at: datetime
    earliest_at: datetime
    latest_at: datetime
    status: MessageStatus = MessageStatus.QUEUED
    attempts: int = 0
    next_attempt_at: datetime | None = None
    settled_at: datetime | None = None
    reason: str | None = None
    figures_as_of: datetime | None = None
    """Since when at the latest the amount in it holds; None: it tells no amount."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What was put into the text, by the names of the placeholders."""
    earlier_bodies: tuple[str, ...] = ()
    """Of earlier attempts that may have gone out with other words, the oldest first."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an attempt came to nothing, as far as is known: one that has `begun` may have gone out."""

    reason: str
    begun: bool = True


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The wait doubles from `first` to `longest`; after `attempts` of them it is given up."""

    first: timedelta
    longest: timedelta
    attempts: int

    def wait(self, attempts: int, jitter: float) -> timedelta:
        """After the `attempts`-th attempt; `jitter` from 0 to 1 takes away up to half of it."""
        whole = backoff(self.first, self.longest, attempts)
        return whole * (1 - jitter / 2)


def _next(at: time, local: datetime) -> datetime:
    """When it is next that time of day, in UTC; an hour that comes twice is over after the second."""
    for days in range(2):
        ends = datetime.combine(local.date() + timedelta(days=days), at, local.tzinfo)
        for fold in (0, 1):
            moment = ends.replace(fold=fold).astimezone(UTC)
            if moment > local:
                return moment
    raise AssertionError(f"no {at} after {local}")


def step(message: Message, trigger: MessageTrigger, now: datetime, reason: str | None = None) -> Message:
    """The message after the trigger; the same when it means nothing to it any more."""
    target = TRANSITIONS.get((message.status, trigger))
    if target is None:
        return message
    return replace(
        message,
        status=target,
        settled_at=None if target is MessageStatus.QUEUED else now,
        reason=reason,
    )


def after_attempt(
    message: Message, fault: Fault | None, policy: RetryPolicy, jitter: float, now: datetime
) -> Message:
    """After an attempt that is counted already; `fault` None: the service took it."""
    if fault is None:
        return step(message, MessageTrigger.ACCEPTED, now)
    if message.status is not MessageStatus.QUEUED:
        return message
    if not fault.begun:
        return _again(_uncounted(message), _known(message, fault), policy, jitter, now)
    if message.attempts >= policy.attempts:
        return step(message, MessageTrigger.GIVEN_UP, now, fault.reason)
    return _again(message, fault.reason, policy, jitter, now)


def unaddressed(message: Message, now: datetime) -> Message:
    """A claimed message whose client has no address for its channel any more: no attempt began."""
    return step(_uncounted(message), MessageTrigger.GIVEN_UP, now, NO_ADDRESS)


def _again(message: Message, reason: str, policy: RetryPolicy, jitter: float, now: datetime) -> Message:
    again_at = now + policy.wait(message.attempts, jitter)
    if again_at >= message.latest_at:
        return step(message, MessageTrigger.TOO_LATE, now, reason)
    return replace(step(message, MessageTrigger.NOT_ACCEPTED, now, reason), next_attempt_at=again_at)


def _uncounted(message: Message) -> Message:
    """The attempt that was counted when the message was claimed was none."""
    return replace(message, attempts=message.attempts - 1)


def _known(message: Message, fault: Fault) -> str:
    """Of a message whose latest attempt did not begin: those before it, if any, may have gone out."""
    return fault.reason if message.attempts == 1 else message.reason or UNKNOWN_END


def before_attempt(
    message: Message, case_status: CaseStatus, contact: Contact, policy: RetryPolicy, now: datetime
) -> Message | None:
    """What becomes of a message that was claimed (and its attempt counted) and must not be sent now, or None.

    The quiet hours are asked for every attempt: a service that was away until night wakes nobody.
    """
    if is_pointless(message, case_status):
        return step(message, MessageTrigger.POINTLESS, now, "the case no longer calls for it")
    if message.attempts > policy.attempts:
        # Nobody wrote down how the last one ended.
        return step(message, MessageTrigger.GIVEN_UP, now, message.reason or UNKNOWN_END)
    quiet_until = contact.may_be_disturbed_from(now)
    if quiet_until <= now:
        return None
    if quiet_until >= message.latest_at:
        return step(message, MessageTrigger.TOO_LATE, now, message.reason or QUIET)
    return replace(_uncounted(message), next_attempt_at=quiet_until)


TOLD_AFTERWARDS = frozenset({MessageTemplate.SOLD, MessageTemplate.CURED, MessageTemplate.WITHDRAWN})
"""What happened stays true when the case has ended, or a person follows it up."""
NO_ADDRESS = "the client has no address for this channel"
UNKNOWN_END = "every attempt was cut off; it may have gone out"
QUIET = "the client's quiet hours last until after its time"


def put_off(message: Message, reason: str, until: datetime, now: datetime) -> Message:
    """A claimed message that may not be sent at this moment, for this reason: later, or too late then."""
    if until >= message.latest_at:
        return step(message, MessageTrigger.TOO_LATE, now, reason)
    waiting = step(_uncounted(message), MessageTrigger.NOT_ACCEPTED, now, reason)
    return replace(waiting, next_attempt_at=until)


def reworded(message: Message, now_says: Message) -> Message:
    """A claimed message with the words of this moment; words that may have gone out before are kept."""
    if (message.title, message.body) == (now_says.title, now_says.body):
        return replace(message, figures_as_of=now_says.figures_as_of, parameters=now_says.parameters)
    may_have_gone_out = message.attempts > 1
    return replace(
        message,
        language=now_says.language,
        title=now_says.title,
        body=now_says.body,
        figures_as_of=now_says.figures_as_of,
        parameters=now_says.parameters,
        earlier_bodies=(*message.earlier_bodies, *((message.body,) if may_have_gone_out else ())),
    )


def is_pointless(message: Message, status: CaseStatus) -> bool:
    """It asks for what is no longer owed, or reminds automatically of what a person now follows up."""
    if message.template in TOLD_AFTERWARDS:
        return False
    return message.automatic if status is CaseStatus.EXCEPTION else status not in LIVE


@dataclass(slots=True)
class Circuit:
    """Spares a dead channel, and its bill: after `failures_max` failures in a row one attempt per `pause`."""

    failures_max: int
    pause: timedelta
    failures: int = 0
    closed_until: datetime | None = None

    def room(self, now: datetime, free: int) -> int:
        """How many attempts may begin."""
        if self.closed_until is None:
            return free
        return 0 if now < self.closed_until else min(free, 1)

    def note(self, fault: Fault | None, now: datetime) -> bool:
        """Hear of an attempt's end; True when this one broke the circuit."""
        was_whole = self.closed_until is None
        self.failures = 0 if fault is None else self.failures + 1
        self.closed_until = now + self.pause if self.failures >= self.failures_max else None
        return was_whole and self.closed_until is not None


def daily_template(case: Case, zone: ZoneInfo, now: datetime, told_before: bool) -> MessageTemplate:
    """What today's automatic message says: first the call, then reminders, on the last day the warning. An
    intraday account is called and due on the same day: its call names the time."""
    if case.alert_type is AlertType.INTRADAY and not told_before:
        return MessageTemplate.MARGIN_CALL
    if now.astimezone(zone).date() >= case.deadline.astimezone(zone).date():
        return MessageTemplate.FORCE_CLOSE_WARNING
    return MessageTemplate.REMINDER if told_before else MessageTemplate.MARGIN_CALL
