"""Heads: how large the line, the headers and the trailers of a request may be, whatever reads them."""

from __future__ import annotations

from typing import Any

HEADER_BYTES = 2**16
"""A request's line and headers."""


def http_protocol() -> Any:
    """What uvicorn reads HTTP with: httptools where it is installed, made to keep to a size as h11 does."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        return "h11"

    class BoundedHeads(HttpToolsProtocol):
        """Refuses a request whose head grows too large; the parser itself would gather it without end."""

        _size = 0
        """Bytes of the line, the headers and the trailers so far."""
        _unread = 0
        """Bytes of something that has not come to its end."""

        def on_message_begin(self) -> None:
            self._size = self._unread = 0
            super().on_message_begin()

        def on_url(self, url: bytes) -> None:
            self._count(url)
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self._count(name + value)
            super().on_header(name, value)

        def on_body(self, body: bytes) -> None:
            self._unread = 0
            super().on_body(body)

        def data_received(self, data: bytes) -> None:
            self._unread += len(data)
            super().data_received(data)
            if self._unread > HEADER_BYTES and not self.transport.is_closing():
                self.send_400_response("The request's head is too large.")

        def _count(self, part: bytes) -> None:
            self._unread = 0
            self._size += len(part)
            if self._size > HEADER_BYTES:
                raise ValueError("the head is too large")  # which the parser hands on as a request gone wrong

    return BoundedHeads
