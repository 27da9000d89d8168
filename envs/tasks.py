"""Task: what one episode asks for. TaskSet: where tasks come from, a file or a generator."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from practicum.envs.errors import UsageError

Split = Literal["train", "verify", "test"]
SPLITS: tuple[Split, ...] = ("train", "verify", "test")
LARGEST_INTEGER = 2**63 - 1
"""The largest seed, and whatever else is kept as an integer in a file of ours."""


@dataclass(frozen=True)
class Task:
    """What one episode asks for.

    The agent sees `params` and `instruction`. `secret` reaches the world and the judge alone.
    """

    env: str
    """Name of the environment without its version, such as `flight`."""
    version: int
    seed: Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
    params: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the environment's `begin`."""
    instruction: str = ""
    difficulty: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    """From 0 (easy) to 1 (hard)."""
    secret: Mapping[str, Any] = field(default_factory=dict)
    step_limit: Annotated[int, Field(ge=1)] = 50
    id: str = ""
    """A name for people; the content decides what a task is."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Keyword arguments of `begin` that say where something lies on this machine, such as a folder; no part
    of the content, and not shown to agents."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= LARGEST_INTEGER:
            raise UsageError(f"a task's seed is {self.seed}; expected 0 to 2**63 - 1")

    @property
    def env_id(self) -> str:
        """The versioned name, such as `flight-v1`."""
        return f"{self.env}-v{self.version}"

    @cached_property
    def hash(self) -> str:
        """Content hash: 32 hex digits over everything but the id, the difficulty and the places."""
        world = [self.env, self.version, self.seed, self.params]
        content = [*world, self.instruction, self.secret, self.step_limit]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def split(self) -> Split:
        """Where the content hash puts the task: train 80 %, verify 10 %, test 10 %."""
        place = int(self.hash[:8], 16) % 10
        return "train" if place < 8 else "verify" if place == 8 else "test"

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object, `split` and `hash` included; it shares params and secret with the task."""
        own = {name: getattr(self, name) for name in self.__dataclass_fields__}
        if not self.places:
            del own["places"]
        return own | {"split": self.split, "hash": self.hash}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Task:
        """Read what `as_json` wrote; `split` and `hash` are computed anew.

        Raises:
            ValidationError: a field is missing or of the wrong type.
        """
        known = {k: v for k, v in record.items() if k not in ("split", "hash")}
        return _TASK.validate_python(known)


_TASK = TypeAdapter(Task)


class TaskSet:
    """Tasks in a fixed order: from a JSONL file, or made one seed after the other."""

    def __init__(self, tasks: Iterable[Task] | Callable[[], Iterator[Task]]) -> None:
        self._source = tasks if callable(tasks) else list(tasks)

    def __iter__(self) -> Iterator[Task]:
        return self._source() if callable(self._source) else iter(self._source)

    def split(self, split: Split) -> TaskSet:
        """Those that the content hash puts into a split."""
        return TaskSet(lambda: (task for task in self if task.split == split))

    def take(self, count: int) -> list[Task]:
        """The first `count` tasks."""
        return list(islice(self, count))

    @classmethod
    def generated(cls, make_task: Callable[[int], Task], first_seed: int = 0) -> TaskSet:
        """An endless set: the task of each seed from `first_seed` on."""

        def tasks() -> Iterator[Task]:
            seed = first_seed
            while True:
                yield make_task(seed)
                seed += 1

        return cls(tasks)

    @classmethod
    def load(cls, path: Path) -> TaskSet:
        """Read a JSONL file of tasks.

        Raises:
            UsageError: the file cannot be read, or a line is no task; says which line and why.
        """
        try:
            lines = path.read_text(encoding="utf-8").split(
                "\n"
            )  # JSON text may hold other line breaks as they are
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the task file {path}: {error}") from None
        tasks = [_read_line(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
        if not tasks:
            raise UsageError(f"{path} holds no task; each line is one task as JSON")
        return cls(tasks)

    def save(self, path: Path, count: int) -> None:
        """Write the first `count` tasks as JSONL."""
        rows = (json.dumps(task.as_json(), ensure_ascii=False) + "\n" for task in self.take(count))
        path.write_text("".join(rows), encoding="utf-8")


def _read_line(path: Path, number: int, line: str) -> Task:
    try:
        return Task.from_json(json.loads(line))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}:{number}: no task: {where or 'record'}: {first['msg']}") from None
    except (ValueError, AttributeError) as error:
        raise UsageError(f"{path}:{number}: not a JSON object: {error}") from None
