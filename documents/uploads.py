"""How an upload comes in: streamed to disk, each file with its limit, never whole in memory."""

import threading
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from rest_framework.parsers import DataAndFiles, MultiPartParser

from documents.extraction import UnsupportedFile, recognise
from ultrai.exceptions import DomainError
from ultrai.parsing import PayloadTooLarge

# Of a larger file the type is told by its beginning and its end; the worker, which has all of it,
# looks again. A zip's directory says where in the whole file its entries are: no part will do.
WHOLE_BYTES = 1024 * 1024
END_BYTES = 64 * 1024
CONTAINERS = (b"PK", b"\xd0\xcf\x11\xe0")
# Of the large files that must be seen whole, a process has one in memory at a time.
one_large_file = threading.Lock()


class FileTooLarge(DomainError):
    status = 413
    code = "payload_too_large"


class UnsupportedFileType(DomainError):
    status = 415
    code = "unsupported_file_type"


class FileOverTheLimit(UploadedFile):
    """Stands for an uploaded file that was larger than allowed: its bytes were not kept."""


class LimitEachFile(FileUploadHandler):
    """Lets the bytes of a file through to the other handlers until there are too many."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.is_too_large = False

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        self.is_too_large |= start + len(raw_data) > settings.MAX_UPLOAD_BYTES
        return None if self.is_too_large else raw_data

    def file_complete(self, file_size: int) -> UploadedFile | None:
        if not self.is_too_large:
            return None
        for handler in self.request.upload_handlers if self.request else ():
            if file := getattr(handler, "file", None):
                file.close()  # the beginning that they have kept
        return FileOverTheLimit(BytesIO(), self.file_name, self.content_type, file_size)


class UploadParser(MultiPartParser):
    """multipart/form-data, of bounded size: that of the whole request, then that of each file."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> DataAndFiles:
        assert parser_context
        request = parser_context["request"]._request  # noqa: SLF001  DRF's wraps Django's
        # Before anything is read: it has the files and a few hundred bytes around each.
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.MAX_REQUEST_BYTES + 10_000:
            limit = settings.MAX_REQUEST_BYTES
            raise PayloadTooLarge(f"A request may have {limit // 1024**2} MiB ({limit:,} bytes).")
        request.upload_handlers.insert(0, LimitEachFile(request))
        try:
            return super().parse(stream, media_type, parser_context)
        except TooManyFilesSent:
            limit = settings.DATA_UPLOAD_MAX_NUMBER_FILES
            raise PayloadTooLarge(f"A request may have {limit} files.") from None


def refuse_too_large(file: File) -> None:
    limit = settings.MAX_UPLOAD_BYTES
    if isinstance(file, FileOverTheLimit) or (file.size or 0) > limit:
        raise FileTooLarge(f"A file may have {limit // 1024**2} MiB ({limit:,} bytes).")


def type_of(file: File, filename: str) -> str:
    """Return the file's type by its content. Raises UnsupportedFileType."""
    try:
        file.seek(0)
        head = file.read(WHOLE_BYTES)
        if (file.size or 0) <= WHOLE_BYTES:
            return recognise(head, filename)
        if head.startswith(CONTAINERS):
            with one_large_file:
                return recognise(head + file.read(), filename)
        file.seek(max(WHOLE_BYTES, (file.size or 0) - END_BYTES))
        return recognise(head + file.read(), filename)
    except UnsupportedFile as error:
        raise UnsupportedFileType(str(error)) from None
