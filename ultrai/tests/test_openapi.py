"""docs/openapi.yaml as those read it who write clients: nothing without an example, all true."""

import re

from django.conf import settings
from jsonschema_rs import Draft202012Validator
from rest_framework.exceptions import APIException

from ultrai.examples import SCHEMAS, VALUES
from ultrai.operations import OPERATIONS
from ultrai.problem_examples import OWN_PROBLEMS
from ultrai.tests.schema import SCHEMA

SCHEMAS_BY_NAME = SCHEMA["components"]["schemas"]
PROBLEM_JSON = "application/problem+json"


def resolved(node):
    """The node itself, or what it refers to."""
    while "$ref" in node:
        found = SCHEMA
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def bodies():
    """Every body of every operation: what it is called, its media type object."""
    for where, operations in SCHEMA["paths"].items():
        for method, operation in operations.items():
            parts = {"request": operation.get("requestBody", {}), **operation["responses"]}
            for part, node in parts.items():
                for media_type, content in resolved(node).get("content", {}).items():
                    yield f"{method} {where} {part} {media_type}", content


def examples(content):
    one = [content["example"]] if "example" in content else []
    return one + [named["value"] for named in content.get("examples", {}).values()]


def is_bytes(content):
    return content["schema"].get("format") == "binary"


def closed(node):
    """The schema with nothing in its objects but what it names: a stale example fails then."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    inner = {name: closed(one) for name, one in node.items()}
    return ({"additionalProperties": False} if "properties" in node else {}) | inner


BODIES = dict(bodies())
CLOSED = {"components": closed(SCHEMA["components"])}


def test_no_operation_is_without_summary_and_examples():
    operations = [one for path in SCHEMA["paths"].values() for one in path.values()]

    assert [one["operationId"] for one in operations if not one.get("summary")] == []
    assert [n for n, c in BODIES.items() if not examples(c) and not is_bytes(c)] == []


def test_examples_are_what_the_schema_says():
    wrong = [
        (name, error.message)
        for name, content in BODIES.items()
        for example in examples(content)
        for error in Draft202012Validator(CLOSED | closed(content["schema"])).iter_errors(example)
    ]

    assert wrong == []


def test_examples_of_errors_have_codes_and_statuses_that_exist():
    problems = {
        (name.split()[2], one["status"], one["code"])
        for name, content in BODIES.items()
        if name.endswith(PROBLEM_JSON)
        for one in examples(content)
    }
    sources = [
        p
        for app in ("ultrai", "accounts", "documents", "analysis")
        for p in (settings.BASE_DIR / app).rglob("*.py")
        if "tests" not in p.parts and p.name not in {"examples.py", "problem_examples.py"}
    ]
    known = set(re.findall(r'"([a-z_]+)"', "".join(p.read_text() for p in sources)))
    known |= {getattr(error, "default_code", "") for error in every_subclass(APIException)}

    assert [p for p in problems if p[0] != str(p[1])] == []
    assert {code for _, _, code in problems} - known == set()


def every_subclass(error):
    for one in error.__subclasses__():
        yield one
        yield from every_subclass(one)


def test_no_example_is_kept_for_what_is_not_there():
    properties = {n for schema in SCHEMAS_BY_NAME.values() for n in schema.get("properties", {})}
    media_types = {name.split()[3] for name in BODIES}
    errors = {
        f"{one['operationId']} {status}"
        for path in SCHEMA["paths"].values()
        for one in path.values()
        for status in one["responses"]
    }

    assert VALUES.keys() - properties == set()
    assert {n.split()[0] for n in SCHEMAS} - SCHEMAS_BY_NAME.keys() - media_types == set()
    assert OWN_PROBLEMS.keys() - errors == set()


def test_tags_and_operations_are_in_the_order_of_the_list():
    named = [one["operationId"] for path in SCHEMA["paths"].values() for one in path.values()]
    tags = [tag["name"] for tag in SCHEMA["tags"]]

    assert sorted(named) == sorted(operation.name for operation in OPERATIONS.values())
    assert tags == list(dict.fromkeys(operation.tag for operation in OPERATIONS.values()))


def test_whatever_needs_a_login_names_the_security_scheme():
    schemes = {
        name
        for path in SCHEMA["paths"].values()
        for one in path.values()
        for requirement in one.get("security", [])
        for name in requirement
    }

    assert schemes == SCHEMA["components"]["securitySchemes"].keys()
