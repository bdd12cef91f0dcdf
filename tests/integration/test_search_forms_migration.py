"""What the migration to search forms makes of clients, instruments and subjects that are there."""

from domain.principal import Audience, Permission
from models.case import live_cases_of
from models.client import ClientFilter, page_clients
from models.sql.database import Database, execute, fetch
from models.sql.where import PageRequest
from tests.integration.migration_steps import bring_to
from tests.kit.desk_kit import DeskKit

BEFORE = "0022_negative_prices"
"""The migration before this one."""
SEES_NAMES = Audience(frozenset({Permission.RISK_WARNING_FULL}), None)


async def test_old_rows_are_written_in_the_forms_that_are_compared(database: Database) -> None:
    with database.active():
        kit = DeskKit()
        (view,) = await live_cases_of([await kit.indebted_account()])
        await bring_to(BEFORE)
        old = "Cafe\u0301 \uff21\uff22\uff23"
        await execute("UPDATE client SET name = $1, search_text = $2", old, old.casefold())
        await execute("UPDATE margin_case SET claimed_by = $1 WHERE id = $2", "ANN", view.case.id)
        await database.migrate()
        page = await page_clients(SEES_NAMES, ClientFilter(search="CAF\u00c9 abc"), PageRequest(10))
        assert [row.name for row in page.rows] == ["Caf\u00e9 \uff21\uff22\uff23"]
        (case,) = await fetch("SELECT claimed_by FROM margin_case")
        assert case["claimed_by"] == "ann"
        texts = [
            row["search_text"] for row in await fetch("SELECT search_text FROM instrument ORDER BY symbol")
        ]
        assert texts
        assert None not in texts
