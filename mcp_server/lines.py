"""Lines: JSON-RPC messages over stdin and stdout, one a line, whatever a client sends.

Like the SDK's own transport, with what it lacks: a line has a largest length, an answer to what is no message
carries the id where one can be found, a client that does not read is not read from either, and a stream that
breaks ends the connection quietly.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
from mcp.shared.message import SessionMessage
from mcp_types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

from practicum.envs.watch import LEAST_ROOM, takes_at_once

MAX_LINE = 4 * 1024 * 1024
"""Bytes of one message, as over HTTP."""
MOST_UNREAD = 256
"""Answers that may wait for a client to read them; it is not read from while there are more."""
CHUNK = 64 * 1024
ENDS = 4096
"""Bytes kept of either end of a line that is too long."""
BOM = b"\xef\xbb\xbf"


class Unreadable(Exception):  # noqa: N818  # travels in the place of a message
    """A line that is no message, and what its sender is told."""

    def __init__(self, code: int, message: str, ends: bytes) -> None:
        super().__init__(message)
        self.answer = JSONRPCError(
            jsonrpc="2.0", id=_id_in(ends), error=ErrorData(code=code, message=message)
        )


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or the two ends of one that is too long."""

    text: bytes
    size: int


class LineCutter:
    """Cuts a stream of bytes into lines."""

    def __init__(self, most: int = MAX_LINE) -> None:
        self._most = most
        self._line = bytearray()
        self._head = b""
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The lines that end in this chunk."""
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._add(piece)
            yield Line(self._head + bytes(self._line), self._size)
            self._line, self._head, self._size = bytearray(), b"", 0
        self._add(rest)

    def rest(self) -> Iterator[Line]:
        """The line that the stream broke off in, if it did."""
        return self.feed(b"\n") if self._size else iter(())

    def _add(self, piece: bytes) -> None:
        self._line += piece
        self._size += len(piece)
        if self._size > self._most:
            self._head = self._head or bytes(self._line[:ENDS])
            del self._line[:-ENDS]


def read_line(line: Line, most: int = MAX_LINE) -> SessionMessage | Unreadable:
    """The message that a line is, or why it is none."""
    if line.size > most:
        told = (
            f"Invalid request: a line of {line.size} bytes, and a message may have {most}; send less at once"
        )
        return Unreadable(INVALID_REQUEST, told, line.text)
    text = line.text.removeprefix(BOM)
    try:
        message = jsonrpc_message_adapter.validate_json(text.decode("utf-8", "replace"), by_name=False)
    except ValidationError as error:
        return _complaint(error, text)
    if isinstance(message, JSONRPCNotification) and _has_odd_id(text):
        return Unreadable(INVALID_REQUEST, "Invalid request: an id is text or a whole number", b"")
    return SessionMessage(message)


def _complaint(error: ValidationError, text: bytes) -> Unreadable:
    found = error.errors(include_url=False, include_input=False)[0]
    if found["type"] == "json_invalid":
        why = found["ctx"]["error"]
        return Unreadable(PARSE_ERROR, f"Parse error: a line must be one JSON-RPC message: {why}", text)
    if text.lstrip()[:1] == b"[":
        told = "Invalid request: send each message on a line of its own, batches are not taken"
        return Unreadable(INVALID_REQUEST, told, b"")
    told = 'Invalid request: a message has "jsonrpc": "2.0" and a method, and params are an object'
    return Unreadable(INVALID_REQUEST, told, text)


def _has_odd_id(text: bytes) -> bool:
    return b'"id"' in text and "id" in json.loads(text.decode("utf-8", "replace"))


_ID = rb'"id"\s*:\s*("(?:[^"\\]|\\.){0,200}"|-?\d{1,20})\s*'
_ID_AHEAD = re.compile(rb"\s*\{[^{}\[\]]*?" + _ID + rb"[,}]")
_ID_BEHIND = re.compile(rb"[}\]][^{}\[\]]*?" + _ID + rb"(?:,[^{}\[\]]*)?\}\s*$")


def _id_in(text: bytes) -> str | int | None:
    """The id of a message that cannot be read, where it stands before or behind all that is nested."""
    found = _ID_AHEAD.match(text[:ENDS]) or _ID_BEHIND.search(text[-ENDS:])
    try:
        value = json.loads(found[1]) if found else None
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return None
    return value if isinstance(value, str | int) else None


@asynccontextmanager
async def lines_of(
    stdin: int, stdout: int, *, at_end: Callable[[], None] = lambda: None
) -> AsyncIterator[tuple[Any, Any]]:
    """The streams of messages that a server runs over, between two descriptors.

    Args:
        stdin: read from.
        stdout: written to.
        at_end: called as soon as the client has closed its end, maybe in another thread.
    """
    incoming, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write_stream, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    written = _Written()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_read, stdin, incoming, write_stream, written, at_end)
        tasks.start_soon(_write, stdout, outgoing, written)
        yield read_stream, write_stream
        tasks.cancel_scope.cancel()


class _Written:
    """Tells that a message has been written."""

    def __init__(self) -> None:
        self.event = anyio.Event()

    def tell(self) -> None:
        self.event.set()
        self.event = anyio.Event()


async def _read(
    stdin: int, incoming: Any, write_stream: Any, written: _Written, at_end: Callable[[], None]
) -> None:
    cutter = LineCutter()

    def read() -> bytes:
        try:
            chunk = os.read(stdin, CHUNK)
        except OSError:
            chunk = b""
        if not chunk:
            at_end()
        return chunk

    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async with incoming:
            while chunk := await anyio.to_thread.run_sync(read, abandon_on_cancel=True):
                for line in cutter.feed(chunk):
                    await incoming.send(read_line(line))
                    while write_stream.statistics().tasks_waiting_send > MOST_UNREAD:
                        await written.event.wait()
            for line in cutter.rest():
                await incoming.send(read_line(line))


async def _write(stdout: int, outgoing: Any, written: _Written) -> None:
    async with outgoing:
        async for message in outgoing:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True) + "\n"
            try:
                await _write_all(stdout, text.encode())
            except OSError:  # the client has gone; whoever still sends is told by the closed stream
                return
            written.tell()


async def _write_all(stdout: int, text: bytes) -> None:
    """Write without leaving the event loop where the pipe has room, else in a thread that may wait."""
    if len(text) <= LEAST_ROOM and sys.platform != "win32" and takes_at_once(stdout):
        os.write(stdout, text)
        return
    await anyio.to_thread.run_sync(_write_waiting, stdout, text, abandon_on_cancel=True)


def _write_waiting(stdout: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(stdout, rest) :]
