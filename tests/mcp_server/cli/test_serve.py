"""`practicum serve`: what it is given must make sense, and it says where it serves."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.cli.terminal import at_terminal
from tests.mcp_server.clients import PARCELS, PATIENCE_S, command, serving, world


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--env", "flihgt"], "no environment 'flihgt'; did you mean 'flight'?"),
        (["--env", "nope.py:Class"], "no file"),
        (["--env", "practicum.nope:Class"], "cannot import 'practicum.nope'"),
        (["--env", f"{PARCELS}s"], "has no 'ParcelLockerss'; did you mean 'ParcelLockers'?"),
        (["--env", "flight", "--env", "flight-v1"], "two environments are called 'flight'"),
        (["--set", "p_3ds"], "--set 'p_3ds': expected NAME=VALUE"),
        (["--set", "=1"], "--set '=1': expected NAME=VALUE"),
        (["--set", "p_3sd=1"], "flight-v1 has no setting 'p_3sd'; did you mean 'p_3ds'?"),
        (["--set", "p_3ds=often"], "p_3ds"),
        (["--bound", "--http"], "--bound serves one environment over stdio"),
        (["--bound", "--env", "flight", "--env", PARCELS], "--bound serves one environment over stdio"),
        (["--seed", "7"], "--seed goes with --bound"),
        (["--bound", "--seed", "-4"], "Invalid value for '--seed'"),
        (["--bound", "--seed", str(2**63)], "Invalid value for '--seed'"),
        (["--http", "--host", "0.0.0.0"], "would let other machines in: add --auth tokens.yaml"),
        (["--http", "--auth", "/nowhere/tokens.yaml"], "`practicum token NAME --auth"),
        (["--http", "--auth", "~no-such-user/tokens.yaml"], "there is no such user"),
        (["--auth", "tokens.yaml"], "--auth goes with --http"),
        (["--allow-host", "example.com"], "--allow-host goes with --http"),
        (["--allow-origin", "https://example.com"], "--allow-origin goes with --http"),
        (["--max-body", "4096"], "--max-body goes with --http"),
        (["--host", "0.0.0.0"], "--host goes with --http"),
        (["--port", "9000"], "--port goes with --http"),
        (["--stateless"], "--stateless goes with --http"),
        (["--json-response"], "--json-response goes with --http"),
        (["--http", "--allow-host", "https://example.com"], "expected a name, such as example.com"),
        (["--http", "--allow-host", "*"], "expected a name, such as example.com"),
        (["--http", "--allow-origin", "*"], "expected scheme and host"),
        (["--http", "--allow-origin", "example.com"], "expected scheme and host"),
        (["--max-open", "0"], "Invalid value for '--max-open'"),
        (["--max-steps", "many"], "Invalid value for '--max-steps'"),
        (["--idle-minutes", "nan"], "--idle-minutes"),
        (["--task", "/nowhere/tasks.jsonl"], "cannot read the task file"),
    ],
)
def test_what_cannot_be_served_is_one_line(practicum: Practicum, arguments: list[str], said: str) -> None:
    assert said in practicum("serve", *arguments).refusal


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no task"),
        ("not json", ":1: not a JSON object"),
        ("[]", ":1: n"),
        ('{"env": "parcels"}', ":1: no task: version"),
        (
            '{"env": "talk", "version": 1, "seed": 1}',
            "holds a task of talk-v1, which is not served; add --env talk",
        ),
        ('{"env": "parcels", "version": 2, "seed": 1}', "holds a task of parcels-v2, which is not served"),
        ("\udcff", "cannot read the task file"),
        (f'{{"env": "parcels", "version": 1, "seed": {10**30}}}', ":1: no task: seed: Input should be less"),
        (
            '{"env": "parcels", "version": 1, "seed": 1, "id": "p1", "params": {"parcel": 2}}',
            "task 'p1' cannot be served: parcels-v1 has no setting 'parcel'; did you mean 'parcels'?",
        ),
        (
            '{"env": "parcels", "version": 1, "seed": 1, "id": "p2", "params": {"parcels": -2}}',
            "task 'p2' cannot be served: ValueError: ",
        ),
        (
            '{"env": "parcels", "version": 1, "seed": 1, "id": "\\ud800"}',
            "task '\\ud800' cannot be served: its id or instruction has a lone surrogate",
        ),
        (
            '{"env": "parcels", "version": 1, "seed": 1, "id": "p3", "instruction": "\\ud800"}',
            "task 'p3' cannot be served: its id or instruction has a lone surrogate",
        ),
    ],
)
def test_a_bad_task_file_is_one_line(practicum: Practicum, tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    refusal = practicum("serve", "--env", PARCELS, "--task", file).refusal
    assert said in refusal
    assert str(file) in refusal


def test_a_taken_port_is_one_line(practicum: Practicum) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = practicum("serve", "--http", "--port", str(port)).refusal
    assert said.startswith(f"port {port} on 127.0.0.1 cannot be used")
    assert said.endswith("choose another with --port")


@pytest.mark.parametrize("port", ["99999", "-5"])
def test_a_port_that_is_none_is_one_line(practicum: Practicum, port: str) -> None:
    assert "--port" in practicum("serve", "--http", "--port", port).refusal


@pytest.mark.integration
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_http_says_where_it_serves_and_ends_quietly_when_told(db: Path, end: signal.Signals) -> None:
    with subprocess.Popen(
        command("serve", "--env", PARCELS, "--http", "--port", "0", "--db", str(db)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stderr is not None
        assert child.stdout is not None
        line = child.stderr.readline()
        url = next(word for word in line.split() if word.startswith("http://"))
        assert str(db) in line
        answer = httpx2.get(url.replace("/mcp;", "/health").replace("/mcp", "/health"), timeout=PATIENCE_S)
        assert answer.json()["status"] == "ok"
        child.send_signal(end)
        assert child.wait(timeout=PATIENCE_S) in (0, 130, -end)
        assert (child.stderr.read(), child.stdout.read()) == ("", "")


@pytest.mark.integration
def test_stdio_ends_quietly_when_the_client_leaves(db: Path) -> None:
    with serving(db, "--env", PARCELS) as lines:
        lines.initialize()
        assert lines.child.stdin is not None
        lines.child.stdin.close()
        assert lines.child.wait(timeout=PATIENCE_S) == 0


@pytest.mark.integration
def test_settings_and_hidden_rewards_reach_the_sessions(db: Path) -> None:
    with serving(db, "--env", PARCELS, "--set", "parcels=2", "--hide-rewards", "--durable") as lines:
        lines.initialize()
        lines.request(2, "tools/call", {"name": "open_session", "arguments": {}})
        looked = lines.request(3, "tools/call", {"name": "look", "arguments": {}})["result"]
    assert len(looked["structuredContent"]["result"]["parcels"]) == 2
    assert "reward" not in looked["structuredContent"]
    assert json.loads(looked["content"][0]["text"]) == looked["structuredContent"]


@pytest.mark.integration
def test_a_long_list_of_tools_is_warned_of_on_stderr(db: Path, tmp_path: Path) -> None:
    many = tmp_path / "many.py"
    source = Path(world("Talk").rpartition(":")[0]).read_text(encoding="utf-8")
    actions = "".join(
        f'\n    @action\n    def act_{number}(self) -> str:\n        """Act."""\n        return ""\n'
        for number in range(40)
    )
    many.write_text(f'{source}\n\nclass Many(Talk):\n    """Do much."""\n\n    name = "many"\n{actions}')
    done = subprocess.run(
        command("serve", "--env", f"{many}:Many", "--db", str(db)),
        input="", capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    assert "some clients cut lists above 40" in done.stderr


def test_a_person_at_a_terminal_is_told_that_a_client_is_awaited(db: Path) -> None:
    with at_terminal("serve", "--db", db) as terminal:
        terminal.until("`practicum play` is for people")
        terminal.type("\x04")
        assert terminal.end() == 0
