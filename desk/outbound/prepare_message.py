"""Right before a message is sent, its text and address are updated, or it is not sent now.

A message created before the quiet hours, or whose first attempts failed, has the amount and the address of
that time.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from desk.audit import MESSAGES, message_entry
from desk.context import DeskContext
from desk.outbound.compose_message import note_notice, recomposed
from desk.outbound.standing import look_again
from domain.events import CaseView
from domain.letter import Standing, unfit, wait_for
from domain.message import (
    Message,
    MessageStatus,
    MessageTemplate,
    MessageTrigger,
    put_off,
    reworded,
    step,
    unaddressed,
)
from models.audit import write_audit
from models.message import Due, lock_message, save_message


@dataclass(frozen=True, slots=True)
class Prepared:
    """The message as stored now, and whether it may be sent with this text."""

    message: Message
    ready: bool


async def prepare(desk: DeskContext, due: Due, now: datetime) -> Prepared:
    """Runs in a transaction that holds the lock of the case's account."""
    message = await lock_message(due.message.id)
    if message.status is not MessageStatus.QUEUED:
        # Another process has settled the message.
        return Prepared(message, ready=False)
    address = due.contact.address(message.channel)
    if address is None:
        return await _ended(message, unaddressed(message, now), now)
    policy = desk.policy.messages
    view, standing = await look_again(desk, message.case_id, message.template, now)
    refusal = unfit(message.template, standing, now, policy.figures_max_age)
    wait = wait_for(refusal, standing, message, due.contact, policy.waits, now)
    if refusal is None and wait is None:
        current = replace(_reworded(desk, view, standing, due, message, now), recipient=address)
        await save_message(current)
        await note_notice(desk, view.case, message, current, now)
        return Prepared(current, ready=True)
    if wait is not None:
        after = put_off(message, wait.reason, wait.until, now)
    else:
        after = step(message, MessageTrigger.POINTLESS, now, refusal.message if refusal else None)
    return await _ended(message, after, now)


async def _ended(message: Message, after: Message, now: datetime) -> Prepared:
    """The message is not sent now, or never."""
    await save_message(after)
    if after.status is not message.status:
        await write_audit([message_entry(MESSAGES, now, "messageSettled", message, after)])
    return Prepared(after, ready=False)


def _reworded(
    desk: DeskContext, view: CaseView, standing: Standing, due: Due, message: Message, now: datetime
) -> Message:
    if message.template is MessageTemplate.FREE_TEXT:
        return message
    return reworded(message, recomposed(desk, view, standing, due.contact, message, now))
