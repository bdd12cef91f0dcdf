"""Old messages are found by their age."""

from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.sql.migration import AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0013_kill_switch")]

    initial = False

    operations = [
        ops.AddIndex(
            model_name="MessageTable",
            index=Index(fields=["created_at"], name="message_created"),
        ),
    ]
