"""Messages to clients: which message is sent when, and the states of a message.

A message is created in the transaction that decides it, and sent later by a worker. Whether it was read is
unknown: SENT means that the channel's service accepted it. The worker may die between sending and recording
that, so a message is sent at least once; its id is sent along, so that the service can drop a repeat.
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
"""Also sent to the receiving service, so that it can recognise a repeat."""


class Channel(StrEnum):
    """The channel by which a client is reached."""

    PUSH = "PUSH"
    SMS = "SMS"
    EMAIL = "EMAIL"
    VOICE = "VOICE"


class Language(StrEnum):
    """The language of a message, as a BCP 47 code."""

    ENGLISH = "en"
    SIMPLIFIED_CHINESE = "zh-Hans"
    TRADITIONAL_CHINESE = "zh-Hant"


class MessageTemplate(StrEnum):
    """The template of a message."""

    MARGIN_CALL = "MARGIN_CALL"
    REMINDER = "REMINDER"
    FORCE_CLOSE_WARNING = "FORCE_CLOSE_WARNING"
    SOLD = "SOLD"
    CURED = "CURED"
    WITHDRAWN = "WITHDRAWN"
    FREE_TEXT = "FREE_TEXT"


class MessageStatus(StrEnum):
    """The status of a message."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


class MessageTrigger(StrEnum):
    """The events of a message."""

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
    # An answer arrived after the message had been given up: it was sent, and the record says so.
    (_S.FAILED, _T.ACCEPTED): _S.SENT,
    (_S.EXPIRED, _T.ACCEPTED): _S.SENT,
}
"""The status after each trigger; every other pair changes nothing."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local times between which the client must not be disturbed; may span midnight. Equal times: never."""

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
    """The addresses of a client; None: not reachable this way."""

    email: str | None = None
    phone: str | None = None
    push_id: str | None = None
    language: Language = Language.ENGLISH
    time_zone: str = "UTC"
    quiet_hours: QuietHours | None = None

    def address(self, channel: Channel) -> str | None:
        """The address on this channel, or None."""
        match channel:
            case Channel.EMAIL:
                return self.email
            case Channel.PUSH:
                return self.push_id
            case Channel.SMS | Channel.VOICE:
                return self.phone

    def may_be_disturbed_from(self, now: datetime) -> datetime:
        """`now`, or the end of the quiet hours that contain `now`."""
        if self.quiet_hours is None:
            return now
        local = now.astimezone(ZoneInfo(self.time_zone))
        if not self.quiet_hours.holds(local.time().replace(tzinfo=None)):
            return now
        return _next(self.quiet_hours.ends, local)


@dataclass(frozen=True, slots=True)
class Message:
    """One message on one channel. `recipient` is None only if the client had no address; the message then
    FAILED.
    """

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
    """The time as of which its amount holds; None: it states no amount."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """The values inserted into the text, by placeholder."""
    earlier_bodies: tuple[str, ...] = ()
    """Texts of earlier attempts that may have been sent with other content, the oldest first."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an attempt failed, as far as known; with `begun`, the message may have been sent all the same."""

    reason: str
    begun: bool = True


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The wait doubles from `first` to `longest`; after `attempts` attempts the message is given up."""

    first: timedelta
    longest: timedelta
    attempts: int

    def wait(self, attempts: int, jitter: float) -> timedelta:
        """The wait after the `attempts`-th attempt; `jitter` from 0 to 1 removes up to half of it."""
        whole = backoff(self.first, self.longest, attempts)
        return whole * (1 - jitter / 2)


def _next(at: time, local: datetime) -> datetime:
    """The next occurrence of that time of day, in UTC; of an hour that occurs twice, the second."""
    for days in range(2):
        ends = datetime.combine(local.date() + timedelta(days=days), at, local.tzinfo)
        for fold in (0, 1):
            moment = ends.replace(fold=fold).astimezone(UTC)
            if moment > local:
                return moment
    raise AssertionError(f"no {at} after {local}")


def step(message: Message, trigger: MessageTrigger, now: datetime, reason: str | None = None) -> Message:
    """The message after the trigger; unchanged if the trigger no longer applies."""
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
    """The message after an attempt that is counted already; `fault` None: the service accepted it."""
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
    """A claimed message whose client no longer has an address on its channel: no attempt began."""
    return step(_uncounted(message), MessageTrigger.GIVEN_UP, now, NO_ADDRESS)


def _again(message: Message, reason: str, policy: RetryPolicy, jitter: float, now: datetime) -> Message:
    again_at = now + policy.wait(message.attempts, jitter)
    if again_at >= message.latest_at:
        return step(message, MessageTrigger.TOO_LATE, now, reason)
    return replace(step(message, MessageTrigger.NOT_ACCEPTED, now, reason), next_attempt_at=again_at)


def _uncounted(message: Message) -> Message:
    """Take back the attempt that was counted when the message was claimed."""
    return replace(message, attempts=message.attempts - 1)


def _known(message: Message, fault: Fault) -> str:
    """The reason of a message whose latest attempt did not begin: earlier attempts may have sent it."""
    return fault.reason if message.attempts == 1 else message.reason or UNKNOWN_END


def before_attempt(
    message: Message, case_status: CaseStatus, contact: Contact, policy: RetryPolicy, now: datetime
) -> Message | None:
    """The new state of a claimed message (its attempt counted) that must not be sent now, or None.

    Quiet hours are checked for every attempt: a service that recovers at night must not wake clients.
    """
    if is_pointless(message, case_status):
        return step(message, MessageTrigger.POINTLESS, now, "the case no longer calls for the message")
    if message.attempts > policy.attempts:
        # How the last attempt ended was not recorded.
        return step(message, MessageTrigger.GIVEN_UP, now, message.reason or UNKNOWN_END)
    quiet_until = contact.may_be_disturbed_from(now)
    if quiet_until <= now:
        return None
    if quiet_until >= message.latest_at:
        return step(message, MessageTrigger.TOO_LATE, now, message.reason or QUIET)
    return replace(_uncounted(message), next_attempt_at=quiet_until)


TRUE_AFTERWARDS = frozenset({MessageTemplate.SOLD, MessageTemplate.CURED, MessageTemplate.WITHDRAWN})
"""Templates about facts that remain true after the case has ended, or while an operator follows it up."""
NO_ADDRESS = "the client has no address for this channel"
UNKNOWN_END = "every attempt was interrupted; the message may have been sent"
QUIET = "the client's quiet hours end only after the message's latest time"


def put_off(message: Message, reason: str, until: datetime, now: datetime) -> Message:
    """A claimed message that may not be sent now, for this reason: sent later, or too late then."""
    if until >= message.latest_at:
        return step(message, MessageTrigger.TOO_LATE, now, reason)
    waiting = step(_uncounted(message), MessageTrigger.NOT_ACCEPTED, now, reason)
    return replace(waiting, next_attempt_at=until)


def reworded(message: Message, now_says: Message) -> Message:
    """A claimed message with current text; text that may have been sent before is kept."""
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
    """Whether it demands something no longer owed, or reminds automatically while an operator follows up."""
    if message.template in TRUE_AFTERWARDS:
        return False
    return message.automatic if status is CaseStatus.EXCEPTION else status not in LIVE


@dataclass(slots=True)
class Circuit:
    """A circuit breaker per channel: after `failures_max` failures in a row, one attempt per `pause`."""

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
        """Record the end of an attempt; True if it opened the circuit."""
        was_whole = self.closed_until is None
        self.failures = 0 if fault is None else self.failures + 1
        self.closed_until = now + self.pause if self.failures >= self.failures_max else None
        return was_whole and self.closed_until is not None


def daily_template(case: Case, zone: ZoneInfo, now: datetime, called_before: bool) -> MessageTemplate:
    """The template of today's automatic message: first the call, then reminders, on the last day the warning.

    An intraday account is called and due on the same day: its call states the time.
    """
    if case.alert_type is AlertType.INTRADAY and not called_before:
        return MessageTemplate.MARGIN_CALL
    if now.astimezone(zone).date() >= case.deadline.astimezone(zone).date():
        return MessageTemplate.FORCE_CLOSE_WARNING
    return MessageTemplate.REMINDER if called_before else MessageTemplate.MARGIN_CALL
