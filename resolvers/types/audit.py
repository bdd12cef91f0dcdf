"""The audit trail."""

from datetime import datetime
from typing import Annotated

import strawberry

from domain.principal import Capability
from models.audit import AuditFilter as AuditSelection
from models.audit import ChainedRow, count_audit, load_audit_row, page_audit
from resolvers.kit.arguments import After, First
from resolvers.kit.context import Info, ReadContext, reader
from resolvers.kit.node import Node, global_id, type_and_id
from resolvers.kit.pagination import Connection, Pager

_TYPES = {"account": "Account", "approval": "ApprovalRequest", "case": "Case", "order": "Order"}
"""Of entities that can be fetched by a global id."""


@strawberry.type(description="One act: who did what to which entity, when, and what differs since.")
class AuditEntry(Node):
    """From models.audit.ChainedRow."""

    at: datetime = strawberry.field(description="When.")
    actor: str = strawberry.field(description="Who: the subject of a token, a part of the desk, or a venue.")
    action: str = strawberry.field(description="What.")
    entity: str = strawberry.field(description="To which kind of thing, such as `case` or `order`.")
    entity_id: str = strawberry.field(
        description="To which: its global id where it has one, so that node(id:) finds it."
    )
    detail: str = strawberry.field(description="More about it, as JSON.")
    before: str | None = strawberry.field(
        description="What differs since, as it was, as JSON; null: there was nothing, or nothing differs."
    )
    after: str | None = strawberry.field(description="What differs since, as it is, as JSON.")
    request_id: str | None = strawberry.field(
        description="The X-Request-ID of the request or socket; null for what the desk did by itself."
    )
    sequence: str | None = strawberry.field(
        description="Its place in the hash chain; null for a second or so, until it has one."
    )
    hash: str | None = strawberry.field(
        description="Of its link: SHA-256 over the place, the hash before and every column."
    )


@strawberry.input(description="Which entries; what is left out does not matter.")
class AuditFilter:
    """To models.audit.AuditFilter."""

    entity: str | None = strawberry.field(default=None, description="Of this kind, such as `case`.")
    entity_id: str | None = strawberry.field(default=None, description="An id as entries show it.")
    actor: str | None = strawberry.field(default=None, description="By exactly this actor.")
    action: str | None = strawberry.field(default=None, description="Exactly this, such as `liquidate`.")
    after: datetime | None = strawberry.field(default=None, description="At this moment or later.")
    before: datetime | None = strawberry.field(default=None, description="Earlier than this.")

    def selection(self) -> AuditSelection:
        """A global id also says the kind."""
        named = type_and_id(self.entity_id) if self.entity_id is not None else None
        kinds = {name: entity for entity, name in _TYPES.items()}
        entity, entity_id = self.entity, self.entity_id
        if named is not None and named[0] in kinds:
            entity_id = named[1] if entity in (None, kinds[named[0]]) else "-"
            entity = kinds[named[0]]
        return AuditSelection(entity, entity_id, self.actor, self.action, self.after, self.before)


@strawberry.type
class AuditQueries:
    """Of the query root."""

    @strawberry.field(
        description="Everything that was done, newest first. Needs a permission to export records; with a "
        "limited account scope, what was done to these accounts, their cases and orders."
    )
    async def audit_trail(
        self,
        info: Info,
        filter: Annotated[AuditFilter | None, strawberry.argument(description="Which.")] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[AuditEntry]:
        """A keyset page."""
        context = reader(info, Capability.EXPORT_RECORDS)
        wanted = (filter or AuditFilter()).selection()
        pager: Pager[ChainedRow] = Pager(("audit", wanted), "i", context.api.page_size_max)
        request = pager.request(first, after)
        page = await page_audit(context.audience, wanted, request)
        return pager.connection(
            page,
            request,
            lambda chained: (chained.row.id,),
            entry_of,
            lambda: count_audit(context.audience, wanted),
        )


async def find_audit_entry(context: ReadContext, id_: str) -> AuditEntry | None:
    """For `node`: who may not read the trail finds nothing."""
    if not context.audience.may(Capability.EXPORT_RECORDS) or not _is_row_id(id_):
        return None
    chained = await load_audit_row(context.audience, int(id_))
    return entry_of(chained) if chained else None


def entry_of(chained: ChainedRow) -> AuditEntry:
    """The GraphQL object."""
    row = chained.row
    kind = _TYPES.get(row.entity)
    return AuditEntry(
        id=global_id("AuditEntry", str(row.id)),
        at=row.at,
        actor=row.actor,
        action=row.action,
        entity=row.entity,
        entity_id=row.entity_id if kind is None else global_id(kind, row.entity_id),
        detail=row.detail,
        before=row.before,
        after=row.after,
        request_id=row.request_id,
        sequence=None if chained.sequence is None else str(chained.sequence),
        hash=chained.hash,
    )


def _is_row_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18
