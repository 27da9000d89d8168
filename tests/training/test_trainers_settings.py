"""The settings of a run: their layers, what they refuse, and the files that come with them."""

from __future__ import annotations

import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from practicum.envs.errors import UsageError
from practicum.training.trainers import METHODS, layered
from practicum.training.trainers.layers import CONFIGS, DEFAULT, presets, prompt

ROOT = Path(__file__).resolve().parents[2]
SIX = (
    "agent_format", "mask_observations", "step_weighted_loss", "chunk_long_trajectories", "curriculum",
    "step_level_advantage",
)  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_every_setting_has_its_default_in_one_file(method: str) -> None:
    found = layered(method)
    assert set(found.sources.values()) == {DEFAULT}
    assert set(found.as_json()) == {field.name for field in fields(METHODS[method])}


def test_later_layers_win_and_each_value_says_where_it_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("batch_size: 3\nlora_rank: 32\nsft: {lm_lr: 5.0e-5}\ndpo: {lm_lr: 1.0}\n")
    found = layered("sft", preset="smollm2", file=file, given={"batch_size": "7"}).as_json()
    assert found["batch_size"] == {"value": 7, "from": "command line"}
    assert found["lora_rank"] == {"value": 32, "from": str(file)}
    assert found["lm_lr"] == {"value": 5e-5, "from": str(file)}
    assert found["policy_lm"] == {"value": "smollm2", "from": "preset smollm2"}
    assert found["seed"] == {"value": 0, "from": "default.yaml"}


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("value", [True, False])
def test_each_enhancement_is_one_switch(name: str, value: bool) -> None:
    found = layered("grpo", given={name: value, "scores": True})
    assert getattr(found.settings, name) is value


@pytest.mark.parametrize("name", presets())
@pytest.mark.parametrize("method", METHODS)
def test_every_preset_holds_for_every_method(name: str, method: str) -> None:
    assert f"preset {name}" in layered(method, preset=name).sources.values()


@pytest.mark.parametrize(
    ("method", "given", "said"),
    [
        ("sft", {"lm_rl": 1}, "there is no setting 'lm_rl'; did you mean 'lm_lr'?"),
        ("sft", {"beta": 0.1}, "sft has no setting 'beta'; it is a setting of dpo, grpo"),
        ("sft", {"wandb_key": "x"}, "looks like a secret; set it in the environment: WANDB_API_KEY"),
        ("sft", {"batch_size": 0}, "batch_size is 0, expected greater than or equal to 1"),
        ("sft", {"lm_lr": "fast"}, "lm_lr is 'fast', expected a valid number"),
        ("grpo", {"reward": "fame"}, "reward is 'fame', expected 'environment', 'rules' or 'matching'"),
        ("sft", {"step_weighted_loss": True}, "set scores to true"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(method: str, given: dict, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        layered(method, given=given)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["- 1", "a: [", "sft: 3"])
def test_a_file_that_holds_no_settings_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"run\.yaml"):
        layered("sft", file=file)
    with pytest.raises(UsageError, match="cannot read the settings file"):
        layered("sft", file=tmp_path / "none.yaml")


def test_a_prompt_is_named_by_its_file(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("Be brief. {instruction}\n")
    assert prompt("agent.txt") == "{instruction}"
    assert prompt(str(own)) == "Be brief. {instruction}"
    with pytest.raises(UsageError, match=r"agent_prompt 'none.txt': .* there are agent.txt, brief.txt"):
        prompt("none.txt")


def test_accelerate_reads_every_configuration() -> None:
    config_args = pytest.importorskip(
        "accelerate.commands.config.config_args", reason="training needs its stack: make install-train"
    )
    kinds = {}
    for file in sorted((CONFIGS / "accelerate").glob("*.yaml")):
        loaded = config_args.load_config_from_file(str(file))
        kinds[file.stem] = str(loaded.distributed_type.value)
        if file.stem == "fsdp":
            assert loaded.fsdp_config["fsdp_version"] == 2
        if file.stem == "deepspeed":
            assert loaded.deepspeed_config["zero_stage"] == 3
    assert kinds == {"ddp": "MULTI_GPU", "ddp_cpu": "MULTI_CPU", "deepspeed": "DEEPSPEED", "fsdp": "FSDP"}


def test_the_slurm_example_is_a_script_that_asks_for_what_it_uses() -> None:
    script = ROOT / "examples" / "train.slurm"
    subprocess.run(["bash", "-n", str(script)], check=True)
    asked = dict(
        line.removeprefix("#SBATCH --").split("=", 1)
        for line in script.read_text(encoding="utf-8").splitlines()
        if line.startswith("#SBATCH")
    )
    assert asked["nodes"] == "1"
    assert asked["gpus-per-node"].isdigit()
    assert yaml.safe_load(asked["time"]) is not None
    assert asked["output"].endswith(".log")
