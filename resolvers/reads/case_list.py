"""A page of the list of cases."""

from typing import Any

from domain.case_filter import CaseFilter, CaseOrder, CaseOrderField
from domain.events import CaseView
from models.case_list import count_cases, page_case_rows, page_cases, row_key
from models.sql.database import unreadable_rows
from models.sql.where import Page, PageRequest
from resolvers.kit.arguments import PageArguments
from resolvers.kit.context import Info, selected_rows
from resolvers.kit.pagination import Connection, FollowedConnection, Pager, PageRead, followed
from resolvers.kit.stream_cursor import stream_cursor
from resolvers.types.case import Case, case_of
from resolvers.types.case_rows import CASE_ROWS, CasesAt


async def cases_page(
    info: Info, selection: CaseFilter, order: CaseOrder, asked: PageArguments, *, can_be_followed: bool
) -> FollowedConnection[Case]:
    """With the cursor after which `caseEvents` continues it, unless that refuses the filter."""
    cursor = await stream_cursor(info, "caseEvents", selection) if can_be_followed else None
    return followed(await _page(info, selection, order, asked), cursor)


async def _page(
    info: Info, selection: CaseFilter, order: CaseOrder, asked: PageArguments
) -> Connection[Case]:
    """Straight from rows if every selected field can be read from one, otherwise through the cases."""
    context = info.context
    types = "bds" if order.field is CaseOrderField.AMOUNT else "ts"
    scope = ("cases", selection, order.field, order.descending)
    pager: Pager[Any] = Pager(scope, types, context.api.page_size_max)
    request = pager.request(asked)
    audience, now = context.audience, context.api.desk.clock()

    async def count() -> int:
        return await count_cases(audience, selection, now)

    rows = selected_rows(info, CASE_ROWS)
    # While a case counts as damaged, its whole row is read: that finds out when it is restored.
    if rows is not None and not unreadable_rows().any_of("margin_case"):
        columns = rows.columns

        async def load_rows(at: PageRequest) -> Page[Any]:
            return await page_case_rows(audience, selection, order, at, now, columns)

        found = await load_rows(request)
        nodes: Any = await rows.objects(found.rows, CasesAt(now, context))
        if nodes is not None:
            read = PageRead(request, found, load_rows)
            return await pager.connection_of(nodes, read, lambda row: row_key(order, row), count)

    async def load(at: PageRequest) -> Page[CaseView]:
        page = await page_cases(audience, selection, order, at, now)
        await context.pace.turn()
        return page

    def node(view: CaseView) -> Case:
        return case_of(view, now)

    return await pager.connection(request, load, order.key, node, count)
