"""Writing a message to a client down: which words, to which address, from when until when."""

from dataclasses import replace
from datetime import datetime

from desk.audit import MESSAGES
from desk.desk import Desk
from desk.watching.take_snapshot import snapshot_notice
from domain.case import Case
from domain.events import CaseView
from domain.message import Channel, Contact, Message, MessageId, MessageStatus, MessageTemplate
from messages.templates import Facts

NO_ADDRESS = "the client has no address for this channel"


def compose(
    desk: Desk,
    view: CaseView,
    contact: Contact | None,
    channel: Channel,
    template: MessageTemplate,
    now: datetime,
    *,
    placed_by: str,
    text: str = "",
    latest_at: datetime | None = None,
) -> Message:
    """The message with the case's figures as last stored. Without an address it has FAILED already."""
    contact = contact or Contact()
    words = desk.rules.messages.templates.render(template, contact.language, _facts(desk, view, text))
    recipient = contact.address(channel)
    earliest = contact.may_be_disturbed_from(now)
    message = Message(
        id=MessageId(desk.new_id()),
        case_id=view.case.id,
        client_id=view.account.client_id,
        channel=channel,
        template=template,
        language=words.language,
        title=words.title,
        body=words.body,
        recipient=recipient,
        automatic=placed_by == MESSAGES,
        placed_by=placed_by,
        created_at=now,
        earliest_at=earliest,
        latest_at=latest_at or earliest + desk.rules.messages.lifetime,
        next_attempt_at=earliest,
    )
    if recipient is not None:
        return message
    return _unaddressed(message, now)


def _unaddressed(message: Message, now: datetime) -> Message:
    return replace(
        message, status=MessageStatus.FAILED, settled_at=now, next_attempt_at=None, reason=NO_ADDRESS
    )


def _facts(desk: Desk, view: CaseView, text: str) -> Facts:
    case, account = view.case, view.account
    return Facts(
        client_name=account.client_name,
        account_no=account.account_no,
        case_no=case.case_no,
        amount=case.figures.amount,
        currency=account.base_currency,
        as_of=case.figures.as_of,
        deadline=case.deadline,
        zone=desk.zone_of(account.base_currency),
        text=text,
    )


async def note_notice(desk: Desk, case: Case, message: Message) -> None:
    """Keep what the figures told to the client follow from, in the transaction that writes them down."""
    if case.live and message.status is MessageStatus.QUEUED:
        await snapshot_notice(desk, case, message.id, message.created_at)
