"""The audit trail and its filter."""

from datetime import datetime
from typing import Annotated

import strawberry

from domain.principal import Capability
from models.audit import AuditFilter as AuditSelection
from models.audit import ChainedRow, count_audit, load_audit_row, page_audit
from resolvers.kit.arguments import After, Before, First, Last, PageArguments
from resolvers.kit.context import IF_IT_FAILS, Info, ReadContext, reader
from resolvers.kit.node import Node, global_id, type_and_id
from resolvers.kit.pagination import Connection, Pager

_TYPES = {"account": "Account", "approval": "ApprovalRequest", "case": "Case", "order": "Order"}
"""The types of entities that can be fetched by a global id."""


@strawberry.type(
    description="An entry of the audit trail: a change of the desk's data, or a recorded read, with its "
    "author and its time."
)
class AuditEntry(Node):
    """From models.audit.ChainedRow."""

    at: datetime = strawberry.field(description="The time of the action.")
    actor: str = strawberry.field(
        description="The author: the subject of a token, a part of the desk such as `desk:monitor`, "
        '"system" for automatic liquidation, or the name of a venue.'
    )
    action: str = strawberry.field(description="The name of the action, such as `liquidate`.")
    entity: str = strawberry.field(
        description="The kind of entity that was acted on, such as `case` or `order`."
    )
    entity_id: str = strawberry.field(
        description="The id of the entity. It is a global id, which node(id:) finds, if the entity is a "
        "type of this API."
    )
    detail: str = strawberry.field(description="Details of the action, as a JSON object.")
    before: str | None = strawberry.field(
        description="The values before the change, as a JSON object with only the changed fields; null if "
        "the entity did not exist before, or if nothing changed."
    )
    after: str | None = strawberry.field(
        description="The values after the change, as a JSON object with only the changed fields; null if "
        "the entity no longer exists, or if nothing changed."
    )
    request_id: str | None = strawberry.field(
        description="The X-Request-ID of the request or connection; null if the desk acted automatically."
    )
    sequence: str | None = strawberry.field(
        description="The position of the entry in the hash chain, a whole number as text; null until the "
        "entry is chained, about a second after it was written."
    )
    hash: str | None = strawberry.field(
        description="The hash of the entry in the chain: SHA-256 over its position, the previous hash and "
        "every column, in hexadecimal digits; null until the entry is chained."
    )


@strawberry.input(description="Filter for audit entries. Omitted fields match everything.")
class AuditFilter:
    """To models.audit.AuditFilter."""

    entity: str | None = strawberry.field(
        default=None, description="Entries about this kind of entity, such as `case`."
    )
    entity_id: str | None = strawberry.field(
        default=None, description="Entries about this entity, by the id that `AuditEntry.entityId` shows."
    )
    actor: str | None = strawberry.field(
        default=None, description="Entries of exactly this author, as `AuditEntry.actor` shows it."
    )
    action: str | None = strawberry.field(
        default=None, description="Entries with exactly this action, such as `liquidate`."
    )
    after: datetime | None = strawberry.field(default=None, description="Entries at this time or later.")
    before: datetime | None = strawberry.field(default=None, description="Entries before this time.")

    def selection(self) -> AuditSelection:
        """The filter for the database. A global id also determines the kind of entity."""
        named = type_and_id(self.entity_id) if self.entity_id is not None else None
        kinds = {name: entity for entity, name in _TYPES.items()}
        entity, entity_id = self.entity, self.entity_id
        if named is not None and named[0] in kinds:
            entity_id = named[1] if entity in (None, kinds[named[0]]) else "-"
            entity = kinds[named[0]]
        return AuditSelection(entity, entity_id, self.actor, self.action, self.after, self.before)


@strawberry.type
class AuditQueries:
    """The root field of the audit trail."""

    @strawberry.field(
        description="The audit trail, newest first. A token with a limited account scope sees only entries "
        "about these accounts and their cases and orders. Requires a permission to export records: "
        "RISK_APPROVER, RISK_SETTING_FULL or AUDITOR." + IF_IT_FAILS
    )
    async def audit_trail(
        self,
        info: Info,
        filter: Annotated[
            AuditFilter | None, strawberry.argument(description="Filter for audit entries.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[AuditEntry] | None:
        """A keyset page."""
        context = reader(info, Capability.EXPORT_RECORDS)
        selection = (filter or AuditFilter()).selection()
        pager: Pager[ChainedRow] = Pager(("audit", selection), "i", context.api.page_size_max)
        request = pager.request(PageArguments(first, after, last, before))
        return await pager.connection(
            request,
            lambda at: page_audit(context.audience, selection, at),
            lambda chained: (chained.row.id,),
            entry_of,
            lambda: count_audit(context.audience, selection),
        )


async def find_audit_entry(context: ReadContext, id_: str) -> AuditEntry | None:
    """For `node`: None for callers who may not read the audit trail."""
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
