"""The audit without the triggers that keep its rows from being changed, as its owner can have it."""

from tortoise.connection import get_connection

from models.sql.database import fetch, is_sqlite


async def without_guards() -> None:
    """Drop every trigger, which only the owner of the database can do."""
    connection = get_connection("default")
    rows = await fetch(
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if is_sqlite()
        else "SELECT tgname AS name, tgrelid::regclass::text AS owner FROM pg_trigger WHERE NOT tgisinternal"
    )
    for row in rows:
        on = "" if is_sqlite() else f" ON {row['owner']}"
        await connection.execute_script(f"DROP TRIGGER {row['name']}{on}")
