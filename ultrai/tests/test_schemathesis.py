"""The running service keeps what docs/openapi.yaml says, whatever schemathesis thinks of.

Its engine makes requests from the schema, valid ones and ones that break it in one place, and
checks every answer: no 5xx; a documented status, media type and body; what is valid is accepted
and what is not is refused; nothing without a token. (The engine is called here because its pytest
plugin does not know pytest 9.2: all operations would have the same name.)
"""

from collections.abc import Iterator

import pytest
import schemathesis
from django.contrib.auth.hashers import make_password
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from jsonschema_rs import is_valid
from schemathesis import engine
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.engine import events
from schemathesis.openapi.checks import RejectedPositiveData

from accounts.models import User
from accounts.passwords import reset_token
from accounts.tokens import make_personal_access_token, start_session
from analysis.services import record_result
from analysis.tests.factories import make_analysis, make_delivery, make_webhook
from conftest import PASSWORD
from documents.services import replace_file
from documents.tests.factories import make_document
from ultrai.tests.processes import THROTTLES_OFF, database_url, web
from ultrai.tests.schema import SCHEMA_FILE

PLACEHOLDER = "before_call puts a real token here"
GENERATION = {
    "max-examples": 10,  # besides the limits and omissions that the schema names, all of them
    "deterministic": True,
    "allow-x00": False,  # PostgreSQL's text has no NUL: we refuse it, as test_problems shows
}
CONFIG = {
    "seed": 1,
    "cache": {"enabled": False},
    "continue-on-failure": True,
    "auth": {"openapi": {"bearer": {"bearer": PLACEHOLDER}}},
    "phases": {"stateful": {"enabled": False}},
    "generation": GENERATION,
}


def load(**config):
    return schemathesis.openapi.from_path(
        str(SCHEMA_FILE), config=schemathesis.Config.from_dict(CONFIG | config)
    )


SCHEMA = load()
OPERATIONS = [operation.ok().label for operation in SCHEMA.get_all_operations()]
PASSWORD_HASH = make_password(PASSWORD)

# It says that a made-up value is long to print.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")


@pytest.fixture(autouse=True)
def _only_the_seed_decides(monkeypatch):
    """Hypothesis mixes in words and numbers of whatever modules this process has loaded."""
    monkeypatch.setattr(providers, "_get_local_constants", Constants)
    providers.CONSTANTS_CACHE.cache.clear()


@pytest.fixture(scope="module")
def service(django_db_setup) -> Iterator[str]:
    with web(DATABASE_URL=database_url(), **THROTTLES_OFF) as url:
        yield url


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_is_as_documented(operation, service, transactional_db):
    SCHEMA.config.update(base_url=service)

    sent, wrong = run(SCHEMA.include(name=operation))

    assert sent > 0
    assert not wrong, "\n\n".join(wrong)


def test_what_was_made_is_there_until_it_is_deleted(service, transactional_db, alice):
    scenarios = load(
        **{
            "base-url": service,
            "auth": {"openapi": {"bearer": {"bearer": start_session(alice).access_token}}},
            "phases": {"enabled": False, "stateful": {"enabled": True, "max-steps": 6}},
            "generation": GENERATION | {"max-examples": 25},
            # With made-up passwords and models these two would judge nothing but themselves.
            "checks": {
                "positive_data_acceptance": {"enabled": False},
                "negative_data_rejection": {"enabled": False},
            },
        }
    )
    ends_the_session = "/auth/(me|logout|logout-all|password/change|sessions/.*)$"

    sent, wrong = run(scenarios.exclude(path_regex=ends_the_session))

    assert sent > 0
    assert not wrong, "\n\n".join(wrong)


def run(operations) -> tuple[int, list[str]]:
    """Return how many requests were sent, and what was wrong with the answers."""
    sent, wrong = 0, []
    for event in engine.from_schema(operations).execute():
        if isinstance(event, events.ScenarioFinished):
            sent += len(event.recorder.interactions)
            checks = [check for checks in event.recorder.checks.values() for check in checks]
            failures = [check.failure_info for check in checks if check.failure_info]
            wrong += [f"{failure.failure.message}\n{failure.code_sample}" for failure in failures]
        elif isinstance(event, events.NonFatalError | events.FatalError | events.Interrupted):
            wrong.append(repr(event))
    return sent, wrong


@schemathesis.hook
def before_call(context, case, kwargs):
    """Send the request as a user of its own, and have it name things that this user has.

    So every operation succeeds now and then, and none takes away what another one needs.
    """
    if case.meta.phase.name == "stateful":
        return
    try:
        with transaction.atomic():
            email = f"{case.id}@example.com".lower()
            user = User.objects.create(email=email, username="Alice", password=PASSWORD_HASH)
            if case.headers.get("Authorization") == f"Bearer {PLACEHOLDER}":
                case.headers["Authorization"] = f"Bearer {start_session(user).access_token}"
            numbers = {n for n, value in case.path_parameters.items() if isinstance(value, int)}
            if numbers & {"id", "webhook_id"}:
                row = make_row(case.path, user)
                real = {"id": row.pk, "webhook_id": getattr(row, "endpoint_id", None)}
                case.path_parameters |= {name: real[name] for name in numbers & real.keys()}
            if isinstance(case.path_parameters.get("number"), int):
                case.path_parameters["number"] = 1  # a page, or a version
            if case.meta.phase.name == "coverage" and "cursor" in case.query:
                del case.query["cursor"]
            case.query.pop("fields", None)  # what it leaves out, the schema requires
            if "If-Match" in case.headers:
                case.headers["If-Match"] = "*"  # no schema knows a row's tag
            if isinstance(case.body, dict) and case.media_type == "application/json":
                case.body = with_real_values(case, user)
    finally:
        connection.close()  # this is the engine's thread, and a new one for each phase


def make_row(path, user):
    """Return something of the user that the path can be about."""
    match path.split("/{")[0]:
        case "/documents":
            document = make_document(user)
            if "/versions" in path:
                text = SimpleUploadedFile("notes.md", b"# Water\n\nboils.")
                replace_file(document=document, filename="notes.md", file=text)
            return document
        case "/analyses":
            analysis = make_analysis(user)
            if not path.endswith("/cancel"):  # or a wait would last as long as it may
                analysis.cancel()
            return analysis
        case "/results":
            return record_result(
                user=user, document=None, llm_provider="paper", prompt="What?", response="42"
            )
        case "/webhooks":
            webhook = make_webhook(user)
            return make_delivery(webhook) if "/deliveries" in path else webhook
        case "/auth/sessions":
            start_session(user)
            return user.sessions.latest("id")
        case "/auth/tokens":
            return make_personal_access_token(user=user, name="", scopes=[], expires_at=None)[0]
    raise NotImplementedError(f"Have it make a row for {path}, so that its operations find one.")


def with_real_values(case, user):
    """Return the body with what no schema can know, in the fields whose values are valid so far."""
    body, properties = dict(case.body), body_properties(case)
    email = user.email if case.path == "/auth/login" else f"{user.pk}{body.get('email')}"
    models = ["builtin:summary", "builtin:quotes"]
    real = {
        "email": lambda: email,
        "password": lambda: PASSWORD,
        "current_password": lambda: PASSWORD,
        "new_password": lambda: f"another {PASSWORD}",
        "refresh_token": lambda: start_session(user).refresh_token,
        "token": lambda: reset_token(user),
        "expires_at": lambda: "2100-01-01T00:00:00Z",
        "delete_after": lambda: "2100-01-01",
        "document_id": lambda: make_document(user).pk,
        "models": lambda: models,
        "llm_provider": lambda: "builtin",
        "synthesizer": lambda: "builtin:quotes",
        "minimum_answers": lambda: 1,
        "url": lambda: "https://example.com/hook",
    }
    named = real.keys() & body.keys() & properties.keys()
    valid = {name for name in named if is_valid(properties[name], body[name])}
    body |= {name: real[name]() for name in valid}
    if case.path in {"/analyses", "/analyses/estimate"}:
        # One of these two, and a synthesizer only where there is something to merge.
        if "llm_provider" in valid and "models" in body:
            del body["llm_provider"]
        if "llm_provider" not in body:
            body.setdefault("models", models)
        if "synthesizer" in valid:
            body["mode"] = "synthesis"
    return body


def body_properties(case):
    content = case.operation.definition.raw["requestBody"]["content"]
    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return SCHEMA.raw_schema["components"]["schemas"][name]["properties"]


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Return False for what is no fault."""
    if isinstance(failure, RejectedPositiveData):
        # To a schema any bytes are a valid file, any text is a cursor or the name of a field,
        # and any file has bytes in any range.
        is_file = case.media_type == "multipart/form-data" and response.status_code == 415
        is_range = "Range" in case.headers and response.status_code == 416
        return not is_file and not is_range and not case.query.keys() & {"cursor", "fields"}
    if isinstance(failure, AcceptedNegativeData):
        # A parameter that is empty is one that is absent, as HTML forms send it.
        return "" not in case.query.values() and not is_read_leniently(case)
    return True


def is_read_leniently(case):
    """DRF takes a number for its digits in a text, and 1 for true. That harms nobody."""
    if not isinstance(case.body, dict) or case.media_type != "application/json":
        return False
    lenient = {"string": {int, float}, "boolean": {int, float, str}}
    types = {name: one.get("type", "") for name, one in body_properties(case).items()}
    return any(
        type(value) in lenient[kind] and kind in types.get(name, "")
        for name, value in case.body.items()
        for kind in lenient
    )
