"""Snapshots: the inputs and figures of a case at its decisive moments."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from domain.ids import CaseId
from domain.principal import Capability
from domain.snapshot import SnapshotKind
from models.snapshot import StoredSnapshot, load_snapshot, page_snapshots
from models.sql.database import unreadable_rows
from models.sql.values import time
from models.sql.where import Page, PageRequest
from resolvers.kit.arguments import GlobalId, PageArguments
from resolvers.kit.context import Info, ReadContext, reader, selected_rows
from resolvers.kit.node import Node, filter_id, global_id
from resolvers.kit.pagination import Connection, Pager, PageRead
from resolvers.types.figures import MarginFigures, figures_of
from resolvers.types.snapshot_rows import SNAPSHOT_ROWS

if TYPE_CHECKING:
    from resolvers.types.case import Case


@strawberry.type(
    description="The inputs and figures of a case at one moment, kept as evidence and never changed. "
    "`python -m gateway recompute` computes the figures again from the inputs."
)
class Snapshot(Node):
    """From models.snapshot.StoredSnapshot."""

    kind: SnapshotKind = strawberry.field(
        description="The moment in the case's life at which the snapshot was taken."
    )
    occasion: str = strawberry.field(
        description="The key that distinguishes the case's snapshots of one kind: the trading day of a "
        "DAILY one, the number of the liquidation, or the id of the message; empty if there can be only "
        "one."
    )
    taken_at: datetime = strawberry.field(
        description="The time of the snapshot. The ages of its prices are measured at this time."
    )
    figures: MarginFigures = strawberry.field(description="The margin figures at that moment.")
    uncovered_amount: Decimal = strawberry.field(
        description="The amount to collect, less the amount that the open orders would still have collected."
    )
    hash: str = strawberry.field(description="The SHA-256 of `content`, in hexadecimal digits.")
    stored: strawberry.Private[StoredSnapshot]

    @strawberry.field(
        description="All inputs and the resulting figures as JSON: terms, amount rule, cash, positions with "
        "prices and margin factors, FX rates, open orders and settings. Null, with an error FORBIDDEN, "
        "unless your token grants a permission to export records."
    )
    async def content(self, info: Info) -> str | None:
        """The canonical JSON text."""
        reader(info, Capability.EXPORT_RECORDS)
        return self.stored.content

    @strawberry.field(description="The case of the snapshot; null if you may not see it.")
    async def case(self, info: Info) -> Annotated["Case", strawberry.lazy("resolvers.types.case")] | None:
        """Batched."""
        from resolvers.types.case import load_case

        return await load_case(info, self.stored.case_id)


@strawberry.type
class SnapshotQueries:
    """The root field of snapshots."""

    @strawberry.field(description="A snapshot by its id; null if none exists within your scope.")
    async def snapshot(self, info: Info, id: GlobalId) -> Snapshot | None:
        """By id."""
        return await find_snapshot(reader(info), filter_id("Snapshot", id))


async def find_snapshot(context: ReadContext, id_: str) -> Snapshot | None:
    """For `snapshot` and `node`."""
    stored = await load_snapshot(context.audience, id_)
    return snapshot_of(stored) if stored else None


async def snapshots_page(info: Info, case_id: CaseId, asked: PageArguments) -> Connection[Snapshot]:
    """Of one case, newest first."""
    context = info.context
    pager: Pager[Any] = Pager(("snapshots", case_id), "ts", context.api.page_size_max)
    request = pager.request(asked)

    async def count() -> int:
        return await context.loaders.snapshot_counts.load(case_id) or 0

    async def load(at: PageRequest) -> Page[Any]:
        """The first pages of many cases by one statement."""
        if at.is_first:
            return await context.loaders.snapshots_of.load((case_id, at.size))
        return await page_snapshots(context.audience, case_id, at)

    rows = selected_rows(info, SNAPSHOT_ROWS) if request.is_first else None
    if rows is not None and not unreadable_rows().any_of("snapshot"):
        found = await context.loaders.page_rows.snapshots(case_id, request.size, rows.columns)
        nodes: Any = await rows.objects(found.rows, None)
        if nodes is not None:
            read = PageRead(request, found, load)
            return await pager.connection_of(nodes, read, lambda row: (time(row["at"]), row["id"]), count)
    return await pager.connection(
        request,
        load,
        lambda stored: (stored.at, stored.id),
        snapshot_of,
        count,
    )


def snapshot_of(stored: StoredSnapshot) -> Snapshot:
    """The GraphQL object."""
    outputs = stored.outputs()
    return Snapshot(
        id=global_id("Snapshot", stored.id),
        kind=stored.kind,
        occasion=stored.occasion,
        taken_at=stored.at,
        figures=figures_of(outputs.figures),
        uncovered_amount=outputs.uncovered_amount,
        hash=stored.hash,
        stored=stored,
    )
