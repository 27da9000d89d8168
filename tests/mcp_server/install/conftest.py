"""A machine in a temporary folder, of any system, and texts to edit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from practicum.mcp_server.install import Machine

COMMAND = ("/opt/practicum/bin/practicum",)


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., Machine]:
    """Make a machine whose home and project are folders of the test."""

    def machine(system: str = "linux", command: tuple[str, ...] = COMMAND, **variables: str) -> Machine:
        return Machine(system, tmp_path / "home", tmp_path / "project", variables, command)

    return machine
