"""Writes a first environment and its test, small and working, for an author to change."""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path
from string import Template

from practicum.envs.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,19}")

_ENVIRONMENT = Template('''\
"""$class_name: an environment in one file. Try `practicum check $name.py:$class_name`."""

from __future__ import annotations

from dataclasses import dataclass

from practicum.envs import ActionError, Outcome, Record, RewardTable, ToolEnv, action


@dataclass
class Room(Record):
    """What the world holds; every change to it is taken back when an action is refused."""

    lamps: dict[str, bool]
    """Whether each lamp is lit."""


class $class_name(ToolEnv[Room]):
    """Light every lamp."""

    name, version = "$name", 1
    rewards = RewardTable(step=-0.01, refused=-0.05, lit=0.05, solved=1.0)

    def begin(self, *, lamps: int = 3) -> Room:
        """Draw which lamps are lit; all chance comes from np_random, and one lamp at least is dark."""
        dark = int(self.np_random.integers(lamps))
        lit = self.np_random.random(lamps) < 0.5
        return Room({f"lamp_{i}": bool(lit[i]) and i != dark for i in range(lamps)})

    @action(read_only=True)
    def look(self) -> Room:
        """Show every lamp and whether it is lit."""
        return self.state

    @action
    def light(self, lamp: str) -> str:
        """Light a lamp.

        Args:
            lamp: Lamp id, such as lamp_0.
        """
        if lamp not in self.state.lamps:
            raise ActionError(f"no lamp {lamp!r}; look lists them")
        if self.state.lamps[lamp]:
            raise ActionError(f"{lamp} is lit already")
        self.state.lamps[lamp] = True
        self.earn("lit")
        return f"{lamp} is lit"

    def is_done(self) -> bool:
        """All lamps are lit."""
        return all(self.state.lamps.values())

    def outcome(self) -> Outcome:
        """Success when all lamps are lit."""
        return Outcome(success=self.is_done())
''')

_TEST = Template('''\
"""$class_name keeps the contract, and can be solved."""

from pathlib import Path

from practicum.envs import Episode, find
from practicum.envs.check import check

$class_name = find(f"{Path(__file__).with_name('$name.py')}:$class_name")


def test_it_keeps_the_contract():
    assert check($class_name) == []


def test_lighting_every_dark_lamp_solves_it():
    episode = Episode($class_name(), $class_name.make_task(seed=0))
    lamps = episode.act("look").result["lamps"]
    for lamp in [lamp for lamp, is_lit in lamps.items() if not is_lit]:
        last = episode.act("light", {"lamp": lamp})
    assert last.terminated
    assert last.outcome["success"]
''')


def class_name(name: str) -> str:
    """The class of an environment's short name: `MyShop` of `my_shop`."""
    return "".join(part.capitalize() for part in name.split("_"))


def write_new(name: str, folder: Path) -> tuple[Path, Path]:
    """Write a small working environment and its test.

    Args:
        name: the environment's short name.
        folder: where to write; made when it is not there.

    Returns:
        The environment's file and its test's.

    Raises:
        UsageError: the name does not fit, a file is there already, or the folder cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for an environment; "
            "use a lower-case letter and up to 19 more of a-z, 0-9 and _"
        )
    if keyword.iskeyword(name) or name in sys.stdlib_module_names:
        raise UsageError(f"{name!r} is Python's own: a file of that name would be in its way; choose another")
    words = {"name": name, "class_name": class_name(name)}
    written = {
        folder / f"{name}.py": _ENVIRONMENT.substitute(words),
        folder / f"test_{name}.py": _TEST.substitute(words),
    }
    for path in written:
        if path.exists():
            raise UsageError(f"{path} exists already; choose another name, or move it away")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in written.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error.strerror}") from None
    env_file, test_file = written
    return env_file, test_file
