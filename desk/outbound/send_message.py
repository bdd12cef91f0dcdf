"""An operator sends a message about a case. It is created here and sent by the worker."""

from contextlib import suppress
from dataclasses import dataclass

from desk.audit import message_entry
from desk.case_work.case_command import NO_CASE
from desk.command import CommandRequest, run_each
from desk.context import DeskContext
from desk.outbound.compose_message import MessageDraft, compose
from desk.outbound.standing import look_again
from desk.outcomes import Done, Outcome
from domain.events import CaseView
from domain.ids import CaseId
from domain.letter import ASKS, unfit
from domain.message import Channel, Contact, Message, MessageTemplate
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models.audit import AuditEntry, write_audit
from models.case import lock_case
from models.contact import load_contacts
from models.message import insert_message
from models.sql.database import transaction


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send a message about several cases, each named once; `text` is the text of FREE_TEXT."""

    idempotency_key: str
    case_ids: tuple[CaseId, ...]
    channel: Channel
    template: MessageTemplate
    text: str


async def send_message(desk: DeskContext, principal: Principal, command: SendMessage) -> list[Outcome]:
    """One outcome per case, in the order given; its id is the message's."""
    content = {
        "cases": list(command.case_ids),
        "channel": command.channel,
        "template": command.template,
        "text": command.text,
    }

    draft = MessageDraft(command.channel, command.template, principal.subject, command.text)
    needs = (Capability.SEND_MESSAGE,)
    request = CommandRequest(principal, "sendMessage", command.idempotency_key, content, needs)

    async def decide(case_id: CaseId) -> Outcome | Refusal:
        locked = await lock_case(principal.audience, case_id)
        if locked is None:
            return NO_CASE
        message = await _compose(desk, draft, locked[0])
        if isinstance(message, Refusal):
            return message
        await insert_message(message, automatic_key=None)
        await write_audit([_audit(principal, command, message)])
        return Done(message.id)

    return await run_each(desk, request, command.case_ids, decide)


class _NothingIsSent(Exception):
    """Ends the transaction of a preview, so that nothing of it stays."""


async def preview_message(
    desk: DeskContext, principal: Principal, case_id: CaseId, draft: MessageDraft
) -> Message | Refusal:
    """The message that `send_message` would create now, or its refusal. Changes nothing.

    It runs the same code, which may assess the account again, in a transaction that is rolled back.
    """
    found: list[Message | Refusal] = []
    with suppress(_NothingIsSent):
        async with transaction():
            locked = await lock_case(principal.audience, case_id)
            found.append(NO_CASE if locked is None else await _compose(desk, draft, locked[0]))
            raise _NothingIsSent
    return found[0]


async def _compose(desk: DeskContext, draft: MessageDraft, view: CaseView) -> Message | Refusal:
    contact = (await load_contacts([view.account.client_id])).get(view.account.client_id)
    refusal = _unreachable(desk, draft.channel, contact)
    if refusal is not None:
        return refusal
    assert contact is not None, "who has no contact cannot be reached"
    now = desk.clock()
    leaves_at = contact.may_be_disturbed_from(now)
    view, standing = await look_again(desk, view.case.id, draft.template, now, leaves_at)
    refusal = unfit(draft.template, standing, now, desk.policy.messages.figures_max_age)
    if refusal is not None:
        return refusal
    message = compose(desk, view, standing, contact, draft, now)
    if draft.template in ASKS and message.earliest_at >= message.latest_at:
        return Refusal(RefusalCode.TOO_LATE, "The client's quiet hours end only after the deadline.")
    return message


def _unreachable(desk: DeskContext, channel: Channel, contact: Contact | None) -> Refusal | None:
    """The refusal of a message that cannot arrive."""
    if channel not in desk.policy.messages.channels:
        return Refusal(
            RefusalCode.CHANNEL_OFF,
            f"The channel {channel} has no service configured: use another channel.",
        )
    if contact is None or contact.address(channel) is None:
        return Refusal(RefusalCode.NO_ADDRESS, f"The client has no address for {channel}.")
    return None


def _audit(principal: Principal, command: SendMessage, message: Message) -> AuditEntry:
    """Without the text and the address, which are personal data and kept with the message."""
    return message_entry(
        principal, message.created_at, "sendMessage", None, message, idempotencyKey=command.idempotency_key
    )
