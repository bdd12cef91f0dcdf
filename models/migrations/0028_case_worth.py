"""What the amount of a case comes to in the reporting currency; of cases that had ended before, unknown."""

from tortoise import fields

from models.sql.migration import AddColumn, AddingMigration


class Migration(AddingMigration):
    dependencies = [("models", "0027_letters")]

    initial = False

    operations = [
        AddColumn(
            model_name="CaseTable",
            name="reporting_amount",
            field=fields.DecimalField(max_digits=30, decimal_places=10, null=True),
        ),
        AddColumn(
            model_name="CaseTable",
            name="reporting_currency",
            field=fields.CharField(max_length=3, null=True),
        ),
    ]
