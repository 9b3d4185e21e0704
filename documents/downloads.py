"""Original bytes as a response: attachment, whole or a range, a part at a time."""

import re
from collections.abc import Iterator
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from documents.extraction import MEDIA_TYPES
from documents.models import Document, DocumentVersion
from documents.storage import has_file, read_file
from ultrai.problems import problem_response


def download(request: HttpRequest, source: Document | DocumentVersion) -> HttpResponseBase:
    """The bytes of a document or of one of its versions. One sent as JSON has its text here."""
    etag = tag_of_file(source)
    size = source.size_bytes
    start, stop, status = 0, size, HTTPStatus.OK
    if request.method == "GET" and request.headers.get("If-Range", etag) == etag:
        asked = byte_range(request.headers.get("Range", ""), size)
        if asked is not None:
            start, stop = asked
            status = HTTPStatus.PARTIAL_CONTENT
    if start >= stop and status == HTTPStatus.PARTIAL_CONTENT:
        detail = f"The file has {size:,} bytes; none are in this range."
        refusal = problem_response(416, "range_not_satisfiable", detail)
        refusal["Content-Range"] = f"bytes */{size}"
        return refusal
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse()
    else:
        response = StreamingHttpResponse(content_of(source, start, stop), status=status)
    response["Content-Type"] = MEDIA_TYPES.get(source.file_type or "", "application/octet-stream")
    response["Content-Length"] = str(stop - start)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    # Always a download: a browser must never show an uploaded file as a page of ours.
    response["Content-Disposition"] = content_disposition_header(True, source.filename) or ""
    response["X-Content-Type-Options"] = "nosniff"
    if status == HTTPStatus.PARTIAL_CONTENT:
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return response


def tag_of_file(source: Document | DocumentVersion) -> str:
    """The `ETag`: who has the bytes can make it."""
    return f'"{source.sha256}"'


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Return where a range starts and stops; None for what is not one range of bytes.

    Several ranges at once may be answered with the whole (RFC 9110, 14.2), and are.
    """
    match = re.fullmatch(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", header)
    if not match or match[1] == match[2] == "":
        return None
    if not match[1]:  # the last so many
        return max(0, size - int(match[2])), size
    start, last = int(match[1]), int(match[2] or size)
    return None if match[2] and last < start else (start, min(last + 1, size))


def content_of(source: Document | DocumentVersion, start: int, stop: int) -> Iterator[bytes]:
    document_id, number = (
        (source.pk, source.version)
        if isinstance(source, Document)
        else (source.document_id, source.number)
    )
    if has_file(document_id, number):
        yield from read_file(document_id, number, start, stop)
    else:
        yield (source.content or "").encode()[start:stop]
