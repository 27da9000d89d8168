"""`practicum doctor`: says what works here and what to do about the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.mcp_server.cli.conftest import Practicum


@pytest.fixture(autouse=True)
def _home_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_CONFIG_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR", "OPENAI_BASE_URL", "HF_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.mark.integration
def test_a_sound_installation_is_found_sound_in_both_eras_and_no_log_is_made(
    practicum: Practicum, db: Path
) -> None:
    said = practicum("doctor", "--json")
    findings = {finding["what"]: finding for finding in json.loads(said.out)}
    assert said.code == 0, said.out
    assert all(finding["ok"] for finding in findings.values())
    assert {"packages", "command", "log", "environments", "port 8848", "clients", "hub token"} <= set(
        findings
    )
    eras = {f"handshake {era}": era for era in ("2026-07-28", "2025-11-25")}
    for what, era in {**eras, "probe, then handshake": "2025-11-25"}.items():
        assert era in findings[what]["says"]
        assert findings[what]["seconds"] > 0
    assert not db.exists()


@pytest.mark.integration
def test_a_broken_log_is_found_and_the_exit_code_is_1(practicum: Practicum, db: Path) -> None:
    db.write_bytes(b"no database at all, only words" * 40)
    said = practicum("doctor")
    assert said.code == 1
    (line,) = [line for line in said.out.splitlines() if line.startswith("BAD")]
    assert f"BAD log: {db} is no Practicum database" in line
