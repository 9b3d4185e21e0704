from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.upkeep.integrity import CHECKS, Check

SHOWN = 20  # of each check; the others are counted


class Command(BaseCommand):
    help = (
        "Check that what is stored fits together: migrations, constraints, references, states, "
        "usage, and every file against its sha256. Ends with 1 when something is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--fix",
            action="store_true",
            help="count usage again and index texts that search does not find; nothing else",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = 0
        for check in CHECKS:
            found = self.report(check)
            if found and options["fix"] and check.fix:
                check.fix()
                self.stdout.write(f"{check.name}: mended what can be, looking again")
                found = self.report(check)
            wrong += found
            if found and check.name in {"migrations", "schema"}:
                raise CommandError(f"{wrong} problems. The other checks need the tables in order.")
        if wrong:
            raise CommandError(f"{wrong} problems.")
        self.stdout.write("Everything fits together.")

    def report(self, check: Check) -> int:
        count = 0
        for count, sentence in enumerate(check.find(), start=1):
            if count <= SHOWN:
                self.stdout.write(f"{check.name}: {sentence}")
        if count > SHOWN:
            self.stdout.write(f"{check.name}: and {count - SHOWN:,} more")
        self.stdout.write(f"{check.name}: {'ok' if not count else f'{count:,} problems'}")
        return count
