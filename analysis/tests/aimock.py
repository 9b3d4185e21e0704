"""npm's aimock: a second peer, of other authors than llmock, on a real socket."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ultrai.tests.node import node_command


class Aimock:
    def __init__(self, url: str) -> None:
        self.url = url

    def reply(self, response: dict[str, Any], **behaviour: Any) -> None:
        """Answer every request so from now on; aimock's words: `latency`, `chaos`, ..."""
        self._control("DELETE", "fixtures")
        self._control(
            "POST", "fixtures", fixtures=[{"match": {}, "response": response, **behaviour}]
        )

    def fail(self, status: int, message: str, **more: Any) -> None:
        error = {
            "message": message,
            "type": more.pop("type", "error"),
            "code": more.pop("code", ""),
        }
        self.reply({"error": error, "status": status, **more})

    def chaos(self, **rates: float) -> None:
        self._control("POST", "chaos", **rates)

    def reset(self) -> None:
        self._control("POST", "reset")
        self._control("DELETE", "chaos")

    @property
    def requests(self) -> Any:
        return self._control("GET", "journal")

    def _control(self, method: str, what: str, **body: Any) -> Any:
        request = urllib.request.Request(
            f"{self.url}/__aimock/{what}",
            method=method,
            data=json.dumps(body).encode() if method == "POST" else None,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@contextmanager
def running_aimock(folder: Path) -> Iterator[Aimock]:
    config = folder / "aimock.json"
    config.write_text('{"llm": {}}')
    command = [*node_command("@copilotkit/aimock/dist/aimock-cli.js"), "--config", str(config)]
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield Aimock(process.stdout.readline().split()[-1])
        finally:
            process.terminate()
