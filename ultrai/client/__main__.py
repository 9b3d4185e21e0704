import argparse
import os
import re
import sys
from pathlib import Path

import httpx2

from ultrai.client import commands
from ultrai.client.api import Api, NotLoggedIn, Refused, Unreachable
from ultrai.client.commands import NOT_LOGGED_IN, REFUSED, UNREACHABLE, complain

DEFAULT_URL = "http://127.0.0.1:8000"
EPILOG = """exit codes:
  0 done; 1 refused, the error says why; 2 wrong command line; 3 not logged in;
  4 the service does not answer; 5 not every model has answered; 6 no model has answered

environment: ULTRAI_URL, ULTRAI_TOKEN (used instead of a login), ULTRAI_PASSWORD
"""


def whole_number(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,17}", text):
        raise argparse.ArgumentTypeError(f"a whole number is expected, not {text!r}")
    return int(text)


def document_or_none(text: str) -> int | None:
    return None if text == "-" else whole_number(text)


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--url", help=f"the service; ULTRAI_URL, or else {DEFAULT_URL}")
    common.add_argument("--json", action="store_true", help="the API's own JSON, for scripts")
    top = argparse.ArgumentParser(
        "python -m ultrai.client",
        description="Ask several language models the same question about a document.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common],
    )
    top.set_defaults(url=os.environ.get("ULTRAI_URL") or DEFAULT_URL, json=False)
    adder = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, function: object, text: str) -> argparse.ArgumentParser:
        command = adder.add_parser(name, help=text, description=text, parents=[common])
        command.set_defaults(function=function)
        return command

    command = add("register", commands.register, "make an account, and log in")
    command.add_argument("email")
    command.add_argument("username")

    command = add(
        "login", commands.login, "log in; the password is asked for, piped or in a variable"
    )
    command.add_argument("email", nargs="?")
    command.add_argument("--token", action="store_true", help="with a personal access token")

    add("logout", commands.logout, "end the session, and forget its tokens")

    command = add("upload", commands.upload, "upload files")
    command.add_argument("files", nargs="+", type=Path, metavar="FILE")
    command.add_argument(
        "--keep-duplicates", action="store_true", help="store also what is there already"
    )

    command = add("documents", commands.documents, "list documents, the newest first")
    command.add_argument("--search", metavar="WORDS", help="the best match first")
    command.add_argument("--limit", type=whole_number, default=20)

    add("models", commands.models, "list the models that can be asked")

    command = add("ask", commands.ask, "ask models one question about a document")
    command.add_argument("document", type=document_or_none, help="its id; - for none")
    command.add_argument("prompt", help="the question; - reads it from standard input")
    command.add_argument(
        "--model", dest="models", action="append", required=True, help="may be repeated"
    )
    command.add_argument("--mode", help="answers, synthesis or council")
    command.add_argument("--synthesizer", metavar="MODEL", help="who merges the answers")
    command.add_argument("--max-cost", metavar="USD", help="refuse what could cost more")
    command.add_argument("--watch", action="store_true", help="follow it, and show the answers")
    command.add_argument(
        "--idempotency-key", metavar="KEY", help="sent again with the same key, it is asked once"
    )

    for name, function, text in (
        ("watch", commands.watch, "follow an analysis, and show its answers"),
        ("show", commands.show_analysis, "show an analysis as it is now"),
        ("export", commands.export, "write an analysis as a file"),
    ):
        command = add(name, function, text)
        command.add_argument("analysis", type=whole_number, metavar="ID")
    command.add_argument("--format", choices=["md", "json", "csv"], default="md")
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="not standard output")
    return top


def main() -> int:
    options = parser().parse_args()
    api = Api(options.url, token=os.environ.get("ULTRAI_TOKEN", ""))
    try:
        return int(options.function(api, options))
    except Refused as error:
        return complain(options, error.problem)
    except NotLoggedIn as error:
        detail = f"{error} Log in with: python -m ultrai.client login"
        complain(options, {"detail": detail, "code": "not_logged_in"})
        return NOT_LOGGED_IN
    except (Unreachable, httpx2.TransportError, httpx2.InvalidURL) as error:
        complain(options, {"detail": str(error), "code": "unreachable"})
        return UNREACHABLE
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUSED
    except (OSError, EOFError) as error:
        return complain(options, {"detail": str(error), "code": "unreadable"})
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
