"""The automatic message of the day: one per live case and trading day until its deadline, one of its cure.

The leader sweeps. What makes a sweep harmless to repeat, or to run twice at once, is the message's key,
which the database keeps unique: the case and the day of the account's market. In quiet hours nothing is
written down, so the figures in a message are those of when it goes out.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from desk.audit import MESSAGES, entry, message_entry
from desk.desk import Desk
from desk.outward.compose_message import compose, note_notice
from desk.turns import Turns, Work
from domain.case import CaseStatus
from domain.events import CaseView
from domain.ids import CaseId
from domain.message import Channel, Contact, Message, MessageStatus, MessageTemplate, daily_template
from domain.money import Currency
from domain.principal import EVERYTHING
from models.audit import AuditEntry, write_audit
from models.book import lock_accounts
from models.case import load_cases
from models.database import Busy, transaction
from models.message import (
    Expired,
    Untold,
    base_currencies,
    expire_late,
    insert_message,
    untold_cases,
    untold_cures,
)

SWEEP_CASES = 500
CURES_TOLD_FOR = timedelta(days=1)
"""A cure that nobody could be told of for so long (quiet hours, an outage) is old news."""

Page = Callable[[CaseId | None], Awaitable[list[Untold]]]


async def sweep_messages(desk: Desk, turns: Turns) -> int:
    """Write down what is due, end what is too late; how many were written down. A market or a case that
    fails holds up no other."""
    now = desk.clock()
    while await _expire(now) == SWEEP_CASES:
        pass
    if not desk.rules.messages.automatic:
        return 0
    sweep = _Sweep(desk, turns, now)
    for market, currencies in (await _markets(desk)).items():
        await sweep.take(f"messages of {market}", partial(sweep.day, market, currencies))
    await sweep.take("messages of cures", sweep.cures)
    return sweep.queued


async def _expire(now: datetime) -> int:
    async with transaction():
        expired = await expire_late(now, SWEEP_CASES)
        await write_audit([_expiry(each, now) for each in expired])
    return len(expired)


def _expiry(expired: Expired, now: datetime) -> AuditEntry:
    return entry(
        *(MESSAGES, now, "messageSettled", "case", expired.case_id, {"message": expired.message_id}),
        before={"status": MessageStatus.QUEUED},
        after={"status": MessageStatus.EXPIRED, "reason": expired.reason},
    )


async def _markets(desk: Desk) -> dict[str, list[str]]:
    markets: dict[str, list[str]] = defaultdict(list)
    for currency in await base_currencies():
        markets[desk.market_of(Currency(currency))].append(currency)
    return markets


@dataclass(slots=True)
class _Sweep:
    desk: Desk
    turns: Turns
    now: datetime
    queued: int = 0

    async def take(self, who: str, work: Work) -> None:
        """Its turn, unless it waits."""
        if not self.turns.waits(who):
            await self.turns.take(who, "automatic messages", work)

    async def day(self, market: str, currencies: list[str]) -> None:
        """The message of the day, where the market trades."""
        calendar = self.desk.calendar_of(market)
        today = self.now.astimezone(calendar.zone).date()
        if not calendar.is_trading_day(today):
            return
        day = today.isoformat()
        async for untold in _each(lambda after: untold_cases(day, currencies, self.now, after, SWEEP_CASES)):
            await self.take(f"message {untold.case_id}", partial(self._tell_of_day, untold, calendar.zone))

    async def cures(self) -> None:
        """The word that it is over."""
        since = self.now - CURES_TOLD_FOR
        async for untold in _each(lambda after: untold_cures(since, after, SWEEP_CASES)):
            await self.take(f"message {untold.case_id}", partial(self._tell_of_cure, untold))

    async def _tell_of_day(self, untold: Untold, zone: ZoneInfo) -> None:
        local = self.now.astimezone(zone)
        # The call of today goes out at once, what is older in the morning.
        is_older = untold.told_before or untold.opened_at.astimezone(zone).date() < local.date()
        if is_older and local.time() < self.desk.rules.messages.daily_from:
            return
        if not _is_quiet(untold.contact, self.now):
            key = f"{untold.case_id}:{local.date().isoformat()}"
            self.queued += await _tell(self.desk, untold, key, zone, self.now)

    async def _tell_of_cure(self, untold: Untold) -> None:
        if not _is_quiet(untold.contact, self.now):
            self.queued += await _tell(self.desk, untold, f"{untold.case_id}:cured", None, self.now)


async def _tell(desk: Desk, untold: Untold, key: str, zone: ZoneInfo | None, now: datetime) -> bool:
    """`zone` None: tell of the cure. An account that somebody works on is left to the next sweep."""
    try:
        async with transaction():
            await lock_accounts([untold.account_id], wait=False)
            view = (await load_cases(EVERYTHING, [untold.case_id]))[untold.case_id]
            template = _template(view, untold, zone, now)
            if template is None:
                return False
            message = _message(desk, view, untold.contact, template, now)
            stored = await insert_message(message, key)
            if stored:
                await write_audit([message_entry(MESSAGES, now, "sendMessage", None, message)])
                await note_notice(desk, view.case, message)
            return stored
    except Busy:
        return False


def _template(view: CaseView, untold: Untold, zone: ZoneInfo | None, now: datetime) -> MessageTemplate | None:
    """As the case stands under its lock; None: there is nothing to say any more."""
    if zone is None:
        return MessageTemplate.CURED if view.case.status is CaseStatus.RESOLVED else None
    if view.case.messages_muted(now):
        return None
    return daily_template(view.case, zone, now, untold.told_before)


def _message(
    desk: Desk, view: CaseView, contact: Contact | None, template: MessageTemplate, now: datetime
) -> Message:
    rules = desk.rules.messages
    latest_at = now + rules.lifetime
    if template is not MessageTemplate.CURED:
        latest_at = min(latest_at, view.case.deadline)
    channel = _channel(rules.automatic, contact)
    return compose(*(desk, view, contact, channel, template, now), placed_by=MESSAGES, latest_at=latest_at)


def _channel(preferred: tuple[Channel, ...], contact: Contact | None) -> Channel:
    """The first that reaches the client; none does: the first, and the message says that it failed."""
    reach = (channel for channel in preferred if contact is not None and contact.address(channel))
    return next(reach, preferred[0])


def _is_quiet(contact: Contact | None, now: datetime) -> bool:
    return contact is not None and contact.may_be_disturbed_from(now) > now


async def _each(page: Page) -> AsyncIterator[Untold]:
    after: CaseId | None = None
    while rows := await page(after):
        for row in rows:
            yield row
        after = rows[-1].case_id
