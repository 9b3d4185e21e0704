"""What the client can do: a function a command, which returns the exit code."""

import getpass
import json
import os
import sys
from argparse import Namespace
from typing import Any

from ultrai.client import output
from ultrai.client.api import Api, Refused
from ultrai.client.credentials import Credentials

# Exit codes; 2 is argparse's own.
OK, REFUSED, NOT_LOGGED_IN, UNREACHABLE, PARTIAL, NO_ANSWER = 0, 1, 3, 4, 5, 6
OUTCOMES = {"succeeded": OK, "partial": PARTIAL}


def register(api: Api, options: Namespace) -> int:
    password = secret("ULTRAI_PASSWORD", "Password", is_new=True)
    body = {"email": options.email, "username": options.username, "password": password}
    user = api.request("POST", "/auth/register", json=body, is_open=True)
    api.log_in(options.email, password)
    return show(options, user, f"Registered and logged in as {user['email']}.")


def login(api: Api, options: Namespace) -> int:
    if options.token:
        api.given = Credentials(secret("ULTRAI_TOKEN", "Personal access token"))
        user = api.request("GET", "/auth/me")  # before it is kept
        api.keep(api.given)
    else:
        email = options.email or input("Email: ")
        api.given = None
        api.log_in(email, secret("ULTRAI_PASSWORD", "Password"))
        user = api.request("GET", "/auth/me")
    return show(options, user, f"Logged in as {user['email']} at {api.url}.")


def logout(api: Api, options: Namespace) -> int:
    stored = api.file.read()
    if stored and stored.refresh_token:  # a personal access token is only forgotten
        api.request("POST", "/auth/logout")
    api.keep(None)
    return show(options, {"logged_in": False}, "Logged out.")


def upload(api: Api, options: Namespace) -> int:
    """Each file in a request of its own: one that is refused takes none with it."""
    stored: list[dict[str, Any]] = []
    code = OK
    parameters = {"on_duplicate": "keep"} if options.keep_duplicates else {}
    for path in options.files:
        try:
            with path.open("rb") as file:
                files = {"file": (path.name, file)}
                stored.append(api.request("POST", "/documents", files=files, params=parameters))
        except OSError as error:
            code = complain(options, {"detail": f"{path}: {error.strerror}", "code": "unreadable"})
        except Refused as error:
            detail = f"{path}: {error.problem['detail']}"
            code = complain(options, {**error.problem, "detail": detail})
    show(options, stored, documents_table(stored) if stored else "")
    return code


def documents(api: Api, options: Namespace) -> int:
    parameters = {"search": options.search} if options.search else {}
    found = api.rows("/documents", options.limit, **parameters)
    return show(options, found, documents_table(found))


def documents_table(rows: list[dict[str, Any]]) -> str:
    names = ["id", "status", "size_bytes", "created_at", "filename"]
    heads = ["ID", "STATUS", "BYTES", "CREATED", "FILENAME"]
    return output.table(heads, ([row[name] for name in names] for row in rows))


def models(api: Api, options: Namespace) -> int:
    offered = api.request("GET", "/models")["results"]
    names = ["id", "kind", "context_window", "input_usd_per_million", "output_usd_per_million"]
    rows = ([*(model[name] for name in names), model["health"]["status"]] for model in offered)
    heads = ["MODEL", "KIND", "WINDOW", "USD/M IN", "USD/M OUT", "HEALTH"]
    return show(options, offered, output.table(heads, rows))


def ask(api: Api, options: Namespace) -> int:
    body = {
        "document_id": options.document,
        "prompt": sys.stdin.read() if options.prompt == "-" else options.prompt,
        "models": options.models,
        "mode": options.mode,
        "synthesizer": options.synthesizer,
        "max_cost_usd": options.max_cost,
    }
    asked = {name: value for name, value in body.items() if value is not None}
    headers = {"Idempotency-Key": options.idempotency_key} if options.idempotency_key else {}
    analysis = api.request("POST", "/analyses", json=asked, headers=headers)
    if options.watch:
        return outcome(options, follow(api, analysis["id"]))
    hint = f"Analysis {analysis['id']} is queued. Follow it with: watch {analysis['id']}"
    return show(options, analysis, hint)


def watch(api: Api, options: Namespace) -> int:
    return outcome(options, follow(api, options.analysis))


def follow(api: Api, analysis: int) -> dict[str, Any]:
    """Show the progress until the analysis has ended; return it then, with its results."""
    where, display = f"/analyses/{analysis}", output.ProgressDisplay()
    display.show(api.request("GET", where)["progress"])
    for name, data in api.events(f"{where}/events"):
        if name != "result":
            break
        display.show(api.request("GET", where)["progress"], ended=data)
    display.clear()
    return dict(api.request("GET", where))


def outcome(options: Namespace, analysis: dict[str, Any]) -> int:
    """Show the answers; the exit code says whether there are all, some or none."""
    show(options, analysis, output.answers(analysis))
    return OUTCOMES.get(analysis["status"], NO_ANSWER)


def show_analysis(api: Api, options: Namespace) -> int:
    analysis = api.request("GET", f"/analyses/{options.analysis}")
    return show(options, analysis, output.answers(analysis))


def export(api: Api, options: Namespace) -> int:
    where = f"/analyses/{options.analysis}/export"
    with api.stream("GET", where, params={"format": options.format}) as answer:
        if options.output:
            with options.output.open("wb") as file:
                file.writelines(answer.iter_bytes())
            print(f"{options.output} is written.", file=sys.stderr)
        else:
            for piece in answer.iter_bytes():
                sys.stdout.buffer.write(piece)
    return OK


def secret(variable: str, name: str, *, is_new: bool = False) -> str:
    """From the environment, a pipe, or the terminal, where it is not shown; never an argument."""
    if given := os.environ.get(variable):
        return given
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    typed = getpass.getpass(f"{name}: ")
    while is_new and typed != getpass.getpass(f"{name}, once more: "):
        print("These are not the same.", file=sys.stderr)
        typed = getpass.getpass(f"{name}: ")
    return typed


def show(options: Namespace, data: Any, text: str) -> int:
    """The API's own JSON for scripts, or a text for people."""
    shown = json.dumps(data, indent=2, ensure_ascii=False) if options.json else text
    if shown:
        print(shown)
    return OK


def complain(options: Namespace, problem: dict[str, Any]) -> int:
    """Show a problem: what it says, its code, and the messages by field."""
    if options.json:
        print(json.dumps(problem, ensure_ascii=False), file=sys.stderr)
        return REFUSED
    lines = [f"{problem['detail']} ({problem['code']})"]
    errors = problem.get("errors") or {}
    lines += [f"  {field}: {sentences(found)}" for field, found in errors.items()]
    if request_id := problem.get("request_id"):
        lines.append(f"  request {request_id}")
    print(output.safe("\n".join(lines)), file=sys.stderr)
    return REFUSED


def sentences(messages: Any) -> str:
    if isinstance(messages, dict):
        return " ".join(f"{name}: {sentences(inner)}" for name, inner in messages.items())
    return " ".join(map(sentences, messages)) if isinstance(messages, list) else str(messages)
