"""One case with all that belongs to it."""

from typing import cast

from domain.ids import CaseId
from models.sql.database import unreadable_rows
from resolvers.kit.context import Info, selected_rows
from resolvers.types.case import Case, load_case
from resolvers.types.case_rows import CASE_ROWS, CasesAt


async def case_details(info: Info, case_id: CaseId) -> Case | None:
    """The case if it exists and is visible, else None; from its row if each selected field has a column."""
    context = info.context
    rows = selected_rows(info, CASE_ROWS)
    # While a case counts as damaged, its whole row is read: that finds out when it is restored.
    if rows is None or unreadable_rows().any_of("margin_case"):
        return await load_case(info, case_id)
    row = await context.loaders.case_rows.load((case_id, rows.columns))
    if row is None:
        return None
    case = await rows.object(row, CasesAt(context.api.desk.clock(), context))
    return await load_case(info, case_id) if case is None else cast(Case, case)
