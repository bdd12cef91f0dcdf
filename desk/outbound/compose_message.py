"""Create a message to a client: its text, its address, its earliest and its latest time."""

from dataclasses import dataclass, replace
from datetime import datetime

from desk.audit import MESSAGES
from desk.context import DeskContext
from desk.evidence.take_snapshot import snapshot_notice
from domain.case import Case
from domain.events import CaseView
from domain.letter import ASKS, Standing
from domain.message import NO_ADDRESS, Channel, Contact, Message, MessageId, MessageStatus, MessageTemplate
from messages.templates import Facts, Text


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """Which message to create, and at whose request; `text`: what an operator wrote."""

    channel: Channel
    template: MessageTemplate
    placed_by: str
    text: str = ""


def compose(
    desk: DeskContext,
    view: CaseView,
    standing: Standing,
    contact: Contact | None,
    draft: MessageDraft,
    now: datetime,
) -> Message:
    """The message about the case in its current state. Without an address its status is FAILED."""
    contact = contact or Contact()
    template = draft.template
    facts = _facts(desk, view, standing, draft.text, now)
    words = _words(desk, view.case, contact, template, facts)
    recipient = contact.address(draft.channel)
    earliest = contact.may_be_disturbed_from(now)
    message = Message(
        id=MessageId(desk.new_id()),
        case_id=view.case.id,
        client_id=view.account.client_id,
        channel=draft.channel,
        template=template,
        language=words.language,
        title=words.title,
        body=words.body,
        recipient=recipient,
        automatic=draft.placed_by == MESSAGES,
        placed_by=draft.placed_by,
        created_at=now,
        earliest_at=earliest,
        latest_at=_latest(desk, standing, template, earliest, now),
        next_attempt_at=earliest,
        figures_as_of=_figures_as_of(standing, template),
        parameters=words.parameters,
    )
    if recipient is not None:
        return message
    return _unaddressed(message, now)


def recomposed(
    desk: DeskContext, view: CaseView, standing: Standing, contact: Contact, message: Message, now: datetime
) -> Message:
    """The message with current text; text written by an operator is kept."""
    facts = _facts(desk, view, standing, message.parameters.get("text", ""), now)
    words = _words(desk, view.case, contact, message.template, facts)
    return replace(
        message,
        language=words.language,
        title=words.title,
        body=words.body,
        figures_as_of=_figures_as_of(standing, message.template),
        parameters=words.parameters,
    )


def _latest(
    desk: DeskContext, standing: Standing, template: MessageTemplate, earliest: datetime, now: datetime
) -> datetime:
    """The latest time to send it: before the due time for a message that demands something."""
    latest = earliest + desk.policy.messages.lifetime
    if template not in ASKS:
        return latest
    if standing.case.is_recovery:
        return min(latest, max(each.due_at for each in standing.due_later(now)))
    return min(latest, standing.case.deadline)


def _figures_as_of(standing: Standing, template: MessageTemplate) -> datetime | None:
    return standing.age.as_of if template in ASKS and not standing.case.is_recovery else None


def _unaddressed(message: Message, now: datetime) -> Message:
    return replace(
        message, status=MessageStatus.FAILED, settled_at=now, next_attempt_at=None, reason=NO_ADDRESS
    )


def _words(desk: DeskContext, case: Case, contact: Contact, template: MessageTemplate, facts: Facts) -> Text:
    return desk.policy.messages.templates.render(template, case.alert_type, contact.language, facts)


def _facts(desk: DeskContext, view: CaseView, standing: Standing, text: str, now: datetime) -> Facts:
    case, account = view.case, view.account
    return Facts(
        client_name=account.client_name,
        account_no=account.account_no,
        case_no=case.case_no,
        amount=case.figures.amount,
        currency=account.base_currency,
        as_of=standing.age.as_of,
        deadline=case.deadline,
        zone=desk.zone_of(account.base_currency),
        text=text,
        stock=standing.due_later(now),
        trades=standing.trades,
        unvalued=standing.unvalued,
    )


async def note_notice(desk: DeskContext, case: Case, before: Message, sent: Message, now: datetime) -> None:
    """Take the snapshot behind the figures in a message to the client: once, and again if the text is new."""
    if case.live:
        is_new = before.body != sent.body
        await snapshot_notice(desk, case, f"{sent.id}:{now:%Y%m%d%H%M%S}" if is_new else sent.id, now)
