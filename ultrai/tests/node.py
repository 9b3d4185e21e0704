"""What tests take from npm, which is optional on a developer's machine and required in CI."""

import os
import shutil
from pathlib import Path

import pytest

from ultrai.supervisor import BASE_DIR


def node_command(script: str) -> list[str]:
    """Return the command that runs a script of a package in `node_modules`.

    Skips the test where Node.js or the package is missing; in CI that is a failure.
    """
    node, path = shutil.which("node"), BASE_DIR / "node_modules" / Path(script)
    if node and path.is_file():
        return [node, str(path)]
    reason = f"{script} of npm is not installed: it needs Node.js 20.15, then `make test`"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
