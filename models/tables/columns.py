"""Columns and conditions shared by many tables."""

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
    """A row that cannot be deleted while this one exists."""
    column: Any = fields.ForeignKeyField
    return column(f"models.{model}", on_delete=fields.RESTRICT, related_name=False, null=null)


def one_of(column: str, *values: str) -> str:
    """A condition that the column has one of these values."""
    return f"{column} IN ({', '.join(repr(value) for value in values)})"
