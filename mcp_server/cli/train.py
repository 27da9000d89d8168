"""`practicum train sft | dpo | grpo | merge`: models that learn from what was played."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from practicum.envs.errors import UsageError
from practicum.envs.paths import at_home
from practicum.envs.registry import find, lasting_name
from practicum.mcp_server.cli.bars import progress_bar
from practicum.mcp_server.cli.options import (
    AsJson,
    Db,
    open_existing_store,
    open_store,
    print_json,
    read_settings,
)
from practicum.memory import Log, Store

if TYPE_CHECKING:
    from practicum.training.trainers import Layered
    from practicum.training.trainers.runs import Run, Trained

Model = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="tiny, smollm2, a folder or a name of the hub (policy_lm)."),
]
TrainFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="JSONL in any format of `practicum export`, instead of the log."),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Of the run; runs/METHOD by default.")
]
InEnv = Annotated[str | None, typer.Option("--env", help="Only what was played in this environment.")]
Lora = Annotated[bool | None, typer.Option("--lora/--full", help="An adapter, or all weights.")]
Preset = Annotated[
    str | None, typer.Option(metavar="NAME", help="Settings that go together: tiny, smollm2, large.")
]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="YAML of settings for this run.")
]
Given = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any setting, such as lm_lr=1e-5; repeats."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder.")]
Show = Annotated[
    bool, typer.Option("--show", help="Print every setting and where it comes from, and train nothing.")
]
Preferences = Annotated[
    str | None,
    typer.Option("--preferences", "-p", metavar="FILE", help="JSONL of better sessions; `log`: those kept."),
]
Beta = Annotated[float | None, typer.Option(help="How dear it is to leave the model one starts from.")]
Mode = Annotated[
    str | None,
    typer.Option(metavar="MODE", help="offline: groups of the log or a file; online: play in --env."),
]
RewardName = Annotated[
    str | None,
    typer.Option("--reward", metavar="REWARD", help="Online: environment, rules, or matching (gold calls)."),
]
Train = Callable[[Store | None, "Layered", "Run"], "Trained"]

train = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Train models on what was played, and merge adapters."
)


@train.command("sft")
def sft(
    model: Model = None,
    train_file: TrainFile = None,
    output: Output = None,
    env: InEnv = None,
    lora: Lora = None,
    preset: Preset = None,
    settings: SettingsFile = None,
    given: Given = None,
    resume: Resume = False,
    show: Show = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Teach a model to say what was said in rows; of the log those that came to the right end."""
    named = _named(policy_lm=model, train_file=train_file, output=output, env=env, lora=lora)
    layers = _layers("sft", preset, settings, given, named)
    _run(layers, _sft, _Order(resume=resume, show=show, as_json=as_json, db=db))


@train.command("dpo")
def dpo(
    model: Model = None,
    train_file: TrainFile = None,
    preferences: Annotated[
        str | None,
        typer.Option(
            "--preferences", "-p", metavar="FILE", help="JSONL of better sessions; `log`: those kept."
        ),
    ] = None,
    beta: Annotated[
        float | None, typer.Option(help="How dear it is to leave the model one starts from.")
    ] = None,
    output: Output = None,
    env: InEnv = None,
    lora: Lora = None,
    preset: Preset = None,
    settings: SettingsFile = None,
    given: Given = None,
    resume: Resume = False,
    show: Show = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Teach a model to prefer the better of two ways on from one beginning."""
    named = _named(
        policy_lm=model,
        train_file=train_file,
        preferences=preferences,
        beta=beta,
        output=output,
        env=env,
        lora=lora,
    )
    layers = _layers("dpo", preset, settings, given, named)
    _run(layers, _dpo, _Order(resume=resume, show=show, as_json=as_json, db=db))


@train.command("grpo")
def grpo(
    model: Model = None,
    train_file: TrainFile = None,
    mode: Annotated[
        str | None,
        typer.Option(metavar="MODE", help="offline: groups of the log or a file; online: play in --env."),
    ] = None,
    reward: Annotated[
        str | None,
        typer.Option(metavar="REWARD", help="Online: environment, rules, or matching (gold calls)."),
    ] = None,
    output: Output = None,
    env: InEnv = None,
    lora: Lora = None,
    preset: Preset = None,
    settings: SettingsFile = None,
    given: Given = None,
    resume: Resume = False,
    show: Show = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Teach a model by how its ways on compare with others of the same task."""
    named = _named(policy_lm=model, train_file=train_file, output=output, env=env, lora=lora)
    named |= _named(mode=mode, reward=reward)
    layers = _layers("grpo", preset, settings, given, named)
    _run(layers, _grpo, _Order(resume=resume, show=show, as_json=as_json, db=db))


@train.command("merge")
def merge_command(
    adapter: Annotated[Path, typer.Argument(help="Checkpoint with an adapter, or the folder of its run.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="merged_model beside it by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a LoRA adapter and its model as one model, which any server can load."""
    from practicum.training.trainers.merging import merge

    merged = merge(at_home(adapter), None if output is None else at_home(output))
    if as_json:
        print_json({"merged": str(merged)})
    else:
        typer.echo(f"merged model in {merged}")


class _Order:
    """What was asked for beside settings."""

    def __init__(self, *, resume: bool, show: bool, as_json: bool, db: Path | None) -> None:
        self.resume, self.show, self.as_json, self.db = resume, show, as_json, db


def _named(**options: Any) -> dict[str, Any]:
    """The settings that have an option of their own, where it was given."""
    given = {name: value for name, value in options.items() if value is not None}
    return {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}


def _layers(
    method: str, preset: str | None, file: Path | None, given: list[str] | None, named: Mapping[str, Any]
) -> Layered:
    from practicum.training.trainers import layered

    return layered(method, preset=preset, file=file, given={**read_settings(given), **named})


def _run(layers: Layered, train_with: Train, order: _Order) -> None:
    if order.show:
        _show(layers, as_json=order.as_json)
        return
    from practicum.training.trainers.launch import is_to_launch
    from practicum.training.trainers.runs import Run, is_first_process, output_of

    if is_to_launch(layers.settings):
        _launch(layers, order)
        return
    output = output_of(layers.settings, layers.method)
    silent = order.as_json or not is_first_process()
    with _opened(layers, order) as store, progress_bar("training", as_json=silent) as progress:
        run = Run(output, order.resume, tell=_tell if is_first_process() else _nothing, progress=progress)
        trained = train_with(store, layers, run)
        if store is not None and is_first_process():
            body = {"method": layers.method, "model": layers.settings.policy_lm, **trained.as_json()}
            Log(store).event("trained", body)
    if is_first_process():
        _print(trained, as_json=order.as_json)


def _launch(layers: Layered, order: _Order) -> None:
    """Write the settings into the folder of the run, and start it in several processes."""
    import yaml

    from practicum.training.trainers.launch import launch
    from practicum.training.trainers.runs import output_of

    output = output_of(layers.settings, layers.method)
    output.mkdir(parents=True, exist_ok=True)
    file = output / "launched.yaml"
    values = layers.settings.as_json() | {"output": str(output)}
    file.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
    more = [*(["--resume"] if order.resume else []), *(["--json"] if order.as_json else [])]
    where = ["--db", str(order.db)] if order.db else []
    code = launch(layers.settings, ["train", layers.method, "--settings", str(file), *more, *where])
    if code:
        raise typer.Exit(code)


@contextmanager
def _opened(layers: Layered, order: _Order) -> Iterator[Store | None]:
    """The log, where rows come from it or rollouts go to it; else, where there is one, for the event."""
    online = getattr(layers.settings, "mode", None) == "online"
    if layers.settings.train_file is not None and not online:
        yield None
        return
    with open_store(order.db) if online else open_existing_store(order.db) as store:
        yield store


def _sft(store: Store | None, layers: Layered, run: Run) -> Trained:
    from practicum.training.trainers.examples import read_rows
    from practicum.training.trainers.sft import train_sft

    return train_sft(read_rows(layers.settings, store), layers.settings, run)


def _dpo(store: Store | None, layers: Layered, run: Run) -> Trained:
    from practicum.training.trainers import DpoSettings
    from practicum.training.trainers.dpo import train_dpo
    from practicum.training.trainers.examples import read_pairs

    assert isinstance(layers.settings, DpoSettings)
    return train_dpo(read_pairs(layers.settings, store), layers.settings, run)


def _grpo(store: Store | None, layers: Layered, run: Run) -> Trained:
    from practicum.training.trainers import GrpoSettings
    from practicum.training.trainers.examples import read_groups
    from practicum.training.trainers.grpo import train_groups, train_online
    from practicum.training.trainers.practice import Ground

    settings = layers.settings
    assert isinstance(settings, GrpoSettings)
    if settings.mode == "offline":
        return train_groups(read_groups(settings, store), settings, run)
    if settings.env is None:
        raise UsageError("mode online plays: name the environment with --env, such as --env flight")
    env = find(settings.env)
    tasks = env.tasks(settings.seed).split("train").take(settings.rollout_size)
    ground = Ground(env, place=lasting_name(settings.env), log=None if store is None else Log(store))
    return train_online(tasks, ground, settings, run)


def _show(layers: Layered, *, as_json: bool) -> None:
    from rich.table import Table

    from practicum.mcp_server.cli.consoles import console

    if as_json:
        print_json(layers.as_json())
        return
    table = Table("setting", "value", "from", box=None, pad_edge=False)
    for name, each in layers.as_json().items():
        value = each["value"]
        shown = "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        table.add_row(name, shown, each["from"])
    console.print(table)


def _print(trained: Trained, *, as_json: bool) -> None:
    if as_json:
        print_json(trained.as_json())
        return
    loss = "" if trained.loss is None else f", loss {trained.loss:.3f}"
    typer.echo(f"{trained.final}: {trained.steps} steps on {trained.examples} examples{loss}")


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _nothing(line: str) -> None:
    """Told in the other processes of several."""
