from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from documents.models import Document
from documents.search import index_text


class Command(BaseCommand):
    help = "Write the search index anew; needed once after SEARCH_LANGUAGE was changed."

    def handle(self, *args: Any, **options: Any) -> None:
        ids = Document.objects.order_by("pk").values_list("pk", flat=True)
        count = 0
        for pk in ids.iterator():
            count += self.index(pk)
        if options["verbosity"]:
            self.stdout.write(f"{count} documents were indexed.")

    @transaction.atomic
    def index(self, pk: int) -> bool:
        """False when the document was deleted meanwhile."""
        document = Document.objects.select_for_update().filter(pk=pk).first()
        if document is None:
            return False
        index_text(document, document.content or "", has_pages=document.page_count is not None)
        return True
