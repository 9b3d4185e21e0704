"""docs/openapi.yaml, for the tests that compare something with it."""

from typing import Any

import yaml
from django.conf import settings

SCHEMA_FILE = settings.BASE_DIR / "docs/openapi.yaml"


def parsed(text: str | bytes) -> dict[str, Any]:
    """By libyaml: PyYAML's own parser takes a second, in each process that collects tests."""
    return dict(yaml.load(text, yaml.CSafeLoader))


SCHEMA = parsed(SCHEMA_FILE.read_bytes())
