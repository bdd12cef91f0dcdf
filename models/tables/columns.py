"""Columns and conditions that many tables have."""

from typing import Any

from tortoise import fields


def id_() -> Any:
    """UUIDv7 text."""
    return fields.CharField(primary_key=True, max_length=32)


def decimal(null: bool = False) -> Any:
    """An amount, price or quantity."""
    column: Any = fields.DecimalField
    return column(30, 10, null=null)


def parent(model: str, null: bool = False) -> Any:
    """A row that cannot go while this one is there."""
    column: Any = fields.ForeignKeyField
    return column(f"models.{model}", on_delete=fields.RESTRICT, related_name=False, null=null)


def one_of(column: str, *values: str) -> str:
    """A condition."""
    return f"{column} IN ({', '.join(repr(value) for value in values)})"
