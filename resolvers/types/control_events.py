"""The events of approval requests and kill switches."""

import strawberry

from domain.approval import ApprovalStatus
from domain.events import ApprovalEvent as ApprovalFact
from domain.events import ApprovalEventKind, KillSwitchEventKind
from domain.events import KillSwitchEvent as KillSwitchFact
from resolvers.types.approval import ApprovalRequest, approval_in_event
from resolvers.types.desk_event import DeskEvent
from resolvers.types.kill_switch import KillSwitchNode, kill_switch_of


@strawberry.type(description="An event of an approval request.")
class ApprovalEvent(DeskEvent):
    """From domain.events.ApprovalEvent."""

    kind: ApprovalEventKind = strawberry.field(description="The kind of the event.")
    previous_status: ApprovalStatus | None = strawberry.field(
        description="The status before the event; null for a new request."
    )
    request: ApprovalRequest = strawberry.field(description="The request immediately after the event.")


@strawberry.type(description="An event of a kill switch.")
class KillSwitchEvent(DeskEvent):
    """From domain.events.KillSwitchEvent."""

    kind: KillSwitchEventKind = strawberry.field(description="The kind of the event.")
    kill_switch: KillSwitchNode = strawberry.field(description="The switch immediately after the event.")


def approval_event_of(fact: ApprovalFact, cursor: str) -> ApprovalEvent:
    """The GraphQL object in the state at the time of the event."""
    return ApprovalEvent(
        id=strawberry.ID(fact.id),
        cursor=cursor,
        at=fact.at,
        kind=fact.kind,
        previous_status=fact.previous_status,
        request=approval_in_event(fact.view),
    )


def kill_switch_event_of(fact: KillSwitchFact, cursor: str) -> KillSwitchEvent:
    """The GraphQL object in the state at the time of the event."""
    switch = kill_switch_of(fact.view.switch)
    return KillSwitchEvent(
        id=strawberry.ID(fact.id), cursor=cursor, at=fact.at, kind=fact.kind, kill_switch=switch
    )
