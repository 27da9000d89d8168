"""The enhancements: what is learned of a row, how it is cut, and in which order."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs.errors import UsageError
from practicum.training.enhance import (
    IGNORED,
    Block,
    Encoded,
    curriculum,
    encode,
    group_advantages,
    parts,
    step_level_advantage,
)
from practicum.training.transcripts import tool_schemas
from tests.requirements import need_torch
from tests.training.learned import TOOLS, row

need_torch()

from practicum.training.models import load  # noqa: E402  # only where it is installed
from practicum.training.models.writer import Conversation, Writer  # noqa: E402

LOADED = load("tiny-random", seed=3)
TOKENIZER = LOADED.tokenizer


def text(ids) -> str:
    return str(TOKENIZER.decode(list(ids)))


# agent_format, mask_observations ----------------------------------------------------------------------


def test_a_row_in_tokens_is_what_its_chat_template_writes() -> None:
    one = row(3)
    whole = TOKENIZER.apply_chat_template(list(one.messages), tools=list(one.tools), tokenize=False)
    encoded = encode(TOKENIZER, one)
    assert text(encoded.ids) == text(TOKENIZER(whole, add_special_tokens=False)["input_ids"])
    assert list(encoded.ids) == list(TOKENIZER(whole, add_special_tokens=False)["input_ids"])


def test_what_stands_before_a_call_is_what_the_model_is_given_in_play() -> None:
    import numpy as np

    one, writer = row(3), Writer(LOADED)

    class Listed:
        def __init__(self, schema) -> None:
            self.name, self.description = schema["function"]["name"], schema["function"]["description"]
            self.schema = schema["function"]["parameters"]

    listed = [Listed(schema) for schema in TOOLS.schemas]
    assert tuple(tool_schemas(listed)) == TOOLS.schemas
    encoded = encode(TOKENIZER, one)
    before = list(encoded.head)
    for number, block in enumerate(encoded.blocks):
        messages = list(one.messages[: 2 + 2 * number])
        assert before == writer.prompt(Conversation(listed, messages, np.random.default_rng(0)))
        before += [*block.said, *block.heard]


def test_only_what_the_model_says_carries_loss() -> None:
    one = row(3)
    (example,) = parts(encode(TOKENIZER, one), 10_000)
    learned = text(label for label in example.labels if label != IGNORED)
    said = "".join(
        f"because {n}{'<|call|>'}{tool} {arguments}<|end|>"
        for n, (tool, arguments) in enumerate(
            [("find", '{"city": "C1"}'), ("find", '{"city": "C2"}'), ("take", '{"id": "A"}')], 1
        )
    )
    assert learned == text(TOKENIZER(said, add_special_tokens=False)["input_ids"])
    assert all(label in (IGNORED, token) for token, label in zip(example.ids, example.labels, strict=True))


def test_without_the_mask_everything_carries_loss() -> None:
    encoded = encode(TOKENIZER, row(2))
    (example,) = parts(encoded, 10_000, mask=False)
    assert example.labels == example.ids == encoded.ids


def test_without_the_agent_format_a_row_is_plain_text_with_the_same_words() -> None:
    encoded = encode(TOKENIZER, row(2), agent_format=False)
    assert len(encoded.blocks) == 2
    assert "<|assistant|>" not in text(encoded.ids)
    assert "take" in text(encoded.blocks[1].said)
    assert "row A" not in text(encoded.blocks[0].said)
    assert "row" in text(encoded.blocks[0].heard)


def test_a_template_that_rewrites_what_it_wrote_is_refused() -> None:
    forgetful = load("tiny-random").tokenizer
    forgetful.chat_template = "{{ messages | length }}{{ messages[-1].content }}"
    with pytest.raises(UsageError, match="rewrites earlier messages"):
        encode(forgetful, row(2))


# chunk_long_trajectories ------------------------------------------------------------------------------

BLOCKS = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12)), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(BLOCKS, st.integers(0, 9), st.integers(21, 60), st.integers(0, 3))
def test_parts_learn_every_said_token_once_and_are_never_too_long(sizes, head, longest, overlap) -> None:
    ids = iter(range(10_000))
    encoded = Encoded(
        tuple(next(ids) for _ in range(head)),
        tuple(
            Block(tuple(next(ids) for _ in range(said)), tuple(next(ids) for _ in range(heard)))
            for said, heard in sizes
        ),
    )
    made = list(parts(encoded, longest, overlap=overlap))
    learned = [label for part in made for label in part.labels if label != IGNORED]
    assert learned == [token for block in encoded.blocks for token in block.said]
    for part in made:
        assert len(part.ids) <= longest
        assert part.ids[:head] == encoded.head
        assert len(part.ids) == len(part.labels) == len(part.weights) == len(part.steps)
        body = part.ids[head:]
        assert list(body) == list(range(body[0], body[0] + len(body)))  # consecutive: cut between calls alone


def test_a_part_is_what_the_template_writes_of_its_calls() -> None:
    one = row(4)
    encoded = encode(TOKENIZER, one)
    longest = len(encoded.head) + 2 * max(len(b.said) + len(b.heard) for b in encoded.blocks)
    first, second, *_ = parts(encoded, longest, overlap=1)
    calls = first.labels.count(TOKENIZER.eos_token_id)
    again = dataclasses.replace(
        one, messages=(*one.messages[:2], *one.messages[2 + 2 * (calls - 1) :]), weights=()
    )
    assert encode(TOKENIZER, again).ids[: len(second.ids)] == second.ids
    assert second.labels.count(TOKENIZER.eos_token_id) == 1  # the other is there for context


def test_a_call_that_does_not_fit_is_told_with_its_session() -> None:
    with pytest.raises(UsageError, match=r"session s7: its opening and call 1 alone .* raise max_length"):
        list(parts(encode(TOKENIZER, row(2, session="s7")), 20))


def test_without_chunks_the_first_part_is_all_there_is() -> None:
    encoded = encode(TOKENIZER, row(4))
    longest = len(encoded.ids) // 2
    assert [next(parts(encoded, longest))] == list(parts(encoded, longest, chunk=False))


# step_weighted_loss -----------------------------------------------------------------------------------


def test_each_said_token_has_the_weight_of_its_call() -> None:
    (example,) = parts(encode(TOKENIZER, row(2, weights=(0.25, 1.0))), 10_000)
    by_step = {step: set() for step in (-1, 0, 1)}
    for step, weight in zip(example.steps, example.weights, strict=True):
        by_step[step].add(weight)
    assert by_step == {-1: {0.0}, 0: {0.25}, 1: {1.0}}


# curriculum -------------------------------------------------------------------------------------------


def test_short_and_good_rows_come_first() -> None:
    rows = [row(4, "B"), row(1, "A"), row(4, "A"), row(1, "B")]
    ordered = curriculum(rows)
    assert ordered[0] is rows[1]
    assert ordered[-1] is rows[0]


@given(st.lists(st.integers(1, 5), max_size=12), st.integers(0, 4), st.integers(0, 3))
def test_stages_keep_every_row_and_never_pass_an_easier_stage(lengths, stages, seed) -> None:
    rows = [row(calls) for calls in lengths]
    staged = curriculum(rows, stages=stages, seed=seed)
    assert sorted(map(id, staged)) == sorted(map(id, rows))
    order = [each.calls for each in staged]
    bounds = [len(rows) * stage // stages for stage in range(stages + 1)] if stages else range(len(rows) + 1)
    pieces = [order[first:end] for first, end in pairwise(bounds)]
    pieces = [piece for piece in pieces if piece]
    assert all(max(one) <= min(next_) for one, next_ in pairwise(pieces))


# step_level_advantage ---------------------------------------------------------------------------------

SCORES = st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=9)


@given(st.floats(-3, 3), SCORES)
def test_the_mean_over_the_calls_is_the_advantage(advantage, rewards) -> None:
    shared = step_level_advantage(advantage, rewards)
    assert math.isclose(fmean(shared), advantage, rel_tol=1e-6, abs_tol=1e-9)
    assert all(each * advantage >= 0 for each in shared)


def test_praise_goes_to_the_best_call_and_blame_to_the_worst() -> None:
    assert step_level_advantage(1.0, [1.0, 0.5]) == pytest.approx([4 / 3, 2 / 3])
    assert step_level_advantage(-1.0, [1.0, 0.5]) == pytest.approx([0.0, -2.0])


def test_a_groups_advantages_are_its_standardised_rewards() -> None:
    found = group_advantages([1.0, 0.0, 0.0, 3.0])
    mean, spread = 1.0, math.sqrt((0 + 1 + 1 + 4) / 3)
    assert found == pytest.approx([(r - mean) / (spread + 1e-4) for r in (1.0, 0.0, 0.0, 3.0)])
    assert group_advantages([0.1, 0.1, 0.1]) == [0.0, 0.0, 0.0]
