"""The trainers on a model made on the spot: what their losses are, and what they leave behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from practicum.envs.errors import UsageError
from practicum.training.trainers import layered
from practicum.training.trainers.settings import TrainerSettings
from tests.requirements import need_torch
from tests.training.learned import group, pair, row

need_torch()

import torch  # noqa: E402  # only where it is installed

from practicum.training.enhance import IGNORED, group_advantages  # noqa: E402
from practicum.training.models import load  # noqa: E402
from practicum.training.trainers.dpo import train_dpo  # noqa: E402
from practicum.training.trainers.grpo import group_trainer, shared_out, train_groups  # noqa: E402
from practicum.training.trainers.merging import merge  # noqa: E402
from practicum.training.trainers.metrics import read_metrics  # noqa: E402
from practicum.training.trainers.runs import Attempt, Run, Trained, finish, train  # noqa: E402
from practicum.training.trainers.sft import train_sft  # noqa: E402
from practicum.training.trainers.tokens import Encoder  # noqa: E402

SHORT = {
    "policy_lm": "tiny-random", "batch_size": 2, "max_steps": 2, "logging_steps": 1, "warmup_steps": 0,
    "lr_scheduler": "constant", "lm_lr": 1e-3, "train_file": "given by the test",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def settings(method: str = "sft", **given: Any) -> Any:
    return layered(method, given=SHORT | given).settings


def weights(folder: Path | str) -> dict[str, torch.Tensor]:
    return dict(load(str(folder)).model.state_dict())


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def losses(folder: Path) -> list[float]:
    return [line["loss"] for line in read_metrics(folder) if "loss" in line]


def encoder(given: TrainerSettings, tell: Any = lambda line: None) -> Encoder:
    return Encoder(load("tiny-random").tokenizer, given.max_length or 8192, given, tell)


def mean_loss(rows: list[Any], given: TrainerSettings) -> float:
    """The weighted mean cross-entropy of the tokens that count, computed row by row, without TRL."""
    model = load("tiny-random").model
    total = mass = 0.0
    for example in encoder(given).of_rows(rows):
        with torch.no_grad():
            logprobs = model(input_ids=torch.tensor([example.ids])).logits[0].log_softmax(-1)
        for place in range(1, len(example.ids)):
            if example.labels[place] != IGNORED:
                total -= example.weights[place] * float(logprobs[place - 1, example.ids[place]])
                mass += example.weights[place]
    return total / mass


# SFT --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [True, False])
def test_the_loss_is_the_mean_over_what_counts(tmp_path: Path, mask: bool) -> None:
    rows, given = [row(2), row(4)], settings(max_steps=1, mask_observations=mask)
    train_sft(rows, given, Run(tmp_path / "run"))
    assert losses(tmp_path / "run") == pytest.approx([mean_loss(rows, given)], rel=1e-5)


def test_step_weights_scale_the_loss_of_their_calls_normalised_by_their_sum(tmp_path: Path) -> None:
    rows = [row(2, weights=(0.1, 0.9)), row(4, weights=(1.0, 0.0, 0.5, 0.2))]
    given = settings(max_steps=1, step_weighted_loss=True)
    train_sft(rows, given, Run(tmp_path / "run"))
    (found,) = losses(tmp_path / "run")
    assert found == pytest.approx(mean_loss(rows, given), rel=1e-5)
    assert found != pytest.approx(mean_loss(rows, settings()), rel=1e-3)


def test_step_weights_of_one_are_plain_training_by_trl(tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from practicum.training.trainers.runs import arguments

    rows, given = [row(2), row(4), row(1), row(3)], settings(step_weighted_loss=True, gradient_accumulation=2)
    ours = train_sft(rows, given, Run(tmp_path / "ours"))
    loaded = load("tiny-random")
    lines = [{"input_ids": e.ids, "labels": e.labels} for e in encoder(given).of_rows(rows)]
    attempt = Attempt(tmp_path / "plain", given.batch_size, given.gradient_accumulation)
    plain = SFTTrainer(
        model=loaded.model.train(),
        args=SFTConfig(
            **arguments(given, attempt), max_length=None, dataset_kwargs={"skip_prepare_dataset": True}
        ),
        train_dataset=Dataset.from_list(lines),
        processing_class=loaded.tokenizer,
    )
    plain.train()
    assert same(weights(ours.final), dict(plain.model.state_dict()))


def test_a_resumed_run_equals_an_unbroken_one(tmp_path: Path) -> None:
    rows = [row(calls) for calls in (1, 2, 3, 1, 2, 3)]
    given = settings(max_steps=4, save_steps=2, lr_scheduler="linear")
    unbroken = train_sft(rows, given, Run(tmp_path / "unbroken"))
    train_sft(rows, given, Run(tmp_path / "broken"))
    after = tmp_path / "broken" / "checkpoint-4"
    for path in sorted(after.rglob("*"), reverse=True):
        path.unlink()
    after.rmdir()
    told: list[str] = []
    resumed = train_sft(rows, given, Run(tmp_path / "broken", resume=True, tell=told.append))
    assert told == [f"going on from {tmp_path / 'broken' / 'checkpoint-2'}"]
    assert same(weights(unbroken.final), weights(resumed.final))
    assert losses(tmp_path / "unbroken") == losses(tmp_path / "broken")
    assert resumed.steps == 4


def test_a_run_leaves_checkpoints_settings_metrics_and_a_curve(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    run = Run(tmp_path / "run", progress=lambda done, total: steps.append((done, total)))
    trained = train_sft([row(2), row(1)], settings(), run)
    assert steps == [(1, 2), (2, 2)]
    assert trained.final == tmp_path / "run" / "final"
    assert trained.steps == 2
    assert {"checkpoint-2", "final", "metrics.jsonl", "settings.yaml", "curve.png"} <= {
        path.name for path in (tmp_path / "run").iterdir()
    }
    assert (tmp_path / "run" / "curve.png").read_bytes().startswith(b"\x89PNG")
    again = layered("sft", file=tmp_path / "run" / "settings.yaml").settings
    assert again == settings()
    assert load(str(trained.final)).tokenizer.chat_template == load("tiny-random").tokenizer.chat_template
    with pytest.raises(UsageError, match="holds a run already; go on with --resume"):
        train_sft([row(2)], settings(), Run(tmp_path / "run"))


def test_curriculum_and_chunks_reach_the_trainer(tmp_path: Path) -> None:
    rows = [row(6, "B"), row(1)]
    given = settings(curriculum=True, curriculum_stages=0, chunk_overlap=1, max_length=200)
    examples = encoder(given).of_rows(rows)
    assert len(examples) > 2
    assert len(examples[0].ids) == min(len(example.ids) for example in examples)
    trained = train_sft(rows, given, Run(tmp_path / "run"))
    assert trained.examples == len(examples)


def test_what_is_cut_off_is_told() -> None:
    told: list[str] = []
    given = settings(chunk_long_trajectories=False, max_length=150)
    encoder(given, told.append).of_rows([row(8), row(1)])
    (line,) = told
    assert "of 9 calls lie beyond max_length 150" in line


# LoRA -------------------------------------------------------------------------------------------------


def test_an_adapter_finds_its_model_and_merges_into_it(tmp_path: Path) -> None:
    trained = train_sft([row(2)] * 4, settings(lora=True, lora_rank=4), Run(tmp_path / "run"))
    adapter = json.loads((trained.final / "adapter_config.json").read_text())
    assert (adapter["base_model_name_or_path"], adapter["r"]) == ("tiny-random", 4)
    assert not (trained.final / "model.safetensors").exists()
    merged = merge(tmp_path / "run")
    assert merged == tmp_path / "run" / "merged_model"
    assert same(weights(merged), weights(trained.final))
    assert not same(weights(merged), dict(load("tiny-random").model.state_dict()))
    with pytest.raises(UsageError, match="is not empty"):
        merge(tmp_path / "run")
    with pytest.raises(UsageError, match="a whole model, which needs no merging"):
        merge(merged)


# DPO --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lora", [False, True])
def test_dpo_raises_the_better_way_over_the_worse_one(tmp_path: Path, lora: bool) -> None:
    given = settings("dpo", max_steps=6, lora=lora, lm_lr=1e-3)
    train_dpo([pair()] * 4, given, Run(tmp_path / "run"))
    margins = [line["rewards/margins"] for line in read_metrics(tmp_path / "run") if "loss" in line]
    assert margins[0] == pytest.approx(0, abs=1e-5)
    assert margins[-1] > 0


def test_dpo_counts_what_the_model_said_alone() -> None:
    (found,) = encoder(settings("dpo")).of_pairs([pair(3)])
    tokenizer = load("tiny-random").tokenizer
    said = tokenizer.decode([t for t, c in zip(found.chosen_ids, found.chosen_mask, strict=True) if c])
    assert said.count("because") == 3
    assert "row" not in said
    assert tokenizer.decode(found.prompt_ids).endswith("<|assistant|>")


def test_pairs_that_are_too_long_are_left_out_and_told() -> None:
    told: list[str] = []
    given = settings("dpo", max_length=150)
    assert len(encoder(given, told.append).of_pairs([pair(2), pair(9)])) == 1
    assert "1 of 2 pairs are longer than max_length 150" in told[0]
    with pytest.raises(UsageError, match="raise max_length"):
        encoder(given).of_pairs([pair(9)])


# GRPO offline -----------------------------------------------------------------------------------------


def test_offline_grpo_raises_what_was_rewarded_and_lowers_the_rest(tmp_path: Path) -> None:
    given = settings("grpo", max_steps=6, beta=0.0, lm_lr=3e-4)
    trained = train_groups([group((1.0, 0.0))] * 2, given, Run(tmp_path / "run"))

    def worth(model: Any) -> float:
        logps = []
        for each in encoder(given).of_groups([group((1.0, 0.0))]):
            ids = torch.tensor([each.prompt_ids + each.completion_ids])
            with torch.no_grad():
                logp = model(input_ids=ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
            logps.append(float((logp[len(each.prompt_ids) - 1 :] * torch.tensor(each.counts)).sum()))
        return logps[0] - logps[1]

    assert worth(load(str(trained.final)).model) > worth(load("tiny-random").model)


@pytest.mark.parametrize("beta", [0.0, 0.1])
def test_equal_rewards_in_a_group_leave_the_weights_alone(tmp_path: Path, beta: float) -> None:
    given, loaded = settings("grpo", beta=beta), load("tiny-random")
    examples = [each for _ in range(2) for each in encoder(given).of_group(group((0.5, 0.5)))]

    def attempt(this: Attempt) -> Trained:
        return finish(group_trainer(loaded, examples, given, this), loaded, this, len(examples))

    trained = train(Run(tmp_path / "run"), given, attempt)
    assert trained.steps == 2
    assert same(weights(trained.final), dict(load("tiny-random").model.state_dict()))


def test_groups_of_equal_rewards_are_left_out_and_told() -> None:
    told: list[str] = []
    found = encoder(settings("grpo"), told.append).of_groups([group((1.0, 0.0)), group((1.0, 1.0))])
    assert len(found) == 2
    assert told == ["1 of 2 groups have equal rewards and are left out"]
    with pytest.raises(UsageError, match="nothing to learn"):
        encoder(settings("grpo")).of_groups([group((1.0, 1.0))])


def test_each_said_token_has_its_sessions_advantage_and_each_heard_one_none() -> None:
    found = encoder(settings("grpo")).of_groups([group((1.0, 0.0, 0.0))])
    assert len(found) == 3
    for each, advantage in zip(found, group_advantages([1.0, 0.0, 0.0]), strict=True):
        assert {a for a, c in zip(each.advantages, each.counts, strict=True) if c} == {advantage}
        assert {a for a, c in zip(each.advantages, each.counts, strict=True) if not c} == {0.0}


def test_step_level_advantages_follow_the_process_rewards() -> None:
    scored = group((1.0, 0.0), step_rewards=((1.0, 0.5), (1.0, 0.5)))
    good, bad = encoder(settings("grpo", step_level_advantage=True)).of_groups([scored])
    first, second = sorted({a for a, c in zip(good.advantages, good.counts, strict=True) if c}, reverse=True)
    assert first == pytest.approx(2 * second)
    assert len({a for a, c in zip(bad.advantages, bad.counts, strict=True) if c}) == 2


def test_an_advantage_is_shared_out_over_the_messages_of_a_rollout() -> None:
    said = torch.tensor([[1, 1, 0, 1, 0, 0], [1, 0, 1, 1, 0, 1]])
    found = shared_out(torch.tensor([1.0, -1.0]), said, [[1.0, 0.5], [0.5, 0.5]])
    expected = [[4 / 3, 4 / 3, 0, 2 / 3, 0, 0], [-1, 0, -1, -1, 0, -1]]
    assert torch.allclose(found, torch.tensor(expected))


# What goes wrong --------------------------------------------------------------------------------------


def test_a_run_that_lacks_memory_goes_on_with_the_safe_batch_size(tmp_path: Path) -> None:
    tried, told = [], []

    def attempt(this: Attempt) -> Trained:
        tried.append((this.batch_size, this.accumulation))
        if this.batch_size > 2:
            torch.empty(2**60)
        return Trained(this.output / "final", 1, 1, None, 1.0, None)

    run = Run(tmp_path / "run", tell=told.append)
    train(run, settings(batch_size=8, safe_batch_size=2, gradient_accumulation=3), attempt)
    assert tried == [(8, 3), (2, 12)]
    assert told == ["not enough memory for batch_size 8: going on with 2"]
    with pytest.raises(UsageError, match=r"not enough memory .* lower batch_size .*safe_batch_size"):
        train(Run(tmp_path / "other"), settings(batch_size=8), attempt)


def test_a_context_beyond_the_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="max_length is 9000, and the model's positions reach 8192"):
        train_sft([row(1)], settings(max_length=9000), Run(tmp_path / "run"))


def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    import errno

    def attempt(this: Attempt) -> Trained:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UsageError, match="the disk is full"):
        train(Run(tmp_path / "run"), settings(), attempt)
