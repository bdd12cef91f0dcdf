"""The subscriptions to approval requests and kill switches. Their events are few, so each is offered to all
groups of its field.
"""

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from graphql import FieldNode, FragmentSpreadNode, OperationDefinitionNode

from domain.approval import visible_kinds
from domain.events import (
    ApprovalEvent,
    ApprovalEventKind,
    KillSwitchEvent,
    KillSwitchEventKind,
    KillSwitchView,
)
from domain.principal import Capability
from models.approval import ApprovalFilter, page_approvals
from models.kill_switch import page_switches
from models.outbox import stream_head
from models.sql.database import consistent_read
from models.sql.where import PageRequest
from resolvers.execution.documents import Document
from resolvers.kit.context import require_capability
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.live_feed.filters import approval_event_kind, kill_switch_event_kind
from resolvers.live_feed.operation import EventOperation, Request
from resolvers.live_feed.starting import cursor_scope, refuse_partial
from resolvers.types.control_events import approval_event_of, kill_switch_event_of
from subscriptions.live.operation import Snapshot
from subscriptions.stream.bus import Position

APPROVALS: Hashable = ("approval",)
KILL_SWITCHES: Hashable = ("killSwitch",)
OF_THE_CALLER = "mayDecide"


class ApprovalEvents(EventOperation):
    """The approvalEvents field. Raises ApiError for a caller who may not see requests, and for a selection
    that depends on the caller: its execution is shared.
    """

    def __init__(self, request: Request) -> None:
        require_capability(request.audience, Capability.READ_APPROVALS)
        if selects_anywhere(request.operation.document, request.operation.node, OF_THE_CALLER):
            raise ApiError(
                BAD_USER_INPUT,
                f"A subscription cannot select {OF_THE_CALLER}, which depends on the caller: select "
                "neededCapabilities and maker, and compare them with viewer.",
            )
        chosen = request.arguments.get("filter")
        self._selection: ApprovalFilter = chosen.selection() if chosen else ApprovalFilter()
        # A caller who may see further kinds has not received what was said of them up to the cursor.
        selected = (self._selection, visible_kinds(request.audience))
        super().__init__(request, cursor_scope("approvalEvents", selected, request.audience))
        self.postings = [APPROVALS]

    def concerns(self, fact: Any) -> Any | None:
        """A request that matches, or that has just stopped matching."""
        if not isinstance(fact, ApprovalEvent):
            return None
        kind = approval_event_kind(fact, self._selection, self._request.audience)
        return fact if kind is fact.kind else replace(fact, kind=kind) if kind is not None else None

    def event_of(self, root: ApprovalEvent, cursor: str) -> Any:
        return approval_event_of(root, cursor)

    async def snapshot(self) -> Snapshot:
        """Every request that matches, oldest first, and the stream position that belongs to this state."""
        api, now = self._request.api, self._request.api.desk.clock()
        request = PageRequest(api.snapshot_max)
        async with consistent_read():
            head, contained = await stream_head(), await self._unpublished()
            page = await page_approvals(self._request.audience, self._selection, request)
        refuse_partial(page.more, api)
        roots = [
            ApprovalEvent(api.desk.event_id(), now, ApprovalEventKind.SNAPSHOT, view)
            for view in reversed(page.rows)
        ]
        return Snapshot(Position(head.epoch, head.last_offset), roots, contained)


class KillSwitchEvents(EventOperation):
    """The killSwitchEvents field."""

    def __init__(self, request: Request) -> None:
        self._on: bool | None = request.arguments.get("on")
        super().__init__(request, cursor_scope("killSwitchEvents", self._on, request.audience))
        self.postings = [KILL_SWITCHES]

    def concerns(self, fact: Any) -> Any | None:
        """A switch that matches, or that has just stopped matching."""
        if not isinstance(fact, KillSwitchEvent):
            return None
        kind = kill_switch_event_kind(fact, self._on, self._request.audience)
        return fact if kind is fact.kind else replace(fact, kind=kind) if kind is not None else None

    def event_of(self, root: KillSwitchEvent, cursor: str) -> Any:
        return kill_switch_event_of(root, cursor)

    async def snapshot(self) -> Snapshot:
        """Every switch that matches, oldest first, and the stream position that belongs to this state."""
        api, now = self._request.api, self._request.api.desk.clock()
        async with consistent_read():
            head, contained = await stream_head(), await self._unpublished()
            page = await page_switches(self._request.audience, self._on, PageRequest(api.snapshot_max))
        refuse_partial(page.more, api)
        roots = [
            KillSwitchEvent(
                api.desk.event_id(), now, KillSwitchEventKind.SNAPSHOT, KillSwitchView(switch, ())
            )
            for switch in reversed(page.rows)
        ]
        return Snapshot(Position(head.epoch, head.last_offset), roots, contained)


def selects_anywhere(document: Document, operation: OperationDefinitionNode, name: str) -> bool:
    """Whether the operation selects a field of this name, at any depth."""
    waiting, seen = [operation.selection_set], set[str]()
    while waiting:
        for selection in waiting.pop().selections:
            if isinstance(selection, FragmentSpreadNode):
                fragment = selection.name.value
                if fragment not in seen:
                    seen.add(fragment)
                    waiting.append(document.fragment(fragment).selection_set)
            elif isinstance(selection, FieldNode) and selection.name.value == name:
                return True
            elif (below := getattr(selection, "selection_set", None)) is not None:
                waiting.append(below)
    return False
