"""What a look at the installation found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    what: str
    state: Literal["ok", "note", "bad"]
    """A note tells something worth knowing that stops nothing from working."""
    says: str
    """What was found and, where that is not well, what to do."""
    seconds: float | None = None
    """How long it took, where that says something."""

    @property
    def ok(self) -> bool:
        """Whether nothing needs doing."""
        return self.state != "bad"

    def body(self) -> dict[str, Any]:
        """As JSON."""
        seconds = {} if self.seconds is None else {"seconds": round(self.seconds, 3)}
        return {"what": self.what, "ok": self.ok, "state": self.state, "says": self.says, **seconds}


def judged(what: str, says: str, *, bad: str = "", note: str = "", seconds: float | None = None) -> Finding:
    """A finding that is well unless there is something bad, or something to note, which is said too."""
    state: Literal["ok", "note", "bad"] = "bad" if bad else "note" if note else "ok"
    return Finding(what, state, "; ".join(filter(None, (says, bad, note))), seconds)
