"""Steps for the log to write, without a world that plays them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from practicum.envs import Step


def a_step(turn: int = 1, **changed: Any) -> Step:
    plain_step = Step(turn, "look", {}, "nothing to see", None, -0.01, {"step": -0.01}, False, False, True)
    return replace(plain_step, **changed)
