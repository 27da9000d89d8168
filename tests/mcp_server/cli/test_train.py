"""`practicum train`: models trained on the log or a file, their settings shown, adapters merged."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from practicum.memory import Store
from practicum.training.datasets import line
from tests.mcp_server.cli.conftest import Practicum
from tests.requirements import need_torch
from tests.training.learned import group, pair, row
from tests.training.played import play, tasks_of

SHORT = (
    "--model",
    "tiny-random",
    "--set",
    "max_steps=2",
    "--set",
    "batch_size=2",
    "--set",
    "logging_steps=1",
)


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(form: str, *examples: Any) -> Path:
        path = tmp_path / f"{form}.jsonl"
        path.write_text("".join(f"{line(each, form)}\n" for each in examples), encoding="utf-8")
        return path

    return write


def train(practicum: Practicum, method: str, *more: Any) -> dict[str, Any]:
    need_torch()
    said = practicum("train", method, *SHORT, *more, "--json")
    assert said.code == 0, said.err
    return dict(json.loads(said.out))


# Two steps of each trainer ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "form", "examples"),
    [
        ("sft", "sft", [row(1), row(2)]),
        ("sft", "openai", [row(1), row(2)]),
        ("sft", "sharegpt", [row(1), row(2)]),
        ("dpo", "dpo", [pair(1), pair(2)]),
        ("grpo", "grpo", [group((1.0, 0.0)), group((0.0, 2.0), calls=1)]),
    ],
)
def test_each_method_trains_on_a_file(
    practicum: Practicum, file: Any, tmp_path: Path, method: str, form: str, examples: list
) -> None:
    output = tmp_path / "run"
    trained = train(practicum, method, "--train-file", file(form, *examples), "--output", output)
    assert trained["steps"] == 2
    assert trained["final"] == str(output / "final")
    assert (output / "final" / "model.safetensors").is_file()


def test_sft_learns_from_the_log_what_came_to_the_right_end_and_says_so_there(
    practicum: Practicum, db: Path, tmp_path: Path
) -> None:
    from tests.training.played import Decision

    store = Store.open(db)
    tasks = tasks_of("flight", count=2)
    play(store, tasks=tasks, agent=[Decision("abort", {"reason": "too dear"}, "")])
    play(store, tasks=tasks[:1])
    play(store, tasks=tasks[1:], purpose="evaluation")
    play(store, tasks=tasks_of("flight", "test", count=1))
    store.close()
    trained = train(practicum, "sft", "--output", tmp_path / "run", "--set", "max_steps=1", "--env", "flight")
    store = Store.open(db)
    (event,) = [
        json.loads(each["body"]) for each in store.read("SELECT body FROM events WHERE kind='trained'", {})
    ]
    store.close()
    assert trained["examples"] == 1
    assert (event["method"], event["model"], event["steps"]) == ("sft", "tiny-random", 1)


def test_a_run_goes_on_and_an_adapter_is_merged(practicum: Practicum, file: Any, tmp_path: Path) -> None:
    output, rows = tmp_path / "run", file("sft", row(1), row(2))
    train(practicum, "sft", "--train-file", rows, "--output", output, "--lora", "--set", "save_steps=1")
    again = practicum("train", "sft", *SHORT, "--train-file", rows, "--output", output, "--lora")
    assert again.refusal.endswith(
        "holds a run already; go on with --resume, or name another folder (--output)"
    )
    more = ("--set", "max_steps=3", "--resume")
    assert train(practicum, "sft", "--train-file", rows, "--output", output, "--lora", *more)["steps"] == 3
    said = practicum("train", "merge", output)
    assert said.out == f"merged model in {output / 'merged_model'}\n"
    assert (output / "merged_model" / "config.json").is_file()


def test_several_processes_train_one_model_together(file: Any, tmp_path: Path) -> None:
    need_torch()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rows = file("sft", *(row(calls) for calls in (1, 2, 1, 2)))
    places = ("--set", "processes=2", "--set", f"master_port={port}", "--output", str(tmp_path / "run"))
    rest = ("--set", "batch_size=1", "--train-file", str(rows), "--json")
    command = [sys.executable, "-m", "practicum", "train", "sft", *SHORT, *places, *rest]
    alone = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE")}
    said = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=500,
        env=alone | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert said.returncode == 0, said.stderr
    together = json.loads(said.stdout)
    assert together["steps"] == 2
    lines = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if "grad_norm" in line]) == 2


# Settings ---------------------------------------------------------------------------------------------


def test_show_prints_every_setting_and_where_it_comes_from(practicum: Practicum, tmp_path: Path) -> None:
    settings = tmp_path / "run.yaml"
    settings.write_text("epochs: 2\n")
    said = practicum(
        "train", "dpo", "--show", "--preset", "smollm2", "--settings", settings, "--beta", 0.2, "--json"
    )
    shown = json.loads(said.out)
    assert shown["beta"] == {"value": 0.2, "from": "command line"}
    assert shown["epochs"] == {"value": 2.0, "from": str(settings)}
    assert shown["lora"] == {"value": True, "from": "preset smollm2"}
    assert shown["seed"] == {"value": 0, "from": "default.yaml"}
    table = practicum("train", "dpo", "--show").out
    assert all(name in table for name in shown)


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (("--set", "lm_rl=1"), "command line: there is no setting 'lm_rl'; did you mean 'lm_lr'?"),
        (("--preset", "tony"), "no preset 'tony'; did you mean 'tiny'?; there are large, smollm2, tiny"),
        (("--set", "wandb_key=x"), "looks like a secret"),
        (("--set", "accelerate=fsdb"), "no such configuration; did you mean 'fsdp'?"),
    ],
)
def test_settings_that_are_none_are_refused(
    practicum: Practicum, words: tuple[str, ...], refusal: str
) -> None:
    need_torch()
    assert refusal in practicum("train", "sft", *words).refusal


def test_a_model_of_no_name_is_refused(practicum: Practicum, file: Any, tmp_path: Path) -> None:
    need_torch()
    words = ("--train-file", file("sft", row(1)), "--model", "tinny", "--output", tmp_path / "run")
    assert "no model 'tinny'; did you mean 'tiny'?" in practicum("train", "sft", *words).refusal


def test_nothing_to_learn_from_is_refused(practicum: Practicum, db: Path, file: Any, tmp_path: Path) -> None:
    need_torch()
    Store.open(db).close()
    refusal = practicum("train", "sft", "--env", "flight").refusal
    assert refusal.startswith(
        "the log holds no row of the train split to learn from among those of env=flight"
    )
    empty = file("sft")
    assert (
        practicum("train", "sft", "--train-file", empty).refusal == f"{empty} holds no row of the train split"
    )
    test = file("sft", row(1, split="test"))
    assert (
        practicum("train", "sft", "--train-file", test).refusal == f"{test} holds no row of the train split"
    )


def test_a_port_that_is_taken_is_refused(practicum: Practicum, file: Any, tmp_path: Path) -> None:
    need_torch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = ("--set", "processes=2", "--set", f"master_port={port}", "--output", tmp_path / "run")
        refusal = practicum("train", "sft", "--train-file", file("sft", row(1)), *words).refusal
    assert refusal == f"master_port {port} is taken: set another one, such as --set master_port={port + 1}"


@pytest.mark.parametrize("name", ["torch", "trl"])
def test_a_missing_package_is_told_with_what_to_install(
    practicum: Practicum, file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda each, *rest: None if each == name else found(each, *rest)
    )
    monkeypatch.setattr("practicum.training.models.failures.find_spec", importlib.util.find_spec)
    words = ("--train-file", file("sft", row(1)), "--output", tmp_path / "run")
    refusal = practicum("train", "sft", *words).refusal
    assert name in refusal
    assert refusal.endswith("which is not installed: pip install 'practicum[train]'")


def test_wandb_is_asked_for_only_where_it_is_used(practicum: Practicum, file: Any, tmp_path: Path) -> None:
    need_torch()
    import importlib.util

    if importlib.util.find_spec("wandb") is not None:
        pytest.skip("wandb is installed")
    words = ("--train-file", file("sft", row(1)), "--set", "use_wandb=true", "--output", tmp_path / "run")
    assert practicum("train", "sft", *words).refusal.endswith("pip install 'practicum[wandb]'")


def test_online_grpo_asks_for_an_environment(practicum: Practicum) -> None:
    need_torch()
    assert "name the environment with --env" in practicum("train", "grpo", "--mode", "online").refusal


def test_online_grpo_plays_and_logs(practicum: Practicum, tmp_path: Path) -> None:
    more = ("--mode", "online", "--env", "flight", "--output", tmp_path / "run", "--set", "rollout_size=1")
    sizes = ("--set", "num_generations=2", "--set", "max_completion_length=20", "--set", "horizon=2")
    assert train(practicum, "grpo", *more, *sizes)["steps"] == 2
    played = json.loads(practicum("sessions", "--json").out)
    assert len(played) == 4
