"""What was put into the text of a message, since when its amount holds, and earlier words of it."""

from tortoise import fields

from models.sql.migration import AddColumn, AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0026_ordered_alone")]

    initial = False

    operations = [
        AddColumn(model_name="MessageTable", name="figures_as_of", field=fields.DatetimeField(null=True)),
        AddColumn(model_name="MessageTable", name="parameters", field=fields.TextField(null=True)),
        AddColumn(model_name="MessageTable", name="earlier_bodies", field=fields.TextField(null=True)),
    ]
