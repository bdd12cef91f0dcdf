"""What the migrations of this package are: Tortoise's, applied without a copy of all models per operation.

Tortoise copies the whole state before every operation, for those that compare before and after. Ours only
add, and copying forty models a hundred times over is most of what a first start would wait for.
"""

from tortoise.migrations import Migration, operations
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State

_ADDS = (
    operations.CreateModel,
    operations.AddField,
    operations.AddIndex,
    operations.AddConstraint,
    operations.AlterModelOptions,
    operations.RunSQL,
    operations.RunPython,
)


class AddingMigration(Migration):
    """A migration whose operations, going forward, look only at what comes after; others are refused."""

    async def apply(
        self,
        state: State,
        *,
        dry_run: bool = False,
        schema_editor: BaseSchemaEditor | None = None,
        collect_sql: bool = False,
    ) -> State:
        """As Tortoise's."""
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
