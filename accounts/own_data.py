"""A user's own data: all of it to take away, all of it to erase.

What the other apps keep for a user they say themselves: `add_to_export` when they start. Erasing
follows the database's foreign keys, so it cannot forget a table.
"""

import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from django.contrib.sessions.models import Session as BrowserSession
from django.db import connection, models, transaction
from django.db.models import Q

from accounts.models import User
from ultrai.patience import allow_any_time
from ultrai.rendering import digits, to_json

# A file of the export: its name, and its bytes piece by piece.
type ExportedFile = tuple[str, Iterable[bytes]]
type Exporter = Callable[[User], Iterator[ExportedFile]]

_exporters: list[Exporter] = []


def add_to_export(exporter: Exporter) -> None:
    """Have these files in every user's export; each app calls it once, from its `ready`."""
    _exporters.append(exporter)


def profile(user: User) -> Iterator[ExportedFile]:
    yield (
        "profile.json",
        json_lines(
            User.objects.filter(pk=user.pk).values(
                "id", "email", "username", "created_at", "updated_at", "last_login"
            )
        ),
    )
    yield (
        "sessions.jsonl",
        json_lines(user.sessions.values("id", "client", "created_at", "last_used_at")),
    )
    yield (
        "personal_access_tokens.jsonl",
        json_lines(user.access_tokens.values("id", "name", "scopes", "created_at", "expires_at")),
    )


add_to_export(profile)


def json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Return one JSON object a line: readable piece by piece, however many there are."""
    for row in rows:
        yield to_json({name: digits(value) for name, value in row.items()}) + b"\n"


class Pieces:
    """A file that zipfile writes to and that hands out what was written so far."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken = b"".join(self.pieces)
        self.pieces.clear()
        return taken


def export(user: User) -> Iterator[bytes]:
    """Yield a ZIP of everything the user has, while it is being made: memory stays flat."""
    pieces = Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for exporter in _exporters:
            for name, content in exporter(user):
                with archive.open(name, "w", force_zip64=True) as file:
                    for piece in content:
                        file.write(piece)
                        if taken := pieces.take():
                            yield taken
    yield pieces.take()


@transaction.atomic
def erase(user: User) -> dict[str, int]:
    """Delete the user and all that hangs on them; return how many rows of which table."""
    allow_any_time()
    User.objects.select_for_update().get(pk=user.pk)
    receipt = {table: count for table, rows in rows_of(user).items() if (count := rows.count()) > 0}
    receipt |= {"procrastinate_jobs": n} if (n := erase_mail_jobs(user)) else {}
    receipt |= {"django_session": n} if (n := erase_browser_sessions(user)) else {}
    user.delete()
    return receipt


def rows_of(user: User) -> dict[str, models.QuerySet[Any]]:
    """Return, by table, the rows that hang on the user by foreign keys, however indirectly."""
    paths: dict[type[models.Model], set[str]] = {User: {"pk"}}
    waiting: list[tuple[type[models.Model], str]] = [(User, "")]
    while waiting:
        model, path = waiting.pop()
        for relation in model._meta.get_fields(include_hidden=True):  # noqa: SLF001
            if not (relation.auto_created and not relation.concrete and relation.is_relation):
                continue
            if relation.many_to_many:  # its table has a foreign key of its own
                continue
            child = relation.related_model
            step = f"{relation.field.name}__{path}".removesuffix("__")  # type: ignore[union-attr]
            if step not in paths.setdefault(child, set()):  # type: ignore[arg-type]
                paths[child].add(step)  # type: ignore[index]
                waiting.append((child, step))  # type: ignore[arg-type]
    return {
        model._meta.db_table: model._base_manager.filter(  # noqa: SLF001
            Q.create([(path, user.pk) for path in sorted(model_paths)], connector=Q.OR)
        )
        for model, model_paths in paths.items()
    }


def erase_mail_jobs(user: User) -> int:
    """Delete the jobs that hold the address: mail that is waiting, or that failed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE queue_name = 'mail'"
            " AND (args->>'email' = %(email)s OR args->>'old' = %(email)s"
            " OR args->>'new' = %(email)s OR args->>'user_id' = %(id)s)",
            {"email": user.email, "id": str(user.pk)},
        )
        return int(cursor.rowcount)


def erase_browser_sessions(user: User) -> int:
    """Delete the admin's sessions of a member of staff; nobody else has any."""
    if not user.is_staff:
        return 0
    mine = [
        session.pk
        for session in BrowserSession.objects.iterator()
        if session.get_decoded().get("_auth_user_id") == str(user.pk)
    ]
    return BrowserSession.objects.filter(pk__in=mine).delete()[0]
