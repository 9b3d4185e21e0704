from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce

from documents.extraction import FORMATS, is_current
from documents.models import Document, FilePart
from documents.services import request_extraction

BATCH = 100
# After everything that somebody is waiting for.
PRIORITY = -10


class Command(BaseCommand):
    help = (
        "Have files read again whose text an older extractor made. The worker reads them after "
        "everything else; a text stays until there is another."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--failed", action="store_true", help="also those that had no text")
        parser.add_argument("--type", metavar="TYPE", help="only files of this type, such as pdf")
        parser.add_argument("--list", action="store_true", help="show who made how many, and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        texts = texts_by_extractor()
        if options["list"]:
            for (file_type, extractor), count in sorted(texts.items()):
                note = "" if is_current(file_type, extractor) else " (older)"
                self.stdout.write(f"{count:>9,}  {file_type:<5} {extractor or 'unknown'}{note}")
            return
        wanted = Q(status=Document.Status.FAILED) if options["failed"] else Q(pk__in=[])
        for file_type, extractor in texts:
            if not is_current(file_type, extractor):
                wanted |= Q(file_type=file_type, made_by=extractor, status=Document.Status.READY)
        if options["type"]:
            wanted &= Q(file_type=options["type"])
        count = self.queue(with_file().filter(wanted))
        self.stdout.write(f"{count:,} documents are going to be read again.")

    def queue(self, documents: QuerySet[Any]) -> int:
        count, last = 0, 0
        documents = documents.only("pk", "version").order_by("pk")
        while batch := list(documents.filter(pk__gt=last)[:BATCH]):
            with transaction.atomic():
                for document in batch:
                    request_extraction(document, priority=PRIORITY)
            count, last = count + len(batch), batch[-1].pk
            self.stderr.write(f"{count:,} queued")
        return count


def with_file() -> QuerySet[Any]:
    """Documents that can be read again, with who has read them."""
    first = FilePart.objects.filter(document=OuterRef("pk"), version=OuterRef("version"), number=0)
    made_by = Coalesce(
        KeyTextTransform("extractor", "metadata"), Value(""), output_field=TextField()
    )
    return Document.objects.filter(Exists(first)).annotate(made_by=made_by)


def texts_by_extractor() -> dict[tuple[str, str], int]:
    """How many texts each extractor has made, by the type of the file."""
    ready = with_file().filter(status=Document.Status.READY, file_type__in=FORMATS)
    counted = ready.values_list("file_type", "made_by").annotate(Count("pk")).order_by()
    return {(str(file_type), made_by): count for file_type, made_by, count in counted}
