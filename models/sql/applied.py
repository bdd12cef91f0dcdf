"""Whether a database is migrated already, in two statements.

Tortoise needs a tenth of a second of a start to say so: it loads every migration, twice.
"""

from functools import cache
from pathlib import Path
from pkgutil import iter_modules

from models.sql.configuration import APP
from models.sql.database import fetch, is_sqlite

DIRECTORY = Path(__file__).parents[1] / "migrations"
TABLE = "tortoise_migrations"
"""Where Tortoise notes what it has applied."""


async def is_migrated() -> bool:
    """Whether exactly the migrations of this version are applied; needs an active database."""
    if not await _was_ever_migrated():
        return False
    rows = await fetch(f"SELECT name FROM {TABLE} WHERE app = $1", APP)
    return {row["name"] for row in rows} == _of_this_version()


async def _was_ever_migrated() -> bool:
    if is_sqlite():
        return bool(
            await fetch("SELECT 1 AS one FROM sqlite_master WHERE type = 'table' AND name = $1", TABLE)
        )
    (row,) = await fetch(f"SELECT to_regclass('{TABLE}') IS NOT NULL AS found")
    return bool(row["found"])


@cache
def _of_this_version() -> frozenset[str]:
    return frozenset(module.name for module in iter_modules([str(DIRECTORY)]) if module.name[0] != "_")
