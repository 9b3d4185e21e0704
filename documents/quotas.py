"""What a user may keep. The usage is one row a user, and its lock is what makes checks exact."""

from django.conf import settings

from accounts.models import User
from documents.models import DocumentUsage
from ultrai.exceptions import DomainError
from ultrai.querysets import Parameter, Prepared

LOCKED_USAGE = Prepared(
    lambda: DocumentUsage.objects.select_for_update().filter(user_id=Parameter("user_id"))
)


class QuotaExceeded(DomainError):
    status = 507
    code = "quota_exceeded"


def lock_usage(user: User) -> DocumentUsage:
    """Return the user's usage, locked: of two uploads the second sees what the first has added.

    Whoever locks documents as well locks them before this, so that nobody waits in a circle.
    """
    usage = LOCKED_USAGE.first(user_id=user.pk)
    if usage is None:
        DocumentUsage.objects.bulk_create([DocumentUsage(user=user)], ignore_conflicts=True)
        usage = DocumentUsage.objects.select_for_update().get(user=user)
    return usage


def refuse_over_quota(usage: DocumentUsage | None, *, documents: int, size: int) -> None:
    """Raise QuotaExceeded, with the figures, where so much more is more than a user may keep."""
    used_documents, used_bytes = (usage.documents, usage.bytes) if usage else (0, 0)
    if documents and used_documents + documents > settings.QUOTA_DOCUMENTS:
        raise QuotaExceeded(
            f"You have {used_documents:,} of {settings.QUOTA_DOCUMENTS:,} documents. "
            "Delete some before you add others."
        )
    if used_bytes + size > settings.QUOTA_BYTES:
        raise QuotaExceeded(
            f"Your documents and their versions take {used_bytes:,} of "
            f"{settings.QUOTA_BYTES:,} bytes, and this one has {size:,}. "
            "Delete some before you add others."
        )
