"""Automatic messages: one per live case and trading day until its deadline, then about sales and the case's
end.

The leader sweeps. A sweep is safe to repeat, or to run twice at once, because the message's key is unique in
the database: the case and the day of the account's market. A message that was not sent does not use up its
day: it is created again, on a channel that has not failed at it. In quiet hours no message is created, so the
figures in a message are those of the time when it is sent.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from desk.audit import MESSAGES, entry, message_entry
from desk.context import DeskContext
from desk.fair_scheduler import FairScheduler, Work
from desk.outbound.compose_message import MessageDraft, compose
from desk.outbound.standing import look_again
from domain.case import Case, CaseStatus
from domain.ids import CaseId
from domain.letter import unfit, wait_for, waits_for_prices
from domain.message import Channel, Contact, MessageStatus, MessageTemplate, daily_template
from domain.principal import EVERYTHING
from models.audit import AuditEntry, write_audit
from models.book import load_base_currencies, lock_accounts
from models.case import load_cases
from models.message import Expired, expire_late, insert_message
from models.sql.database import transaction
from models.sql.faults import Busy
from models.unnotified import (
    Unnotified,
    Unsent,
    unnotified_cases,
    unnotified_ends,
    unnotified_moves,
    unnotified_sales,
)

SWEEP_CASES = 500
NEWS_FOR = timedelta(days=1)
"""News that could not be sent to the client for this long (quiet hours, an outage) is outdated."""
UNSENT_MAX = 20
"""After so many unsent letters about the same news no further one is created."""
_ENDS = {CaseStatus.RESOLVED: MessageTemplate.CURED, CaseStatus.VOID: MessageTemplate.WITHDRAWN}

Choice = Callable[[Case], MessageTemplate | None]
"""The template for the case in its state under the lock; None: nothing to say any more."""

Page = Callable[[CaseId | None], Awaitable[list[Unnotified]]]


async def sweep_messages(desk: DeskContext, scheduler: FairScheduler) -> int:
    """Create the messages that are due and end those that are too late; returns the number created.

    Markets and cases are independent: one that fails delays no other.
    """
    now = desk.clock()
    while await _expire(now) == SWEEP_CASES:
        pass
    if not desk.policy.messages.automatic:
        return 0
    sweep = _Sweep(desk, scheduler, now)
    for market, currencies in (await _markets(desk)).items():
        await sweep.take(f"messages of {market}", partial(sweep.day, market, currencies))
        await sweep.take(f"moved deadlines of {market}", partial(sweep.moves, market, currencies))
    await sweep.take("messages about sales", sweep.sales)
    await sweep.take("messages about closed cases", sweep.ends)
    return sweep.queued


async def _expire(now: datetime) -> int:
    async with transaction():
        expired = await expire_late(now, SWEEP_CASES)
        await write_audit([_expiry(each, now) for each in expired])
    return len(expired)


def _expiry(expired: Expired, now: datetime) -> AuditEntry:
    detail = {"message": expired.message_id}
    return entry(MESSAGES, now, "messageSettled", "case", expired.case_id, detail).changing(
        before={"status": MessageStatus.QUEUED},
        after={"status": MessageStatus.EXPIRED, "reason": expired.reason},
    )


async def _markets(desk: DeskContext) -> dict[str, list[str]]:
    markets: dict[str, list[str]] = defaultdict(list)
    for currency in await load_base_currencies():
        markets[desk.market_of(currency)].append(currency)
    return markets


@dataclass(slots=True)
class _Sweep:
    desk: DeskContext
    scheduler: FairScheduler
    now: datetime
    queued: int = 0

    async def take(self, who: str, work: Work) -> None:
        """Run the work unless it waits."""
        if not self.scheduler.waits(who):
            await self.scheduler.run(who, "automatic messages", work)

    async def day(self, market: str, currencies: list[str]) -> None:
        """Create the message of the day, if the market trades."""
        calendar = self.desk.calendar_of(market)
        today = self.now.astimezone(calendar.zone).date()
        if not calendar.is_trading_day(today):
            return
        day = today.isoformat()
        async for unnotified in _each(
            lambda after: unnotified_cases(day, currencies, self.now, after, SWEEP_CASES)
        ):
            await self.take(
                f"message {unnotified.case_id}", partial(self._notify_of_day, unnotified, calendar.zone)
            )

    async def moves(self, market: str, currencies: list[str]) -> None:
        """Create the messages about deadlines that are now earlier than in the last letter."""
        zone = self.desk.calendar_of(market).zone
        choice = partial(_of_the_day, zone, self.now, True)
        async for unnotified in _each(
            lambda after: unnotified_moves(currencies, self.now, after, SWEEP_CASES)
        ):
            key = f"{unnotified.case_id}:moved:{unnotified.moves}"
            await self.take(
                f"message {unnotified.case_id}", partial(self._notify_of_news, unnotified, key, choice)
            )

    async def sales(self) -> None:
        """Create the messages about the desk's sales."""
        since = self.now - NEWS_FOR
        async for unnotified in _each(lambda after: unnotified_sales(since, after, SWEEP_CASES)):
            key = f"{unnotified.case_id}:sold:{unnotified.plans}"
            await self.take(
                f"message {unnotified.case_id}", partial(self._notify_of_news, unnotified, key, _sold)
            )

    async def ends(self) -> None:
        """Create the messages about ended cases."""
        since = self.now - NEWS_FOR
        async for unnotified in _each(lambda after: unnotified_ends(since, after, SWEEP_CASES)):
            key = f"{unnotified.case_id}:cured"
            await self.take(
                f"message {unnotified.case_id}", partial(self._notify_of_news, unnotified, key, _ended)
            )

    async def _notify_of_day(self, unnotified: Unnotified, zone: ZoneInfo) -> None:
        local = self.now.astimezone(zone)
        # Today's call is sent at once, older ones in the morning.
        is_older = unnotified.called_before or unnotified.opened_at.astimezone(zone).date() < local.date()
        if is_older and local.time() < self.desk.policy.messages.daily_from:
            return
        if not _is_quiet(unnotified.contact, self.now):
            key = f"{unnotified.case_id}:{local.date().isoformat()}"
            choice = partial(_of_the_day, zone, self.now, unnotified.called_before)
            self.queued += await _notify(self.desk, unnotified, key, choice, self.now)

    async def _notify_of_news(self, unnotified: Unnotified, key: str, choice: Choice) -> None:
        if not _is_quiet(unnotified.contact, self.now):
            self.queued += await _notify(self.desk, unnotified, key, choice, self.now)


def _of_the_day(zone: ZoneInfo, now: datetime, called_before: bool, case: Case) -> MessageTemplate | None:
    return None if case.messages_muted(now) else daily_template(case, zone, now, called_before)


def _sold(_: Case) -> MessageTemplate | None:
    return MessageTemplate.SOLD


def _ended(case: Case) -> MessageTemplate | None:
    return _ENDS.get(case.status)


async def _notify(desk: DeskContext, unnotified: Unnotified, key: str, choice: Choice, now: datetime) -> bool:
    """Create the message; a locked account is left to the next sweep.

    A message that replaces an unsent one has a key of its own.
    """
    unsent = [each for each in unnotified.unsent if each.is_about(key)]
    channel = _channel(desk.policy.messages.automatic, unnotified.contact, unsent)
    if channel is None:
        return False
    key = f"{key}:{len(unsent) + 1}" if unsent else key
    try:
        async with transaction():
            await lock_accounts([unnotified.account_id], wait=False)
            stored = await _write_down(desk, unnotified, key, channel, choice, now)
    except Busy:
        return False
    desk.on_commit()
    return stored


async def _write_down(
    desk: DeskContext, unnotified: Unnotified, key: str, channel: Channel, choice: Choice, now: datetime
) -> bool:
    """A message that waits for prices is created as well."""
    case = (await load_cases(EVERYTHING, [unnotified.case_id], strict=True))[unnotified.case_id].case
    template = choice(case)
    if template is None:
        return False
    policy = desk.policy.messages
    view, standing = await look_again(desk, case.id, template, now)
    refusal = unfit(template, standing, now, policy.figures_max_age)
    if choice(view.case) is not template or not (refusal is None or waits_for_prices(refusal)):
        return False
    draft = MessageDraft(channel, template, MESSAGES)
    message = compose(desk, view, standing, unnotified.contact, draft, now)
    wait = wait_for(refusal, standing, message, unnotified.contact, policy.waits, now)
    if wait is not None and message.status is MessageStatus.QUEUED:
        message = replace(message, reason=wait.reason, next_attempt_at=wait.until)
    stored = await insert_message(message, key)
    if stored:
        await write_audit([message_entry(MESSAGES, now, "sendMessage", None, message)])
    return stored


def _channel(
    preferred: tuple[Channel, ...], contact: Contact | None, unsent: Sequence[Unsent]
) -> Channel | None:
    """The first channel that reaches the client and has not failed with this news at the same address.

    If none does: the first channel, and the message records that it failed; None if that is recorded already,
    or after `UNSENT_MAX` unsent letters.
    """
    if len(unsent) >= UNSENT_MAX:
        return None
    failed = {(each.channel, each.recipient) for each in unsent if each.status is MessageStatus.FAILED}
    for channel in preferred:
        address = None if contact is None else contact.address(channel)
        if address is not None and (channel, address) not in failed:
            return channel
    return None if unsent else preferred[0]


def _is_quiet(contact: Contact | None, now: datetime) -> bool:
    return contact is not None and contact.may_be_disturbed_from(now) > now


async def _each(page: Page) -> AsyncIterator[Unnotified]:
    after: CaseId | None = None
    while rows := await page(after):
        for row in rows:
            yield row
        after = rows[-1].case_id
