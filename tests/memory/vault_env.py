"""A world with secret arguments of several types, which says again whatever it is told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from practicum.envs import ActionError, Record, Secret, Task, ToolEnv, action

Pin = Annotated[int, Field(json_schema_extra={"writeOnly": True})]


@dataclass
class Door(Record):
    tried: list[str] = field(default_factory=list)


class Vault(ToolEnv[Door]):
    """Open the vault."""

    name, version = "vault", 1

    def begin(self, *, told: str = "Open the vault.", key: str = "", note: str = "") -> Door:
        return Door()

    @classmethod
    def make_task(cls, seed: int, **settings: Any) -> Task:
        return Task(cls.name, cls.version, seed, settings, settings.get("told", "Open the vault."))

    @action
    def unlock(self, key: Secret = "", pin: Pin = 0, spares: list[Secret] | None = None) -> Any:
        """Try keys; those that begin with `jam` break the lock.

        Args:
            key: The key.
            pin: A number instead.
            spares: More keys.
        """
        if key.startswith("jam"):
            raise RuntimeError(f"{key!r} jams the lock after {self.state.tried!r}")
        self.state.tried.append(key)
        return {"tried": list(self.state.tried), "spares": spares or [], key: "does not turn", "pin": pin}

    @action
    def say(self, json_text: str) -> Any:
        """Say something, and hear it again as a value, or as a refusal when it is a number.

        Args:
            json_text: A JSON document.
        """
        value = json.loads(json_text)
        if isinstance(value, int):
            raise ActionError(f"no {value!r} after {self.state.tried!r}")
        return value

    def is_done(self) -> bool:
        """Never."""
        return False
