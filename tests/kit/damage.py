"""Damages stored values, as a failing disk or a statement typed by hand does, for tests of who reads on."""

from models.sql.database import fetch, is_sqlite

_NO_NUMBER = {True: "1abc", False: "NaN"}
"""What the column of a number holds and no number is; by whether the database is SQLite."""


async def damage(table: str, column: str, condition: str, value: str | None = None) -> None:
    """Put a text that cannot be read into the column; without a value one that is no number."""
    text = _NO_NUMBER[is_sqlite()] if value is None else value
    assert await fetch(f"UPDATE {table} SET {column} = '{text}' WHERE {condition} RETURNING 1 AS changed")


async def damage_settings(condition: str, value: str = "{") -> None:
    """Versions of settings, which the database itself keeps from changing."""
    if is_sqlite():
        await fetch("DROP TRIGGER IF EXISTS risk_setting_keeps_update")
    else:
        await fetch("DROP TRIGGER IF EXISTS risk_setting_append_only ON risk_setting")
    await damage("risk_setting", "value", condition, value)
