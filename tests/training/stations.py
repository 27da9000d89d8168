"""Stations: a world that fails, ends its process or says where it is, as its task asks; for workers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from practicum.envs import Outcome, Step, ToolEnv, action


class Station(ToolEnv[dict]):
    """Trains leave it."""

    name = "station"

    def begin(self, folder: str = "", every: int = 0, trouble: str = "") -> dict:
        """`trouble` befalls every so many seeds: `fails`, `ends` or `waits`, once, in `folder`."""
        return {"left": 0, "folder": folder, "trouble": trouble if self._is_due(every) else ""}

    def _is_due(self, every: int) -> bool:
        return bool(every) and self.task.seed % every == 1

    @action
    def leave(self, platform: int) -> str:
        """Leave from a platform."""
        if self.state["trouble"] == "fails":
            raise RuntimeError("no\ntrain")
        if self.state["trouble"] == "ends":
            os._exit(3)
        if self.state["trouble"] == "waits":
            wait_once(Path(self.state["folder"]))
        self.state["left"] += platform
        return f"{self.np_random.integers(1000)} from {platform}"

    def is_done(self) -> bool:
        return self.state["left"] > 5

    def outcome(self) -> Outcome:
        return Outcome(self.state["left"] % 2 == 0)

    @classmethod
    def render_text(cls, result: object) -> str:
        return f"station: {result}"


def early(steps: Sequence[Step]) -> float:
    """A reward that is the greater the earlier the step."""
    return 1 / len(steps)


def wait_once(folder: Path) -> None:
    """Say which process this is to whoever reads `told`, then wait to be ended; the next one goes on."""
    try:
        (folder / "begun").touch(exist_ok=False)
    except FileExistsError:
        return
    (folder / "told").write_text(str(os.getpid()))
    (folder / "never").read_text()
