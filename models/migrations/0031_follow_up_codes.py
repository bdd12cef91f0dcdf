"""Follow-up records of the desk as a code and parameters, so that they can be shown in several languages."""

from tortoise import fields

from models.sql.migration import AddColumn, AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0030_actors_of_keys")]

    initial = False

    operations = [
        AddColumn(model_name="FollowUpTable", name="code", field=fields.CharField(max_length=40, null=True)),
        AddColumn(model_name="FollowUpTable", name="parameters", field=fields.TextField(null=True)),
    ]
