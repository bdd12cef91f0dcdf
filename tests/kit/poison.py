"""Makes the database refuse to write one row, for tests of what becomes of all the others."""

from models.sql.database import fetch, is_sqlite


async def poison(table: str, condition: str) -> None:
    """From now on no row that fulfils `condition` can be written; it names the columns as ``NEW.x``."""
    name = f"poison_{table}"
    if is_sqlite():
        for event in ("INSERT", "UPDATE"):
            await fetch(
                f"CREATE TRIGGER {name}_{event} BEFORE {event} ON {table} WHEN {condition}"
                f" BEGIN SELECT RAISE(ABORT, 'poisoned'); END"
            )
        return
    await fetch(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'poisoned'; END$$"
    )
    await fetch(
        f"CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW"
        f" WHEN ({condition}) EXECUTE FUNCTION {name}()"
    )


async def heal(table: str) -> None:
    """Undo that."""
    name = f"poison_{table}"
    if is_sqlite():
        for event in ("INSERT", "UPDATE"):
            await fetch(f"DROP TRIGGER {name}_{event}")
        return
    await fetch(f"DROP FUNCTION {name}() CASCADE")
