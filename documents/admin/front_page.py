from collections.abc import Iterator

from django.template.defaultfilters import filesizeformat
from django.urls import reverse

from documents.extraction.formats import FORMATS
from documents.models import StoredType
from ultrai.admin.front_page import Cell, Column, Panel, Period, Picture, add_panels, number


def storage_panel(period: Period) -> Iterator[Panel]:
    types = list(StoredType.objects.order_by("-bytes", "file_type"))
    documents = reverse("admin:documents_document_changelist")
    yield Panel(
        "Storage by type",
        [Column("Type"), Column("Documents", "open"), Column("Size", "bar"), Column("Bytes")],
        [
            [
                Cell(
                    one.file_type or "unknown",
                    link=f"{documents}?type={one.file_type}" if one.file_type in FORMATS else "",
                ),
                number(one.documents),
                Cell(filesizeformat(one.bytes), round(one.bytes / 1_000_000, 3)),
                number(one.bytes),
            ]
            for one in types
        ],
        [Picture("Size", ["Size"], unit="MB"), Picture("Documents", ["Documents"])],
        [
            "As they are now, without earlier versions; counted at"
            f" {types[0].counted_at:%Y-%m-%d %H:%M} UTC."
            if types
            else "The worker counts them every ten minutes."
        ],
        is_wide=True,
    )


add_panels(storage_panel, place=40, permissions=["documents.view_document"])
