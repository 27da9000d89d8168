"""The official conformance suite against the real server, at both protocol revisions."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import node

ROOT = Path(__file__).resolve().parents[2]
PACKAGE, VERSION = "@modelcontextprotocol/conformance", "0.2.0-alpha.12"
SCORED = {"2026-07-28": 37, "2025-11-25": 30}
"""How many scenarios each requirement set scores, so that a run of nothing is no success."""

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Scenario:
    name: str
    passed: int
    failed: int


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """Where the fixture server listens, in a process of its own."""
    command = [sys.executable, "-m", "tests.conformance", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdout is not None
        yield child.stdout.readline().strip()
        child.terminate()


def read_summary(output: str) -> list[Scenario]:
    """The scored scenarios of the suite's report."""
    scored, _, rest = output.partition("=== SUMMARY ===")[2].partition("Not scored for ")
    unscored = set(re.findall(r"^ +[✓✗] (\S+) \(", rest, re.MULTILINE))
    rows = re.findall(r"^[✓✗] (\S+): (\d+) passed, (\d+) failed", scored, re.MULTILINE)
    return [Scenario(name, int(ok), int(bad)) for name, ok, bad in rows if name not in unscored]


@pytest.mark.parametrize("revision", SCORED)
def test_every_scored_scenario_passes(revision: str, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    suite = node.package(PACKAGE, VERSION) / "dist" / "index.js"
    done = node.run(suite, "server", "--url", url, "--requirements", revision)
    scenarios = read_summary(done.stdout)
    bad = [scenario.name for scenario in scenarios if scenario.failed or not scenario.passed]
    with capsys.disabled():
        passed, failed = len(scenarios) - len(bad), ", ".join(bad) or "none"
        summary = f"conformance {revision}: {len(scenarios)} scored, {passed} passed, failed: {failed}"
        print(f"\n{summary}")  # noqa: T201  # for the reader of the test's output
    assert len(scenarios) == SCORED[revision], done.stdout[-2000:] + done.stderr[-2000:]
    assert not bad, done.stdout[-4000:]
    assert done.returncode == 0
