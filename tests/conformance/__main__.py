"""`python -m tests.conformance --port N` serves the fixture until it is told to stop."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import anyio

from practicum.mcp_server.http import http_app, listening_socket, serve_http
from practicum.memory import Store
from tests.conformance.server import ConformanceServer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    sock = listening_socket("127.0.0.1", parser.parse_args().port)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        server = ConformanceServer(Store.open(Path(folder) / "conformance.db"), url)
        print(f"{url}/mcp", flush=True)  # noqa: T201  # tells the test where
        anyio.run(serve_http, http_app(server), sock)


main()
