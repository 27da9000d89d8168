"""A model server on loopback: speaks chat completions and messages, says what it is told, fails on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

AT_ONCE = {"retry-after-ms": "1"}


@dataclass(frozen=True)
class Answer:
    """What the server sends for one request."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False
    """Whether it sends nothing at all until the server ends."""
    cut: bool = False
    """Whether it hangs up instead."""


def said(text: str | None, *calls: tuple[str, Any], reason: str = "stop", **message: Any) -> Answer:
    """A completion: words, calls of tools by name and arguments (text goes out as it is), other fields."""
    body = {"role": "assistant", "content": text, **message}
    if calls:
        body["tool_calls"] = [_call(n, name, arguments) for n, (name, arguments) in enumerate(calls, 1)]
    return Answer(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "message": body, "finish_reason": reason}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        }
    )


def _call(number: int, name: str, arguments: Any) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": text}}


def fails(
    status: int,
    message: str = "no",
    *,
    at_once: bool = True,
    code: str | None = None,
    param: str | None = None,
) -> Answer:
    """A refusal in OpenAI's form; `at_once` says by a header that it may be asked again right away."""
    error = {"message": message, "type": "x", "code": code, "param": param}
    return Answer({"error": error}, status, AT_ONCE if at_once else {})


Script = Callable[[Mapping[str, Any]], Answer]
"""Makes the answer of a request."""


class ModelServer:
    """What a running server was asked, and what it answers."""

    def __init__(self, script: Script) -> None:
        self.requests: list[dict[str, Any]] = []
        """The bodies, in order."""
        self.keys: list[str] = []
        """The `Authorization` of each, and of each listing of models."""
        self.url = ""
        self.models = ["m"]
        self.ended = threading.Event()
        self._script = script
        self._lock = threading.Lock()

    def answer(self, key: str, body: dict[str, Any], problem: Callable[[Any], str | None]) -> Answer:
        with self._lock:
            self.keys.append(key)
            self.requests.append(body)
            wrong = problem(body)
            return fails(400, wrong, code="invalid_request") if wrong else self._script(body)


def problem(body: Mapping[str, Any]) -> str | None:
    """Why OpenAI's server would refuse a conversation: calls without an answer, answers without a call."""
    open_calls: set[str] = set()
    for message in body["messages"]:
        role = message["role"]
        if role == "tool":
            if message["tool_call_id"] not in open_calls:
                return f"an answer to {message['tool_call_id']}, which was not called"
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return f"no answer to {sorted(open_calls)}"
        if role == "assistant":
            open_calls = {call["id"] for call in message.get("tool_calls", ())}
            if not open_calls and not message["content"]:
                return "an assistant's message without content"
    return f"no answer to {sorted(open_calls)}" if open_calls else None


def _problem_of_message(body: Mapping[str, Any]) -> str | None:
    from tests.messages_api import problem  # which needs what stands above

    return problem(body)


APIS: Mapping[str, Callable[[Any], str | None]] = {
    "/v1/chat/completions": problem,
    "/v1/messages": _problem_of_message,
}
"""What would be refused, by where it is sent."""


@contextmanager
def serving(script: Script | Iterable[Answer]) -> Iterator[ModelServer]:
    """Run a server; answers in a row are given one after the other, and then a 418 to whoever asks on."""
    state = ModelServer(script if callable(script) else _in_a_row(script))

    class Handler(_Handler):
        served = state

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            yield state
        finally:
            state.ended.set()
            server.shutdown()
            thread.join()


def _in_a_row(answers: Iterable[Answer]) -> Script:
    waiting = iter(answers)
    return lambda body: next(waiting, fails(418, "the script has ended"))


class _Handler(BaseHTTPRequestHandler):
    served: ModelServer

    def do_GET(self) -> None:
        self.served.keys.append(self.headers.get("Authorization", ""))
        listed = {"object": "list", "data": [{"id": name, "object": "model"} for name in self.served.models]}
        known = self.path == "/v1/models"
        self._send(Answer(listed) if known else fails(404, "no such page"))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path not in APIS:
            self._send(fails(404, f"no {self.path}"))
            return
        answer = self.served.answer(self.headers.get("Authorization", ""), body, APIS[self.path])
        if answer.silent:
            self.served.ended.wait(30)
        elif not answer.cut:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        is_text = isinstance(answer.body, str)
        content = (answer.body if is_text else json.dumps(answer.body)).encode()
        self.send_response(answer.status)
        kind = {"Content-Type": "text/html" if is_text else "application/json"}
        for name, value in {**kind, "Content-Length": str(len(content)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""
