"""Clients generated from docs/openapi.yaml: they compile, and one goes the whole way."""

import json
import subprocess
import sys

import pytest
from django.conf import settings

from ultrai.tests.node import node_command
from ultrai.tests.processes import THROTTLES_OFF, database_url, web, worker

SCHEMA_FILE = settings.BASE_DIR / "docs/openapi.yaml"
CONFIG_FILE = settings.BASE_DIR / "docs/openapi-python-client.yml"
GENERATOR = settings.BASE_DIR / ".venv-clients/bin/openapi-python-client"  # `make test` installs it
JOURNEYS = settings.BASE_DIR / "ultrai/tests/clients"


def run(*command, **options):
    """What the command says; the test fails where the command does."""
    result = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
        **options,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.fixture(scope="module")
def python_client(tmp_path_factory):
    """The folder with the generated package, and what the generator said."""
    folder = tmp_path_factory.mktemp("python")
    source = ["--path", SCHEMA_FILE, "--config", CONFIG_FILE, "--fail-on-warning"]
    target = ["--meta", "none", "--output-path", folder / "ultrai_core_client"]
    # Its post-hooks are ruff's, which stands beside it.
    path = f"{GENERATOR.parent}:/usr/bin:/bin"
    run(GENERATOR, "generate", *source, *target, env={"PATH": path})
    return folder


def test_the_python_clients_types_fit_the_journey(python_client):
    # What the generator itself writes in its templates is its own; ours is what the journey uses.
    options = ["--config-file=", "--strict", "--follow-imports=silent", "--no-incremental"]

    said = run(sys.executable, "-m", "mypy", *options, JOURNEYS / "journey.py", cwd=python_client)

    assert said == "Success: no issues found in 1 source file\n"


def test_the_python_client_goes_from_registration_to_export(python_client, transactional_db):
    sample = settings.BASE_DIR / "docs/sample.pdf"

    with web(DATABASE_URL=database_url(), **THROTTLES_OFF) as url, worker():
        environment = {"PYTHONPATH": str(python_client)}
        report = run(sys.executable, JOURNEYS / "journey.py", url, sample, env=environment)

    assert "> What will it cost?" in report
    assert "## synthesis: " in report


def test_the_typescript_types_fit_the_journey(tmp_path):
    types = tmp_path / "ultrai-core-api.d.ts"
    options = {
        "strict": True,
        "noEmit": True,
        "skipLibCheck": False,
        "types": [],
        "target": "es2022",
        "module": "esnext",
        "moduleResolution": "bundler",
        "lib": ["es2022", "dom"],
        "paths": {"ultrai-core-api": [str(types)]},
    }
    project = {"compilerOptions": options, "files": [str(JOURNEYS / "journey.ts")]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(project))

    # A property with a default may be left out of a request.
    into = ["--default-non-nullable=false", "-o", types]
    run(*node_command("openapi-typescript/bin/cli.js"), SCHEMA_FILE, *into)

    assert run(*node_command("typescript/bin/tsc"), "--project", tmp_path) == ""
