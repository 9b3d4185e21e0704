import json
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from analysis.upkeep.integrity import OWN_APPS

# What stops the old version while the new one is deployed: locks that last, and what it still uses.
RULES = {
    "adding-field-with-default",
    "adding-foreign-key-constraint",
    "adding-not-nullable-field",
    "adding-required-field",
    "adding-serial-primary-key-field",
    "ban-concurrent-index-creation-in-transaction",
    "ban-drop-column",
    "ban-drop-not-null",
    "ban-drop-table",
    "changing-column-type",
    "constraint-missing-not-valid",
    "disallowed-unique-constraint",
    "renaming-column",
    "renaming-table",
    "require-concurrent-index-creation",
    "require-concurrent-index-deletion",
}
# Migrations that do it nonetheless: why that is all right. A new one goes in here after a review.
NOTES = {
    "accounts.0005_admin_lists": "from before the first deployment",
    "accounts.0009_answers_nobody_reads": "the version that runs reads rows of its users only",
    "analysis.0002_council_money_quotations": "from before the first deployment",
    "analysis.0005_admin_lists": "from before the first deployment",
    "analysis.0016_when_rows_changed": "statement_timestamp() is stable: no row is rewritten",
    "documents.0002_files_in_parts_versions_passages": "from before the first deployment",
    "documents.0004_files_in_one_table": "from before the first deployment",
    "documents.0008_admin_lists": "from before the first deployment",
}


class Command(BaseCommand):
    help = (
        "Hold the SQL of our migrations against squawk's rules: what locks a table for long, or "
        "takes away what the running version uses, needs a note."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        refused = 0
        needless = set(NOTES)
        for app, name in sorted(MigrationLoader(connection).disk_migrations):
            if app not in OWN_APPS:
                continue
            found = sorted(set(violations(sql_of(app, name))))
            key = f"{app}.{name}"
            if not found:
                continue
            needless.discard(key)
            note = NOTES.get(key)
            self.stdout.write(f"{key}: {', '.join(found)} ({note or 'NO NOTE'})")
            refused += note is None
        for key in sorted(needless):
            self.stdout.write(f"{key}: its note is needed no more")
        if refused or needless:
            raise CommandError(
                "Make each index concurrently, each constraint NOT VALID first, take columns away "
                "one release later; or say in NOTES of check_migrations why it is all right."
            )


def sql_of(app: str, name: str) -> str:
    output = StringIO()
    call_command("sqlmigrate", app, name, stdout=output, no_color=True)
    return output.getvalue()


def violations(sql: str) -> list[str]:
    squawk = Path(sys.executable).with_name("squawk")
    command = str(squawk) if squawk.exists() else shutil.which("squawk")
    if command is None:
        raise CommandError("squawk is missing: install requirements-dev.txt")
    done = subprocess.run(  # noqa: S603  our own command line
        [command, "--reporter", "Json", "--pg-version", "15.0"],
        input=sql.encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode not in {0, 1}:
        raise CommandError(f"squawk failed: {done.stderr.decode()}")
    return [found["rule_name"] for found in json.loads(done.stdout) if found["rule_name"] in RULES]
