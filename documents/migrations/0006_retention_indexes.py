from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models


class Migration(migrations.Migration):
    # Nobody waits while these are built, so each has to be outside a transaction.
    atomic = False

    dependencies = [("documents", "0005_retention_and_legal_hold")]

    operations = [
        AddIndexConcurrently(
            "document", models.Index(fields=["created_at", "id"], name="documents_by_age")
        ),
        AddIndexConcurrently(
            "document",
            models.Index(
                fields=["delete_after", "id"],
                condition=models.Q(delete_after__isnull=False),
                name="documents_by_own_date",
            ),
        ),
        AddIndexConcurrently(
            "document",
            models.Index(
                fields=["id"],
                condition=models.Q(legal_hold_at__isnull=False),
                name="documents_held",
            ),
        ),
        AddConstraintNotValid(
            "document",
            models.CheckConstraint(
                condition=(models.Q(legal_hold_at__isnull=False) & ~models.Q(legal_hold_reason=""))
                | (~models.Q(legal_hold_at__isnull=False) & models.Q(legal_hold_reason="")),
                name="document_hold_has_a_reason",
            ),
        ),
        ValidateConstraint("document", "document_hold_has_a_reason"),
    ]
