"""One run of `practicum tasks test`: who plays, what is kept meanwhile, and the files that tell of it."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from practicum.envs.errors import UsageError
from practicum.mcp_server.cli.bars import progress_bar
from practicum.mcp_server.cli.logs import kept_in
from practicum.mcp_server.cli.models import CUSTOMER, ModelOptions, hired
from practicum.training.agents.named import CHAT
from practicum.training.llm import ModelShelf

if TYPE_CHECKING:
    from practicum.training.tasks.played_task import PlayedTask
    from practicum.training.tasks.records import TaskRecord

LOG = "task_tester.log"
DRY = "oracle"
"""Who serves where no model is to be asked."""


@dataclass(frozen=True)
class Players:
    """Who serves, who asks, and who words what is asked."""

    agent: str
    playing: ModelShelf
    customer: ModelShelf | None = None
    """None where customers are scripted."""
    rewrites: bool = False
    """Whether the customer's model words the queries first."""

    def asked(self) -> dict[str, Any]:
        """What the course of a test depends on, of them."""
        return {
            "agent": self.agent,
            "models": _settings(self.playing) if self.agent.startswith(CHAT) else None,
            "customer": self.customer and _settings(self.customer),
            "rewrites": self.rewrites,
        }


@dataclass(frozen=True)
class Trial:
    """A test that is asked for."""

    file: Path
    players: Players
    data: str
    seed: int
    noise: float
    folder: Path
    """Where its reports go."""
    results: bool
    """Whether every call and conversation is written too."""
    picture: bool

    def asked(self, records: Sequence[TaskRecord]) -> dict[str, Any]:
        """What its rows depend on."""
        text = json.dumps([record.as_json() for record in records])
        drawn = {"data": self.data, "seed": self.seed, "noise": self.noise}
        return {"tasks": hashlib.sha256(text.encode()).hexdigest(), **self.players.asked(), **drawn}


def chosen(
    agent: str, model: str | None, models: ModelOptions, *, dual: bool, enhances: bool, dry: bool
) -> Players:
    """Who plays, by what was asked for.

    Raises:
        UsageError: a model is missing that is asked for.
    """
    if dry:
        return Players(DRY, models.playing)
    name = f"{CHAT}{model}" if model else agent
    if dual and not (name.startswith(CHAT) and models.customer):
        raise UsageError("--dual-model has two models play: name them with --model and --user-model")
    if enhances and models.customer is None:
        raise UsageError("--enhance-query has --user-model word the queries; name one")
    return Players(name, models.playing, models.customer, enhances)


def run_trial(
    trial: Trial, *, threads: int, resume: bool, verbose: bool, as_json: bool
) -> tuple[list[PlayedTask], list[Path]]:
    """Play it and write its reports; until they are there, what is finished is kept beside them.

    Raises:
        UsageError: its file, its world or its players are not as they should be, or a report cannot be
            written.
    """
    from practicum.training.tasks.charts import check_drawing
    from practicum.training.tasks.journal import open_journal
    from practicum.training.tasks.played_task import PlayedTask
    from practicum.training.tasks.records import read_records

    if trial.picture:
        check_drawing()
    records = read_records(trial.file)
    kept = trial.folder / f"test_{trial.file.stem}"
    with (
        open_journal(kept, trial.asked(records), PlayedTask.from_json, resume=resume) as journal,
        kept_in(trial.folder / LOG),
        progress_bar(f"{trial.players.agent} serves", as_json=as_json) as progress,
    ):

        def tell(tested: PlayedTask) -> None:
            journal.keep(tested)
            if verbose:
                typer.echo(tested.line, err=True)

        tested = _played(
            trial, records, threads=threads, finished=journal.finished, progress=progress, told=tell
        )
        written = _reports(trial, tested)
        journal.remove()
    return tested, written


def _played(trial: Trial, records: Sequence[TaskRecord], **run_options: Any) -> list[PlayedTask]:
    from practicum.envs.retail.customers import SCRIPTED
    from practicum.training.tasks.testing import run

    players, customer = trial.players, trial.players.customer
    hired(customer, None)
    return run(
        records,
        players.agent,
        data=trial.data,
        customer=SCRIPTED if customer is None else CUSTOMER,
        seed=trial.seed,
        noise=trial.noise,
        models=players.playing,
        rewriter=customer.model() if players.rewrites and customer else None,
        **run_options,
    )


def _reports(trial: Trial, tested: Sequence[PlayedTask]) -> list[Path]:
    from practicum.training.tasks.charts import write_picture
    from practicum.training.tasks.summary import write_results, write_summary

    folder, stamp = trial.folder, f"{datetime.datetime.now(tz=datetime.UTC):%Y%m%d_%H%M%S_%f}"
    written = write_summary(folder, stamp, tested)
    if trial.results:
        written.append(write_results(folder, stamp, tested))
    if trial.picture:
        title = f"{trial.players.agent}: {len(tested)} tasks of {trial.file.name}"
        written.append(folder / f"test_visualization_{stamp}.png")
        write_picture(tested, written[-1], title=title)
    return written


def _settings(shelf: ModelShelf) -> dict[str, Any]:
    """Of the settings those that answers depend on; where a model is served changes none."""
    s = shelf.settings
    return {"model": s.model, "temperature": s.temperature, "max_tokens": s.max_tokens}
