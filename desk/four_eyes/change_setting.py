"""Request a change of a risk setting, and put it in force when another person has approved it.

Versions are added, never changed. A version counts from the requested time, or from its approval if that is
later: nothing is backdated. An approval is refused if the setting has changed since the request.
"""

from dataclasses import dataclass
from datetime import datetime

from desk.audit import entry
from desk.command import CommandRequest, run_once
from desk.context import DeskContext
from desk.four_eyes.executed import Executed
from desk.four_eyes.request_approval import ApprovalDraft, request_approval
from desk.four_eyes.setting_facts import facts_of
from desk.outcomes import Outcome
from domain.approval import Approval, ApprovalKind
from domain.exemption import Exemption, ExemptionScope
from domain.ids import ClientId, Symbol
from domain.principal import EVERYTHING, Audience, Capability, Principal
from domain.refusals import Refusal, RefusalCode
from domain.risk_settings import (
    SettingId,
    SettingKind,
    SettingValue,
    SettingVersion,
    UnreadableSetting,
    value_in_force,
)
from models.audit import AuditEntry, write_audit
from models.client import group_is_known, load_clients
from models.holding import account_id_of
from models.market import load_instruments
from models.risk_setting import (
    Concerned,
    count_exemptions,
    factors_in_force,
    in_force_of,
    insert_setting,
    latest_of,
    next_number,
    value_from_text,
    value_to_text,
)
from models.sql.codec import Codec
from models.sql.unreadable import reading

_NO_ACCOUNT = Refusal(RefusalCode.NOT_FOUND, "No such account exists within your scope.")
_NO_CLIENT = Refusal(RefusalCode.NOT_FOUND, "No such client exists within your scope.")
_NO_GROUP = Refusal(RefusalCode.NOT_FOUND, "No client group of this name exists within your scope.")
_NO_INSTRUMENT = Refusal(RefusalCode.NOT_FOUND, "No such instrument exists.")
_NO_EXEMPTION = Refusal(RefusalCode.NOT_FOUND, "No such exemption exists.")
_OVER = Refusal(
    RefusalCode.TOO_LATE,
    "`until` must be in the future and after `effectiveAt`.",
)
_OVER_BY_NOW = Refusal(
    RefusalCode.TOO_LATE,
    "The exemption's `until` passed while the request was pending: decline the request and let the "
    "maker send one with a later end.",
)
_WHOLE_DESK = Refusal(
    RefusalCode.FORBIDDEN,
    "The setting affects accounts outside your scope: an operator whose token covers them must change it.",
)


@dataclass(frozen=True, slots=True)
class ChangeSetting:
    """A new value for a risk setting. `subject` None: a new exemption."""

    idempotency_key: str
    kind: SettingKind
    subject: str | None
    value: SettingValue
    effective_at: datetime | None
    """None: in force from the approval."""
    reason: str


@dataclass(frozen=True, slots=True)
class _RequestedChange:
    """The data that the executor of the change needs. `based_on`: the setting's version at the request."""

    subject: str
    value: str
    before: str | None
    effective_at: datetime | None
    requested_at: datetime
    based_on: str | None
    concerned: Concerned


_REQUESTED_CHANGE: Codec[_RequestedChange] = Codec(_RequestedChange)


async def change_setting(desk: DeskContext, principal: Principal, command: ChangeSetting) -> Outcome:
    """Request the change: APPROVAL_REQUIRED with the request, or the reason why none was made."""
    content = {
        "kind": command.kind,
        "subject": command.subject,
        "value": value_to_text(command.kind, command.value),
        "effectiveAt": command.effective_at.isoformat() if command.effective_at else None,
        "reason": command.reason,
    }

    async def decide() -> Outcome | Refusal:
        return await _request(desk, principal, command)

    needs = (Capability.CHANGE_SETTINGS,)
    request = CommandRequest(principal, "requestSetting", command.idempotency_key, content, needs)
    return await run_once(desk, request, "setting", decide)


async def execute_setting(
    desk: DeskContext, principal: Principal, approval: Approval, now: datetime
) -> Executed | Refusal:
    """Put an approved change in force, in the approval's transaction."""
    with reading("approval", approval.id):
        kind, change = SettingKind(approval.entity), _REQUESTED_CHANGE.from_text(approval.command)
        value = value_from_text(kind, change.value)
    latest = await latest_of(kind, change.subject)
    if (latest.id if latest else None) != change.based_on:
        return Refusal(
            RefusalCode.VERSION_CONFLICT,
            "The setting changed after this request was made: decline the request and read the setting "
            "again.",
        )
    if _would_be_over(value, max(change.effective_at or now, now)):
        return _OVER_BY_NOW
    version = _version(desk, principal, approval, change, await next_number(), now)
    await insert_setting(version, change.concerned)
    await write_audit([_audit(principal, version, approval)])
    requested_for = change.effective_at
    if requested_for is None or requested_for == version.effective_at:
        return Executed()
    return Executed({"effectiveAt": (requested_for.isoformat(), version.effective_at.isoformat())})


async def _request(desk: DeskContext, principal: Principal, command: ChangeSetting) -> Outcome | Refusal:
    now = desk.clock()
    concerned = await _concerned(desk, principal.audience, command)
    if isinstance(concerned, Refusal):
        return concerned
    subject = desk.new_id() if command.subject is None else command.subject
    latest = await latest_of(command.kind, subject)
    if command.kind is SettingKind.EXEMPTION and command.subject is not None:
        if latest is None or not await _may_replace(principal.audience, latest):
            return _NO_EXEMPTION
    begins = max(command.effective_at or now, now)
    if _would_be_over(command.value, begins):
        return _OVER
    before = await _in_force(desk, command.kind, subject, begins)
    change = _RequestedChange(
        subject=subject,
        value=value_to_text(command.kind, command.value),
        before=None if before is None else value_to_text(command.kind, before),
        effective_at=command.effective_at,
        requested_at=now,
        based_on=latest.id if latest else None,
        concerned=concerned,
    )
    approval = _approval_draft(command, change, before)
    return await request_approval(
        desk, principal, approval, "changing a risk setting requires two persons", now
    )


def _approval_draft(
    command: ChangeSetting, change: _RequestedChange, before: SettingValue | None
) -> ApprovalDraft:
    """The approval request: the difference for the checker, and the data for the executor."""
    begin = {"effectiveAt": command.effective_at.isoformat() if command.effective_at else "on approval"}
    return ApprovalDraft(
        kind=ApprovalKind.SETTING,
        entity=command.kind,
        entity_id=change.subject,
        account_id=change.concerned.account_id,
        reason=command.reason,
        before=facts_of(before),
        after={**facts_of(command.value), **begin},
        command=_REQUESTED_CHANGE.to_text(change),
    )


def _would_be_over(value: SettingValue, begins: datetime) -> bool:
    """Whether an enabled exemption would end before it takes effect."""
    return isinstance(value, Exemption) and value.enabled and not value.is_in_force(begins)


async def _in_force(desk: DeskContext, kind: SettingKind, subject: str, at: datetime) -> SettingValue | None:
    """The value in force at that moment, as far as it is known now; the default if none was ever set."""
    if kind in (SettingKind.INSTRUMENT_FACTORS, SettingKind.CLIENT_FACTORS):
        return await factors_in_force(kind, subject, at)
    version = await in_force_of(kind, subject, at)
    if version is not None:
        return version.value
    return value_in_force(desk.policy.books.settings.defaults, kind, subject)


async def _concerned(desk: DeskContext, audience: Audience, command: ChangeSetting) -> Concerned | Refusal:
    """The account or client that the setting concerns; one that concerns others too requires access to all
    accounts.
    """
    value = command.value
    if isinstance(value, Exemption) and value.scope is ExemptionScope.ACCOUNT:
        assert value.target is not None
        account_id = await account_id_of(value.target) if audience.covers(value.target) else None
        return _NO_ACCOUNT if account_id is None else await _room(desk, command, Concerned(account_id))
    if not audience.sees_every_account:
        return _WHOLE_DESK
    if command.kind is SettingKind.CLIENT_FACTORS:
        return await _client_of_factors(command.subject or "")
    if command.kind is SettingKind.INSTRUMENT_FACTORS:
        return Concerned() if await _is_instrument(command.subject or "") else _NO_INSTRUMENT
    if isinstance(value, Exemption):
        if value.target is not None and not await group_is_known(value.target):
            return _NO_GROUP
        return await _room(desk, command, Concerned())
    return Concerned()


async def _room(desk: DeskContext, command: ChangeSetting, concerned: Concerned) -> Concerned | Refusal:
    """Refuse another exemption beyond the limit, which bounds the work for each call."""
    most = desk.policy.max_exemptions
    if command.subject is None and await count_exemptions() >= most:
        return Refusal(
            RefusalCode.TOO_MANY,
            f"The limit of {most} exemptions is reached: change an existing one, or raise the limit.",
        )
    return concerned


async def _may_replace(audience: Audience, latest: SettingVersion | UnreadableSetting) -> bool:
    """Whether the exemption to replace concerns only accounts within the audience."""
    if isinstance(latest, UnreadableSetting):
        return audience.sees_every_account
    was = latest.value
    assert isinstance(was, Exemption)
    if was.scope is ExemptionScope.ACCOUNT and was.target is not None:
        return audience.covers(was.target)
    return audience.sees_every_account


async def _client_of_factors(subject: str) -> Concerned | Refusal:
    client_id, _, symbol = subject.partition(":")
    if not await load_clients(EVERYTHING, [ClientId(client_id)]):
        return _NO_CLIENT
    return Concerned(client_id=ClientId(client_id)) if await _is_instrument(symbol) else _NO_INSTRUMENT


async def _is_instrument(symbol: str) -> bool:
    return bool(await load_instruments([Symbol(symbol)], strict=True))


def _version(
    desk: DeskContext,
    principal: Principal,
    approval: Approval,
    change: _RequestedChange,
    number: int,
    now: datetime,
) -> SettingVersion:
    kind = SettingKind(approval.entity)
    return SettingVersion(
        id=SettingId(desk.new_id()),
        number=number,
        kind=kind,
        subject=change.subject,
        value=value_from_text(kind, change.value),
        before=None if change.before is None else value_from_text(kind, change.before),
        effective_at=max(change.effective_at or now, now),
        requested_by=approval.maker,
        requested_at=change.requested_at,
        approved_by=principal.subject,
        approved_at=now,
        reason=approval.reason or "",
    )


def _audit(principal: Principal, version: SettingVersion, approval: Approval) -> AuditEntry:
    detail = {
        "setting": version.id,
        "approval": approval.id,
        "maker": version.requested_by,
        "effectiveAt": version.effective_at.isoformat(),
    }
    record = entry(principal, version.approved_at, "changeSetting", version.kind, version.subject, detail)
    return record.changing(before=facts_of(version.before), after=facts_of(version.value))
