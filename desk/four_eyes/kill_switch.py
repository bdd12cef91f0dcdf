"""The kill switch: one person switches it on, two persons switch it off.

While it is on, no order is sent. The dispatcher checks it in the transaction that sends, so that neither a
crash nor a second process lets an order through; QUEUED orders are cancelled. Orders that the venue already
has are cancelled by `cancel`.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from desk.audit import entry
from desk.command import CommandRequest, run_once
from desk.context import DeskContext
from desk.four_eyes.executed import Executed
from desk.four_eyes.request_approval import ApprovalDraft, request_approval
from desk.outcomes import AwaitingApproval, Done, Outcome
from domain.approval import Approval, ApprovalKind
from domain.canonical import differences, plain
from domain.events import AccountReference, KillSwitchEvent, KillSwitchEventKind, KillSwitchView
from domain.ids import KillSwitchId
from domain.kill_switch import Frozen, KillSwitch, KillSwitchScope, refusal_of
from domain.principal import Audience, Capability, Principal
from domain.refusals import Refusal, RefusalCode
from models import outbox
from models.audit import write_audit
from models.client import load_accounts, load_clients, sees_every_account_of
from models.kill_switch import (
    account_nos_of,
    end_switch,
    guard_setting,
    insert_switch,
    load_switches,
    switch_on,
    switch_over,
)
from models.sql.codec import Codec

_FROZEN: Codec[Frozen] = Codec(Frozen)
_OFF = (Capability.UNFREEZE_AS_APPROVER, Capability.UNFREEZE_AS_RISK_ADMIN)


@dataclass(frozen=True, slots=True)
class SetKillSwitch:
    """Switch a kill switch on or off."""

    idempotency_key: str
    frozen: Frozen
    on: bool
    reason: str


async def set_kill_switch(desk: DeskContext, principal: Principal, command: SetKillSwitch) -> Outcome:
    """Switch it on, with the switch's id as the answer, or request its end, which another person approves."""

    async def decide() -> Outcome | Refusal:
        refused = await _out_of_sight(principal.audience, command.frozen)
        if refused is not None:
            return refused
        await guard_setting()
        now = desk.clock()
        switch = await switch_on(command.frozen)
        if command.on:
            return Done((switch or await _switched_on(desk, principal, command, now)).id)
        if switch is None:
            return Refusal(RefusalCode.NOT_FOUND, "No such kill switch is on.")
        return await _ask_for_the_end(desk, principal, command, switch, now)

    content = {"frozen": _FROZEN.to_text(command.frozen), "on": command.on, "reason": command.reason}
    needs = (Capability.FREEZE,) if command.on else _OFF
    request = CommandRequest(principal, "setKillSwitch", command.idempotency_key, content, needs)
    return await run_once(desk, request, f"{command.frozen.scope}:{command.frozen.subject}", decide)


async def execute_kill_switch_off(
    desk: DeskContext, approver: Principal, approval: Approval, now: datetime
) -> Executed | Refusal:
    """End the switch, on behalf of maker and checker."""
    await guard_setting()
    id_ = KillSwitchId(approval.entity_id)
    switch = (await load_switches(approver.audience, [id_])).get(id_)
    if switch is None or not switch.on:
        return Refusal(RefusalCode.NOT_FOUND, "No such kill switch is on.")
    ended = replace(switch, ended_at=now, ended_by=(approval.maker, approver.subject))
    await end_switch(ended)
    detail = {"maker": approval.maker, "approval": approval.id, "reason": approval.reason}
    was, is_now = differences(switch, ended)
    record = entry(approver, now, "killSwitchOff", "killSwitch", switch.id, detail)
    await write_audit([record.changing(before=was, after=is_now)])
    await outbox.append([await _event(desk, KillSwitchEventKind.SWITCHED_OFF, ended, now)])
    return Executed()


async def frozen_by(account: AccountReference, since: datetime | None = None) -> Refusal | None:
    """The refusal if a kill switch over this account is on, or was on after `since`; else None."""
    switch = await switch_over(account, since)
    return refusal_of(switch) if switch else None


async def _out_of_sight(audience: Audience, frozen: Frozen) -> Refusal | None:
    """Refuse what lies outside the scope.

    The whole desk requires access to all accounts, a client requires access to all of its accounts, since
    they freeze together, and an account requires access to it.
    """
    if frozen.scope is KillSwitchScope.DESK:
        if audience.sees_every_account:
            return None
        return Refusal(
            RefusalCode.FORBIDDEN, "Freezing or unfreezing the whole desk requires access to all accounts."
        )
    if frozen.account_id is not None:
        visible = frozen.account_id in await load_accounts(audience, [frozen.account_id], strict=True)
    else:
        assert frozen.client_id is not None
        visible = frozen.client_id in await load_clients(audience, [frozen.client_id])
        if visible and not await sees_every_account_of(audience, frozen.client_id):
            return Refusal(
                RefusalCode.FORBIDDEN,
                "Freezing or unfreezing a client requires access to all of its accounts: name one account.",
            )
    return (
        None
        if visible
        else Refusal(RefusalCode.NOT_FOUND, f"No such {frozen.scope.lower()} exists within your scope.")
    )


async def _switched_on(
    desk: DeskContext, principal: Principal, command: SetKillSwitch, now: datetime
) -> KillSwitch:
    id_ = KillSwitchId(desk.new_id())
    switch = KillSwitch(id_, command.frozen, principal.subject, command.reason, now)
    await insert_switch(switch)
    detail = {"idempotencyKey": command.idempotency_key}
    record = entry(principal, now, "killSwitchOn", "killSwitch", switch.id, detail)
    await write_audit([record.changing(after=plain(switch))])
    await outbox.append([await _event(desk, KillSwitchEventKind.SWITCHED_ON, switch, now)])
    return switch


async def _event(
    desk: DeskContext, kind: KillSwitchEventKind, switch: KillSwitch, now: datetime
) -> KillSwitchEvent:
    """It names the accounts of this moment: subscribers with an account scope see those of theirs."""
    view = KillSwitchView(switch, await account_nos_of(switch.frozen))
    return KillSwitchEvent(desk.event_id(), now, kind, view)


async def _ask_for_the_end(
    desk: DeskContext, principal: Principal, command: SetKillSwitch, switch: KillSwitch, now: datetime
) -> AwaitingApproval | Refusal:
    draft = ApprovalDraft(
        kind=ApprovalKind.KILL_SWITCH_OFF,
        entity="killSwitch",
        entity_id=switch.id,
        account_id=command.frozen.account_id,
        reason=command.reason,
        before={"on": "true"},
        after={"on": "false"},
        command=_FROZEN.to_text(command.frozen),
        approver=_the_other(principal.audience),
    )
    return await request_approval(desk, principal, draft, "it ends a kill switch", now)


def _the_other(audience: Audience) -> tuple[Capability, ...]:
    """Maker and checker need different rights: the holder of one right needs the holder of the other."""
    held = [one for one in _OFF if audience.may(one)]
    return tuple(one for one in _OFF if one not in held) or _OFF
