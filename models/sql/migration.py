"""The base classes of this package's migrations: Tortoise's, applied without a copy of all models per
operation.

Tortoise copies the whole state before every operation, for operations that compare before and after. These
only add, and copying forty models a hundred times would be most of the duration of a first start.
"""

from tortoise import fields
from tortoise.migrations import Migration, operations
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State


class Widen(operations.AlterField):
    """Widen a text column. PostgreSQL rewrites nothing, SQLite has no widths.

    Backwards, longer texts are cut off.
    """

    def __init__(self, model_name: str, name: str, field: fields.CharField[str], before: int) -> None:
        super().__init__(model_name, name, field)
        self._before, self._after = before, field.max_length

    async def database_forward(
        self,
        app_label: str,
        old_state: State,
        new_state: State,
        state_editor: BaseSchemaEditor | None = None,
    ) -> None:
        """To the new width."""
        await self._resize(app_label, new_state, state_editor, self._after)

    async def database_backward(
        self,
        app_label: str,
        old_state: State,
        new_state: State,
        state_editor: BaseSchemaEditor | None = None,
    ) -> None:
        """To the previous width."""
        await self._resize(app_label, new_state, state_editor, self._before)

    async def _resize(
        self, app_label: str, state: State, editor: BaseSchemaEditor | None, width: int
    ) -> None:
        if editor is None or editor.DIALECT == "sqlite":
            return
        table = state.apps.get_model(f"{app_label}.{self.model_name}")._meta.db_table
        cut_off = f' USING LEFT("{self.name}", {width})' if width < self._after else ""
        await editor.client.execute_script(
            f'ALTER TABLE "{table}" ALTER COLUMN "{self.name}" TYPE VARCHAR({width}){cut_off}'
        )


_ADDS = (
    operations.CreateModel,
    operations.AddField,
    Widen,
    operations.AddIndex,
    operations.AddConstraint,
    operations.AlterModelOptions,
    operations.RunSQL,
    operations.RunPython,
)


class AddingMigration(Migration):
    """A migration whose forward operations only need the state after them; other operations are refused."""

    async def apply(
        self,
        state: State,
        *,
        dry_run: bool = False,
        schema_editor: BaseSchemaEditor | None = None,
        collect_sql: bool = False,
    ) -> State:
        """Overrides Tortoise's method."""
        assert all(isinstance(operation, _ADDS) for operation in self.operations), self.name
        if dry_run or collect_sql or schema_editor is None:
            return await super().apply(
                state, dry_run=dry_run, schema_editor=schema_editor, collect_sql=collect_sql
            )
        in_transactions = schema_editor.client.capabilities.supports_transactions
        for operation in self.operations:
            operation.state_forward(self.app_label, state)
            await self._run_database_forward(operation, state, state, schema_editor, in_transactions)
        state.validate_relations_initialized()
        return state


class AddColumn(operations.AddField):
    """Add a nullable column; backwards, drop just that column.

    Tortoise's way back on SQLite creates the table again and loses the indexes that other migrations added.
    """

    async def database_backward(
        self,
        app_label: str,
        old_state: State,
        new_state: State,
        state_editor: BaseSchemaEditor | None = None,
    ) -> None:
        """Without a copy of the table."""
        if state_editor is None:
            return
        model = old_state.apps.get_model(f"{app_label}.{self.model_name}")
        column = model._meta.fields_db_projection[self.name]
        await state_editor.client.execute_script(
            f'ALTER TABLE "{model._meta.db_table}" DROP COLUMN "{column}"'
        )
