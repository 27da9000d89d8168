"""Files of evaluations: reports as JSON, written and read again, leaderboards beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from practicum.envs.errors import UsageError
from practicum.training.compare import Comparison
from practicum.training.evaluate import AgentReport, Report
from practicum.training.leaderboard import BY, draw, leaderboard
from practicum.training.tasks.records import plain_json
from practicum.training.trials import SHARES, Trial
from practicum.training.whole_files import write_whole

MOST_BYTES = 1 << 30
_Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e100, le=1e100)]
_Count = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e100)]


@with_config(ConfigDict(extra="ignore"))
class _Trial(TypedDict):
    task: Annotated[str, Field(min_length=1)]
    figures: dict[str, _Number | None]
    counts: dict[str, tuple[_Count, _Count]]
    stops: list[str]
    session: str | None


@with_config(ConfigDict(extra="ignore"))
class _Agent(TypedDict):
    trials: Annotated[list[_Trial], Field(min_length=1)]


@with_config(ConfigDict(extra="ignore"))
class _Report(TypedDict):
    env: str
    agents: Annotated[dict[str, _Agent], Field(min_length=1)]


_SHAPE = TypeAdapter(_Report)


def read_report(path: Path) -> Report:
    """The report in a file that `practicum eval --json` or `write_reports` made.

    Raises:
        UsageError: the file cannot be read, or holds something else; says what is wrong in it.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path} is larger than {MOST_BYTES >> 20} MiB, which no report is")
        found = _SHAPE.validate_python(plain_json(path.read_text(encoding="utf-8-sig")))
        trials = {name: tuple(map(_trial, each["trials"])) for name, each in found["agents"].items()}
    except OSError as error:
        raise UsageError(f"cannot read the report {path}: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        told = f"{where}: {first['msg']}; expected what `practicum eval --json` prints"
        raise UsageError(f"{path} is no report: {told}") from None
    except ValueError as error:
        raise UsageError(f"{path} is no report: {' '.join(str(error).split())}") from None
    agents = {name: AgentReport(name, each) for name, each in trials.items()}
    return Report(found["env"], agents)


def joined(reports: Mapping[str, Report]) -> Report:
    """One report of the agents of several, by the names of the files that they come from.

    An agent keeps its name; where several have the same, the file's name is put before it.

    Raises:
        UsageError: the reports are of different environments.
    """
    (first, report), *others = reports.items()
    for name, other in others:
        if other.env_id != report.env_id:
            told = f"{first} is of {report.env_id}, {name} of {other.env_id}"
            raise UsageError(f"{told}; agents are compared in the same environment")
    everyone = [(name, agent) for name, each in reports.items() for agent in each.agents.values()]
    names = [agent.agent for _, agent in everyone]
    agents = {}
    for name, agent in everyone:
        called = agent.agent if names.count(agent.agent) == 1 else f"{name}: {agent.agent}"
        agents[called] = AgentReport(called, agent.trials, agent.rollouts)
    return Report(report.env_id, agents)


def read_reports(paths: Sequence[Path]) -> Report:
    """The agents of several reports in one.

    Raises:
        UsageError: as `read_report` and `joined`; or a file is named twice.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise UsageError(f"{' and '.join(map(str, paths))} are the same file; expected different reports")
    stems = [path.stem for path in paths]
    names = [path.stem if stems.count(path.stem) == 1 else str(path) for path in paths]
    return joined({name: read_report(path) for name, path in zip(names, paths, strict=True)})


def write_reports(folder: Path, compared: Comparison, by: str = BY) -> list[Path]:
    """Write `report.json`, `leaderboard.md`, `leaderboard.json` and, with matplotlib, `leaderboard.png`.

    Returns:
        Where they are.

    Raises:
        UsageError: they cannot be written, or there is no figure `by`.
    """
    board = leaderboard(compared, by)
    texts = {
        "report.json": _as_text(compared.as_json()),
        "leaderboard.json": _as_text(board.as_json()),
        "leaderboard.md": board.as_markdown(),
    }
    for name, text in texts.items():
        write_whole(folder / name, text)
    written = [folder / name for name in texts]
    if can_draw():
        written.append(folder / "leaderboard.png")
        draw(board, written[-1])
    return written


def make_folder(folder: Path) -> None:
    """Make the folder of an evaluation's files, before hours are played for what cannot be kept.

    Raises:
        UsageError: it cannot be made, or nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot write into {folder}: {told}; name another folder") from None


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def _as_text(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _trial(row: Mapping[str, Any]) -> Trial:
    for name in SHARES & row["figures"].keys():
        if not 0 <= (row["figures"][name] or 0) <= 1:
            raise ValueError(f"{name} is {row['figures'][name]} in task {row['task']}; expected 0 to 1")
    return Trial(row["task"], row["figures"], row["counts"], tuple(row["stops"]), row["session"])
