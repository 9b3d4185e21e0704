import os
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from documents.quotas import QuotaExceeded
from documents.services import upload_document
from ultrai.exceptions import DomainError

BAR = 30


class Command(BaseCommand):
    help = (
        "Import every file of a folder and the folders in it; hidden ones and links are left out. "
        "Run it again after an interruption: what is there already is not stored twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--user", required=True, metavar="EMAIL", help="whose they will be")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        user = User.objects.filter(email=options["user"].lower()).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']}.")
        if not folder.is_dir():
            raise CommandError(f"{folder} is not a folder.")
        files = sorted(files_in(folder))
        done: Counter[str] = Counter()
        failures: list[str] = []
        for number, path in enumerate(files, start=1):
            name = str(path.relative_to(folder))
            try:
                done["already there" if self.import_file(user, path) else "imported"] += 1
            except QuotaExceeded as error:
                failures.append(f"{name} and the {len(files) - number} after it: {error}")
                break
            except (DomainError, OSError) as error:
                failures.append(f"{name}: {error}")
            self.show(number, len(files), name)
        self.show(len(files), len(files), "done")
        for failure in failures:
            self.stdout.write(f"failed: {failure}")
        self.stdout.write(
            f"{len(files)} files: {done['imported']} imported, "
            f"{done['already there']} already there, {len(files) - done.total()} failed."
        )
        if failures:
            raise CommandError("Not everything was imported.", returncode=1)

    def import_file(self, user: User, path: Path) -> bool:
        """True when the bytes were there already."""
        with path.open("rb") as file:
            return upload_document(user=user, filename=path.name, file=File(file)).is_duplicate

    def show(self, number: int, total: int, name: str) -> None:
        """A bar on a terminal; in a log a line every tenth of the way."""
        share = number / total if total else 1
        if self.stderr.isatty():
            bar = "#" * int(share * BAR)
            end = "\n" if name == "done" else ""
            shown = "".join(c if c.isprintable() else "?" for c in name)[:40]
            self.stderr.write(f"\r[{bar:<{BAR}}] {number}/{total} {shown:<40}", ending=end)
            self.stderr.flush()
        elif number * 10 // max(total, 1) != (number - 1) * 10 // max(total, 1) and name != "done":
            self.stderr.write(f"{share:.0%} ({number} of {total})")


def files_in(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(place, name)
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path
