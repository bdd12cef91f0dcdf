"""The common steps of commands on one case: lock, version check, change, row, audit entry and event."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from desk.assessment.case_event import case_event, twin_events
from desk.audit import case_entry, entry
from desk.command import CommandRequest, run_once
from desk.context import DeskContext
from desk.evidence.take_snapshot import snapshot_change
from desk.outcomes import Done, Outcome
from domain.case import Case
from domain.events import CaseView
from domain.ids import CaseId
from domain.principal import Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models import outbox
from models.audit import write_audit
from models.case import lock_case, save_case
from models.holding import symbols_of

NO_CASE = Refusal(RefusalCode.NOT_FOUND, "No such case exists within your scope.")


@dataclass(frozen=True, slots=True)
class CaseCommand:
    """The case and the version that the caller saw; `expected_version` None: any version."""

    idempotency_key: str
    case_id: CaseId
    expected_version: int | None


@dataclass(frozen=True, slots=True)
class CaseEdit:
    """The changed case, and the details for the audit entry."""

    case: Case
    audit: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CaseRequest:
    """A caller's request to execute an operation on one case; `content`: its further fields as plain data."""

    principal: Principal
    operation: str
    command: CaseCommand
    content: dict[str, Any]
    needs: Capability

    def command_request(self) -> CommandRequest:
        """The request with the case as part of its content."""
        of = self.command
        content = {"case": of.case_id, "expectedVersion": of.expected_version, **self.content}
        return CommandRequest(self.principal, self.operation, of.idempotency_key, content, (self.needs,))


Change = Callable[[CaseView, datetime], Awaitable[CaseEdit | Outcome | Refusal]]


async def change_case(desk: DeskContext, request: CaseRequest, change: Change) -> Outcome:
    """Run `change` on the locked case and store the result, once per key.

    `change` may write data that belongs to the case if it then returns a `CaseEdit`, or a `Refused` with the
    approval that it requested.
    """
    principal, operation, command = request.principal, request.operation, request.command

    async def decide() -> Outcome | Refusal:
        now = desk.clock()
        locked = await lock_case(principal.audience, command.case_id)
        if locked is None:
            return NO_CASE
        view = replace(locked[0], symbols=await symbols_of(locked[0].case.account_id))
        stale = newer_than_seen(view.case, command.expected_version)
        edit = stale or await change(view, now)
        if not isinstance(edit, CaseEdit):
            return edit
        detail = {"idempotencyKey": command.idempotency_key, **edit.audit}
        await record_edit(desk, view, edit.case, now)
        edited = case_entry(principal, now, view.case, edit.case, operation, detail)
        await write_audit([edited or entry(principal, now, operation, "case", view.case.id, detail)])
        return Done(command.case_id)

    return await run_once(desk, request.command_request(), command.case_id, decide)


def newer_than_seen(case: Case, expected_version: int | None) -> Refusal | None:
    """The refusal of a command that was based on another version of the case."""
    if expected_version in (None, case.version):
        return None
    return Refusal(
        RefusalCode.VERSION_CONFLICT,
        f"The case is at version {case.version}, not {expected_version}: read it again.",
    )


async def record_edit(desk: DeskContext, before: CaseView, case: Case, now: datetime) -> None:
    """Store the changed case, whose account is locked, with the snapshots that the change requires, and
    publish it.
    """
    if case == before.case:
        return
    await save_case(case)
    await snapshot_change(desk, before.case, case, now)
    event = case_event(desk, before, replace(before, case=case), now)
    claim_changed = case.claim != before.case.claim
    twins = await twin_events(desk, case.account_id, [event], now, claim_changed=claim_changed)
    await outbox.append([event, *twins])
