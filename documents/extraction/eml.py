"""E-mail: who, to whom, when, about what; its text; the names of its attachments.

Of a letter's two forms the plain one is taken, unless it is empty. A forwarded letter that is
attached is read too. Attachments are named, not opened: whoever wants one read uploads it.
"""

from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from typing import Final, cast

from documents.extraction.contract import Extraction, Limits, Reason, UnreadableFile
from documents.extraction.formats import extractor
from documents.extraction.html import Page, decode
from documents.extraction.markdown import Writer
from documents.extraction.text import clean, decode_text

_FIELDS: Final = ("From", "To", "Cc", "Date", "Subject")
_DEEPEST: Final = 5  # a letter in a letter
_ENCRYPTED: Final = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")


def read(data: bytes, limits: Limits) -> Extraction:
    if data.startswith(b"From "):  # the line a mailbox puts before each letter
        data = data.partition(b"\n")[2]
    message = BytesParser(policy=policy.default.clone(raise_on_defect=False)).parsebytes(data)
    writer = Writer(limits)
    _write(message, writer, 0)
    return writer.finished(extractor("eml"))


def _write(message: EmailMessage, writer: Writer, depth: int) -> None:
    is_signed = message.get_param("smime-type") == "signed-data"
    if depth == 0 and message.get_content_type() in _ENCRYPTED and not is_signed:
        raise UnreadableFile(Reason.ENCRYPTED)
    header = [f"{name}: {value}" for name in _FIELDS if (value := _field(message, name))]
    writer.write("\n".join(header))
    if (body := _body(message)) is not None:
        _write_body(body, writer)
    attachments = [part for part in message.iter_attachments() if part is not body]
    names = [name for part in attachments if (name := _attachment_name(part))]
    if names:
        writer.write("Attachments: " + ", ".join(names))
    for part in attachments:
        if part.get_content_type() == "message/rfc822" and depth < _DEEPEST:
            inner = part.get_payload()
            if isinstance(inner, list) and inner:
                _write(cast("EmailMessage", inner[0]), writer, depth + 1)


def _field(message: Message, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except Exception:  # noqa: BLE001 - the standard library trips over malformed fields
        return ""


def _attachment_name(part: EmailMessage) -> str:
    if part.get_content_type() == "message/rfc822":
        return ""
    is_inline_picture = part.get_content_maintype() == "image" and not part.is_attachment()
    return "" if is_inline_picture else clean(part.get_filename() or "unnamed")


def _body(message: EmailMessage) -> EmailMessage | None:
    for preference in ("plain", "html"):
        body = message.get_body((preference,))
        if body is not None and _payload(cast("EmailMessage", body)).strip():
            return cast("EmailMessage", body)
    return None


def _payload(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _write_body(body: EmailMessage, writer: Writer) -> None:
    payload = _payload(body)
    charset = body.get_content_charset()
    try:
        text = payload.decode(charset, errors="strict") if charset else None
    except (LookupError, ValueError):
        text = None
    if body.get_content_subtype() == "html":
        Page(writer).read(text if text is not None else decode(payload))
    else:
        writer.write(clean(text if text is not None else decode_text(payload)).strip())
