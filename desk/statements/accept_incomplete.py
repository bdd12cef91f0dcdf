"""An operator accepts an incomplete account: the desk judges it on what it holds."""

from dataclasses import dataclass

from desk.assessment.doubts import clear_doubts
from desk.audit import entry
from desk.command import CommandRequest, run_once
from desk.context import DeskContext
from desk.outcomes import Done, Outcome
from domain.canonical import plain
from domain.doubt import DoubtReason
from domain.events import BookChanged
from domain.ids import AccountId
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models import outbox
from models.audit import write_audit
from models.book import lock_accounts
from models.client import load_accounts
from models.doubt import doubts_of
from models.holding import bump_book


@dataclass(frozen=True, slots=True)
class AcceptIncomplete:
    """Accept the doubts about these subjects only: others may have been added meanwhile."""

    idempotency_key: str
    account_id: AccountId
    subjects: tuple[str, ...]
    reason: str


async def accept_incomplete(desk: DeskContext, principal: Principal, command: AcceptIncomplete) -> Outcome:
    """Remove the doubts, all of them or none; the account is watched again."""

    async def decide() -> Outcome | Refusal:
        account_id = command.account_id
        if not await load_accounts(principal.audience, [account_id], strict=True):
            return Refusal(RefusalCode.NOT_FOUND, "No such account exists within your scope.")
        await lock_accounts([account_id])
        refused = await _refused(command)
        if refused is not None:
            return refused
        now = desk.clock()
        accepted = await clear_doubts(account_id, [DoubtReason.INCOMPLETE], command.subjects)
        detail = {"idempotencyKey": command.idempotency_key, "reason": command.reason}
        before = {"doubts": plain(accepted)}
        record = entry(principal, now, "acceptIncomplete", "account", account_id, detail)
        await write_audit([record.changing(before=before, after={"doubts": []})])
        await bump_book(account_id)
        await outbox.append([BookChanged(desk.event_id(), now, account_id)])
        return Done(account_id)

    content = {
        "account": command.account_id,
        "subjects": sorted(command.subjects),
        "reason": command.reason,
    }
    needs = (Capability.ACCEPT_INCOMPLETE,)
    request = CommandRequest(principal, "acceptIncomplete", command.idempotency_key, content, needs)
    return await run_once(desk, request, command.account_id, decide)


async def _refused(command: AcceptIncomplete) -> Refusal | None:
    known = await doubts_of([command.account_id])
    stored = known.get(command.account_id, ())
    open_ = {each.doubt.subject for each in stored if each.doubt.reason is DoubtReason.INCOMPLETE}
    unknown = sorted(set(command.subjects) - open_)
    if unknown:
        return Refusal(
            RefusalCode.NOT_INCOMPLETE,
            f"The account has no INCOMPLETE doubt about {', '.join(unknown)}: read its doubts again.",
        )
    return None
