"""An OpenAI-compatible server that takes its time, and remembers what it was asked and when."""

import asyncio
import json
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Asked:
    at: float  # time.time()
    question: str  # what the prompt names itself: "question 7"
    stage: str
    model: str


@dataclass
class Peer:
    """Answers each call after `delay()` seconds. A thread of its own; ends with the process."""

    delay: Callable[[], float]
    asked: list[Asked] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    port: int = 0

    def start(self) -> "Peer":
        is_listening = threading.Event()

        async def serve() -> None:
            server = await asyncio.start_server(self.connection, "127.0.0.1", 0, backlog=2_000)
            self.port = server.sockets[0].getsockname()[1]
            is_listening.set()
            await server.serve_forever()

        threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
        is_listening.wait()
        return self

    def variables(self, *models: str) -> dict[str, str]:
        """The environment in which the service knows this peer as the provider `peer`."""
        return {
            "OPENAI_COMPATIBLE": "peer",
            "PEER_BASE_URL": f"http://127.0.0.1:{self.port}/v1",
            "PEER_API_KEY": "sk-not-a-secret",
            "PEER_MODELS": ",".join(models),
        }

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                body = json.loads(await reader.readexactly(int(length[1]) if length else 0))
                text = "\n".join(str(message["content"]) for message in body["messages"])
                question = re.search(r"question \d+", text)
                stage = stage_of(text)
                self.asked.append(
                    Asked(time.time(), question[0] if question else "", stage, body["model"])
                )
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                try:
                    await asyncio.sleep(self.delay())
                finally:
                    self.in_flight -= 1
                reply = json.dumps(completion(body["model"], answer(stage, text))).encode()
                writer.write(HEAD.format(len(reply)).encode() + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client is gone: that is what the drills are about
        finally:
            writer.close()


def stage_of(text: str) -> str:
    marks = {
        "Judge the responses": "review",
        "Merge their responses": "synthesis",
        "You correct JSON": "repair",
    }
    return next((stage for mark, stage in marks.items() if mark in text), "answer")


def answer(stage: str, text: str) -> str:
    if stage == "review":
        labels = re.findall(r"^Response ([A-Z]):$", text, re.MULTILINE)
        random.shuffle(labels)
        notes = {name: {"strengths": "clear", "weaknesses": "short"} for name in labels}
        return f"```json\n{json.dumps({'notes': notes, 'ranking': labels})}\n```"
    if stage in {"synthesis", "repair"}:
        claims = [{"claim": "It is so.", "supported_by": ["A"], "contradicted_by": []}]
        return f"All agree.\n```json\n{json.dumps({'claims': claims})}\n```"
    return f"It is so, says number {random.random()}."


def completion(model: str, text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }
