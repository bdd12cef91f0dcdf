"""Ask for another risk setting, and put it in force once somebody else has approved it.

A version is added, never changed. It counts from the time that was asked for, or from its approval where that
came later: nothing is ever backdated. A request whose before-image is no longer true is refused.
"""

from dataclasses import dataclass
from datetime import datetime

from desk.audit import entry
from desk.command import Outcome, run_once
from desk.desk import Desk
from desk.four_eyes.executed import Executed
from desk.four_eyes.request_approval import ApprovalAsked, request_approval
from desk.four_eyes.setting_facts import facts_of
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

_NO_ACCOUNT = Refusal(RefusalCode.NOT_FOUND, "There is no such account.")
_NO_CLIENT = Refusal(RefusalCode.NOT_FOUND, "There is no such client.")
_NO_GROUP = Refusal(RefusalCode.NOT_FOUND, "There is no client group of that name.")
_NO_INSTRUMENT = Refusal(RefusalCode.NOT_FOUND, "There is no such instrument.")
_NO_EXEMPTION = Refusal(RefusalCode.NOT_FOUND, "There is no such exemption.")
_OVER = Refusal(
    RefusalCode.TOO_LATE,
    "The exemption would be over before it begins: choose an end that lies ahead, and after effectiveAt.",
)
_OVER_BY_NOW = Refusal(
    RefusalCode.TOO_LATE,
    "The exemption ended while it waited for approval: decline it and have it asked for with another end.",
)
_WHOLE_DESK = Refusal(
    RefusalCode.FORBIDDEN,
    "The setting concerns accounts that your token does not cover: ask somebody whose does.",
)


@dataclass(frozen=True, slots=True)
class ChangeSetting:
    """The command. `subject` None: a new exemption."""

    idempotency_key: str
    kind: SettingKind
    subject: str | None
    value: SettingValue
    effective_at: datetime | None
    """None: from the approval."""
    reason: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the executor is given. `based_on`: the setting's version when it was asked for."""

    subject: str
    value: str
    before: str | None
    effective_at: datetime | None
    requested_at: datetime
    based_on: str | None
    concerned: Concerned


_ASKED: Codec[_Asked] = Codec(_Asked)


async def change_setting(desk: Desk, principal: Principal, command: ChangeSetting) -> Outcome:
    """APPROVAL_REQUIRED with the request that was made, or why none was."""
    request = {
        "kind": command.kind,
        "subject": command.subject,
        "value": value_to_text(command.kind, command.value),
        "effectiveAt": command.effective_at.isoformat() if command.effective_at else None,
        "reason": command.reason,
    }

    async def decide() -> Outcome | Refusal:
        return await _request(desk, principal, command)

    return await run_once(
        *(desk, principal, "requestSetting", command.idempotency_key, "setting", request, decide),
        needs=Capability.CHANGE_SETTINGS,
    )


async def execute_setting(
    desk: Desk, principal: Principal, approval: Approval, now: datetime
) -> Executed | Refusal:
    """Put an approved change in force; in the approval's transaction."""
    with reading("approval", approval.id):
        kind, asked = SettingKind(approval.entity), _ASKED.from_text(approval.command)
        value = value_from_text(kind, asked.value)
    latest = await latest_of(kind, asked.subject)
    if (latest.id if latest else None) != asked.based_on:
        return Refusal(
            RefusalCode.VERSION_CONFLICT,
            "The setting was changed since this was asked for: decline it and look at the setting again.",
        )
    if _would_be_over(value, max(asked.effective_at or now, now)):
        return _OVER_BY_NOW
    version = _version(desk, principal, approval, asked, await next_number(), now)
    await insert_setting(version, asked.concerned)
    await write_audit([_audit(principal, version, approval)])
    wanted = asked.effective_at
    if wanted is None or wanted == version.effective_at:
        return Executed()
    return Executed({"effectiveAt": (wanted.isoformat(), version.effective_at.isoformat())})


async def _request(desk: Desk, principal: Principal, command: ChangeSetting) -> Outcome | Refusal:
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
    asked = _Asked(
        subject=subject,
        value=value_to_text(command.kind, command.value),
        before=None if before is None else value_to_text(command.kind, before),
        effective_at=command.effective_at,
        requested_at=now,
        based_on=latest.id if latest else None,
        concerned=concerned,
    )
    approval = _approval_asked(command, asked, before)
    return await request_approval(desk, principal, approval, "a risk setting takes two people", now)


def _approval_asked(command: ChangeSetting, asked: _Asked, before: SettingValue | None) -> ApprovalAsked:
    """For the second person: what it would change, and what to carry out."""
    begin = {"effectiveAt": command.effective_at.isoformat() if command.effective_at else "on approval"}
    return ApprovalAsked(
        kind=ApprovalKind.SETTING,
        entity=command.kind,
        entity_id=asked.subject,
        account_id=asked.concerned.account_id,
        reason=command.reason,
        before=facts_of(before),
        after={**facts_of(command.value), **begin},
        command=_ASKED.to_text(asked),
    )


def _would_be_over(value: SettingValue, begins: datetime) -> bool:
    """An exemption that is to exempt somebody and never would."""
    return isinstance(value, Exemption) and value.enabled and not value.is_in_force(begins)


async def _in_force(desk: Desk, kind: SettingKind, subject: str, at: datetime) -> SettingValue | None:
    """What counts at that moment, as far as is known now; what nobody ever set too."""
    if kind in (SettingKind.INSTRUMENT_FACTORS, SettingKind.CLIENT_FACTORS):
        return await factors_in_force(kind, subject, at)
    version = await in_force_of(kind, subject, at)
    if version is not None:
        return version.value
    return value_in_force(desk.rules.books.settings.defaults, kind, subject)


async def _concerned(desk: Desk, audience: Audience, command: ChangeSetting) -> Concerned | Refusal:
    """Whose account or client alone it is about; what concerns others too needs a token for every account."""
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


async def _room(desk: Desk, command: ChangeSetting, concerned: Concerned) -> Concerned | Refusal:
    """There may only be so many exemptions, for each is looked at with every call."""
    most = desk.rules.max_exemptions
    if command.subject is None and await count_exemptions() >= most:
        return Refusal(
            RefusalCode.TOO_MANY, f"There are {most} exemptions already: change one, or raise the limit."
        )
    return concerned


async def _may_replace(audience: Audience, latest: SettingVersion | UnreadableSetting) -> bool:
    """Whether the audience covers whom the exemption was for until now."""
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
    desk: Desk, principal: Principal, approval: Approval, asked: _Asked, number: int, now: datetime
) -> SettingVersion:
    kind = SettingKind(approval.entity)
    return SettingVersion(
        id=SettingId(desk.new_id()),
        number=number,
        kind=kind,
        subject=asked.subject,
        value=value_from_text(kind, asked.value),
        before=None if asked.before is None else value_from_text(kind, asked.before),
        effective_at=max(asked.effective_at or now, now),
        requested_by=approval.maker,
        requested_at=asked.requested_at,
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
    return entry(
        *(principal, version.approved_at, "changeSetting", version.kind, version.subject, detail),
        before=facts_of(version.before),
        after=facts_of(version.value),
    )
