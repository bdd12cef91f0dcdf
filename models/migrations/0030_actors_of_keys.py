"""Idempotency keys from before subjects had one form: a request that is repeated finds its answer again.

Where two spellings of one person had used the same key, the key of the form counts, and the other one stays as
it was written.
"""

from typing import Any

from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor.base import BaseSchemaEditor

from domain.text import lenient_subject_form
from models.sql.migration import AddingMigration

ACTOR_CHARACTERS_MAX = 200
_MOVE_KEYS = (
    "UPDATE idempotency_key SET actor = {form} WHERE actor = {before} AND NOT EXISTS"
    " (SELECT 1 FROM idempotency_key o WHERE o.actor = {form}"
    " AND o.idempotency_key = idempotency_key.idempotency_key)"
)
_MOVE_ANSWERS = (
    "UPDATE idempotency_item SET actor = {form} WHERE actor = {before} AND NOT EXISTS"
    " (SELECT 1 FROM idempotency_key o WHERE o.actor = {before}"
    " AND o.idempotency_key = idempotency_item.idempotency_key)"
)
"""Answers go with their key: where it stays they stay."""


async def _write_forms(apps: Any, editor: BaseSchemaEditor) -> None:
    names = ("?1", "?2") if editor.DIALECT == "sqlite" else ("$1", "$2")
    statements = [each.format(form=names[0], before=names[1]) for each in (_MOVE_KEYS, _MOVE_ANSWERS)]
    for row in await editor.client.execute_query_dict(
        "SELECT DISTINCT actor FROM idempotency_key ORDER BY actor"
    ):
        before = row["actor"]
        form = lenient_subject_form(before)[:ACTOR_CHARACTERS_MAX]
        if form != before:
            for statement in statements:
                await editor.client.execute_query(statement, [form, before])


async def _keep(apps: Any, editor: BaseSchemaEditor) -> None:
    """The way back: what was written stays readable."""


class Migration(AddingMigration):
    dependencies = [("models", "0029_case_numbers")]

    initial = False

    operations = [ops.RunPython(_write_forms, _keep)]
