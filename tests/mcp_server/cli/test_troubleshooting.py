"""docs/troubleshooting.md: what it quotes can be provoked, and what is provoked here is on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.mcp_server.cli import provoked_by_clients, provoked_by_files, provoked_by_models, provoked_by_tasks
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.cli.scenes import PROVOKED, Scene
from tests.mcp_server.clients import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ENTRY = re.compile(
    r"^### (.+?)\n+```text\n(.+?)\n```\n\n\*\*Means:\*\* .+?\n\*\*Do:\*\* ", re.MULTILINE | re.DOTALL
)
QUOTED = dict(ENTRY.findall(PAGE))
assert provoked_by_clients
assert provoked_by_files
assert provoked_by_models
assert provoked_by_tasks  # they fill PROVOKED


@pytest.fixture
def scene(
    practicum: Practicum,
    db: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Scene:
    return Scene(practicum, db, tmp_path, monkeypatch, caplog)


def test_every_entry_of_the_page_is_provoked_and_every_provoked_message_is_on_it() -> None:
    assert PAGE.count("\n### ") == len(QUOTED), "an entry has another form"
    assert set(QUOTED) == set(PROVOKED)
    assert len(QUOTED) >= 20


@pytest.mark.integration
@pytest.mark.parametrize("heading", PROVOKED)
def test_the_quoted_message_is_what_is_said(heading: str, scene: Scene) -> None:
    pattern = ".*".join(re.escape(part) for part in QUOTED[heading].split("…"))
    said = PROVOKED[heading](scene)
    assert re.search(pattern, said), said
