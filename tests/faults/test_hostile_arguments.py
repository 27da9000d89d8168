"""Wrong arguments for every argument of every served tool, drawn from the schemas that the server lists."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.bystander import Bystander, assert_replays
from tests.faults.wires import HttpWire, Wire, call_text, http_server, open_session
from tests.mcp_server.clients import PARCELS, command

pytestmark = pytest.mark.integration

EXAMPLES = int(os.environ.get("PRACTICUM_HOSTILE_EXAMPLES", "150"))
FLAT = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=2**63),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["", "\0", "\ud800", "\u2028", "../../etc/passwd", "-1", "1e999", "'; DROP TABLE steps; --"]
    ),
)
JSON = st.recursive(
    FLAT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner)
)
Tools = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Wire, Bystander, Tools]]:
    """A connection, a session that was there before, and every listed tool's schema."""
    db = tmp_path_factory.mktemp("arguments") / "log.db"
    with http_server(db, "--env", "flight", "--env", PARCELS) as server:
        wire = HttpWire(server.port, modern=True)
        listed = wire.ask("tools/list", json.dumps(wire.era))["result"]["tools"]
        yield wire, Bystander(wire), {tool["name"]: tool["inputSchema"] for tool in listed}
    assert_replays(db)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_argument_of_any_tool_breaks_anything(served: Any, data: st.DataObject) -> None:
    wire, bystander, tools = served
    tool = data.draw(st.sampled_from(sorted(tools)), label="tool")
    names = st.sampled_from([*tools[tool]["properties"], "nonsense"])
    arguments = data.draw(st.dictionaries(names, JSON, max_size=6), label="arguments")
    if "session_id" in tools[tool]["properties"] and data.draw(st.booleans(), label="in a session"):
        env = "flight" if data.draw(st.booleans()) else "parcels"
        arguments["session_id"] = open_session(wire, env=env, seed=1)["session_id"]
    answer = call_text(wire, tool, json.dumps(arguments))
    assert "result" in answer, answer
    body = answer["result"]["structuredContent"]
    assert len(json.dumps(body)) < 40_000
    if answer["result"]["isError"]:
        assert "failed on the server" not in body["error"]
        assert "Traceback" not in body["error"]
    if data.draw(st.integers(0, 9), label="bystander") == 0:
        bystander.goes_on()


def test_a_plugin_that_ends_the_process_at_import_is_one_line(tmp_path: Path) -> None:
    for code in ("import sys; sys.exit(7)", "raise KeyError('x\\ny')", "import nowhere_at_all", "def"):
        (tmp_path / "bad.py").write_text(code + "\n")
        place = f"{tmp_path / 'bad.py'}:World"
        done = subprocess.run(
            command("serve", "--env", place, "--db", str(tmp_path / "log.db")),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert done.stderr.startswith("practicum: cannot import")
