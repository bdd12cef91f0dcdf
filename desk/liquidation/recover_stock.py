"""Bring stock back: buy to cover recalled stock, buy back uncovered calls.

Implemented as a liquidation of the cases that demand the stock, so that approvals, switches, idempotency,
orders and events are those of `liquidate`; this module finds the recoveries and returns their answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from desk.command import UNREADABLE, permission_lacking
from desk.context import DeskContext
from desk.liquidation.liquidate import liquidate
from desk.liquidation.liquidation_command import Liquidate, LiquidateCase
from desk.outcomes import LiquidationOutcome, Refused
from domain.ids import CaseId, RecoveryId
from domain.liquidation_plan import PlanRequest
from domain.principal import Capability, Principal
from domain.refusals import RefusalCode
from models.sql.readable import all_or_each
from models.stock_recovery import RecoveryView, load_recoveries


@dataclass(frozen=True, slots=True)
class RecoverOne:
    """One recovery of a batch. `expected_version` is the case's."""

    recovery_id: RecoveryId
    expected_version: int | None
    plan: PlanRequest


@dataclass(frozen=True, slots=True)
class RecoverStock:
    """Serve several recoveries, each named once."""

    idempotency_key: str
    recoveries: tuple[RecoverOne, ...]
    reason: str | None


async def recover_stock(
    desk: DeskContext, principal: Principal, command: RecoverStock
) -> list[LiquidationOutcome | None]:
    """The outcome for the case of each recovery, in the order given; None if no such recovery exists.

    Recoveries of one case share one plan and one answer.
    """
    if not principal.audience.may(Capability.LIQUIDATE):
        forbidden = permission_lacking(Capability.LIQUIDATE)
        return [Refused(RefusalCode.FORBIDDEN, forbidden, seen=False)] * len(command.recoveries)
    views, damaged = await all_or_each(
        lambda ids: load_recoveries(principal.audience, ids, strict=True),
        [each.recovery_id for each in command.recoveries],
    )
    unreadable = Refused(RefusalCode.UNREADABLE, UNREADABLE, seen=False)
    items = _by_case(command.recoveries, views)
    if not items:
        return [unreadable if each.recovery_id in damaged else None for each in command.recoveries]
    liquidation = Liquidate(command.idempotency_key, tuple(items.values()), command.reason)
    outcomes = dict(zip(items, await liquidate(desk, principal, liquidation), strict=True))
    cases = {id_: view.recovery.case_id for id_, view in views.items()}
    by_recovery = {id_: outcomes[case_id] for id_, case_id in cases.items()} | dict.fromkeys(
        damaged, unreadable
    )
    return [by_recovery.get(each.recovery_id) for each in command.recoveries]


def _by_case(
    requests: Sequence[RecoverOne], views: dict[RecoveryId, RecoveryView]
) -> dict[CaseId, LiquidateCase]:
    items: dict[CaseId, LiquidateCase] = {}
    for each in requests:
        if each.recovery_id not in views:
            continue
        id_ = views[each.recovery_id].recovery.case_id
        known = items.get(id_)
        one = LiquidateCase(id_, each.expected_version, each.plan, (each.recovery_id,))
        items[id_] = one if known is None else _together(known, one)
    return items


def _together(one: LiquidateCase, other: LiquidateCase) -> LiquidateCase:
    """Merge two items of one case: the first says how to trade; the legs of both are used, if both
    have any.
    """
    legs = None
    if one.plan.legs is not None and other.plan.legs is not None:
        legs = one.plan.legs + other.plan.legs
    return replace(
        one,
        expected_version=one.expected_version if other.expected_version is None else other.expected_version,
        plan=replace(one.plan, legs=legs),
        recoveries=one.recoveries + other.recoveries,
    )
