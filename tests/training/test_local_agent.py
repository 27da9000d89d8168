"""Local agents: their calls, their conversations, and what they write token by token."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import Episode, find
from practicum.envs.errors import UsageError
from practicum.envs.registry import environments
from practicum.training.agents import AgentInference, Decision, LocalAgent, Playing, Tool, agent_kind
from practicum.training.agents.local import decide_together
from practicum.training.llm import ModelFailed, ModelSettings, ModelShelf
from practicum.training.models.choosing import Constrained, Free, Limits, best_first, perturbed
from practicum.training.models.grammar import object_of
from practicum.training.rollouts import Stage, roll_out
from practicum.training.transcripts import answer_message, call_message, opening_messages
from tests.requirements import need_torch

need_torch()

import torch  # noqa: E402  # only where it is installed

from practicum.training.models import load  # noqa: E402
from practicum.training.models.call_form import CallForm  # noqa: E402
from practicum.training.models.symbols import Alphabet  # noqa: E402
from practicum.training.models.writer import Writer, WriterSettings  # noqa: E402

FLIGHT = find("flight")
LOADED = load("tiny-random", seed=1)
ALPHABET = Alphabet.of(LOADED.tokenizer)
FORM = CallForm.of(LOADED.tokenizer)
FEW = Limits(reply=60, thought=12)


def _tools(env):
    return [Tool.of(action) for action in env.actions.values()]


class RandomModel:
    """Logits without sense, and now and then a token that it insists on."""

    def __init__(self, seed: int, insists_on: int | None = None) -> None:
        self._random = np.random.default_rng(seed)
        self._insists_on = insists_on

    def logits(self) -> np.ndarray:
        found = self._random.normal(scale=5, size=len(ALPHABET.tokens)).astype(np.float32)
        if self._insists_on is not None:
            found[self._insists_on] = 30
        return found


def _written(node, model, limits=FEW, temperature=0.0):
    chooser = Constrained(node, ALPHABET, limits, temperature=temperature, random=np.random.default_rng(0))
    ids = []
    while not chooser.done:
        ids.append(chooser.choose(model.logits()))
    return ids


@given(
    st.sampled_from(environments()[0]),
    st.integers(0, 2**32),
    st.none() | st.integers(0, len(ALPHABET.tokens) - 1),
    st.builds(Limits, reply=st.integers(1, 80), thought=st.integers(0, 20)),
    st.sampled_from([0.0, 1.0]),
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_model_a_constrained_reply_is_a_call_that_its_tool_takes(
    env, seed, insists_on, limits, temperature
):
    tools = _tools(env)
    ids = _written(FORM.grammar(tools, ALPHABET), RandomModel(seed, insists_on), limits, temperature)
    text = LOADED.tokenizer.decode(ids)

    call = FORM.read(text)
    assert text.endswith("<|end|>")
    assert call is not None
    schema = {tool.name: tool.schema for tool in tools}[call.tool]
    jsonschema.validate(dict(call.arguments), dict(schema))


SCALARS = st.sampled_from(
    [{"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}]
) | st.lists(st.text() | st.integers(), min_size=1, max_size=3, unique_by=repr).map(
    lambda some: {"enum": some}
)
MEMBERS = SCALARS | SCALARS.map(lambda item: {"type": "array", "items": item})


@given(
    st.dictionaries(st.text(max_size=5), st.tuples(MEMBERS, st.booleans()), max_size=4), st.integers(0, 2**32)
)
@settings(max_examples=150, deadline=None)
def test_constrained_objects_fit_any_flat_schema(members, seed):
    schema = {
        "type": "object",
        "properties": {name: member for name, (member, _) in members.items()},
        "required": [name for name, (_, needed) in members.items() if needed],
        "additionalProperties": False,
    }
    written = LOADED.tokenizer.decode(_written(object_of(schema), RandomModel(seed)))

    jsonschema.validate(json.loads(written), schema)


JSON = st.recursive(
    st.text() | st.integers(-(10**14), 10**14) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@given(
    st.dictionaries(st.sampled_from(["text", "number", "sure"]), st.none()), st.text(), st.integers(-999, 999)
)
@settings(deadline=None)
def test_what_json_writes_is_never_refused(order, text, number):
    values = {"text": text, "number": number, "sure": True}
    schema = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "number": {"type": "integer"},
            "sure": {"type": "boolean"},
        },
    }
    said = json.dumps({name: values[name] for name in order}, ensure_ascii=False)
    node = object_of(schema)
    if "\\u" not in said:
        for byte in said.encode():
            node = node.after(byte)
            assert node is not None
        assert node.ended


def test_constrained_sampling_draws_as_the_model_has_it_among_what_is_allowed():
    node = object_of({"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]})
    for byte in b'{"sure": ':
        node = node.after(byte)
    yes, no = (LOADED.tokenizer.convert_tokens_to_ids(letter) for letter in "tf")
    logits = np.full(len(ALPHABET.tokens), 9, dtype=np.float32)
    logits[yes], logits[no] = np.log(3), np.log(1)
    random = np.random.default_rng(0)

    drawn = [
        Constrained(node, ALPHABET, FEW, temperature=1.0, random=random).choose(logits) for _ in range(400)
    ]

    assert set(drawn) == {yes, no}
    assert 0.68 < drawn.count(yes) / 400 < 0.82


@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=200))
@settings(deadline=None)
def test_tokens_are_tried_best_first(scores):
    tried = list(best_first(np.array(scores, dtype=np.float32)))

    assert sorted(tried) == list(range(len(scores)))
    assert [scores[token] for token in tried] == sorted(scores, reverse=True)


def test_a_temperature_of_zero_draws_nothing():
    logits = np.array([0.1, 3.0, 2.9], dtype=np.float32)

    assert perturbed(logits, 0.0, None) is logits
    assert Free(frozenset({1}), FEW).choose(logits) == 1


def _played(settings_, steps=4, seed=0, task=1, **agent):
    writer = Writer(LOADED, settings_)
    playing = Playing(
        Episode(FLIGHT(), FLIGHT.make_task(task)), LocalAgent(writer, seed=seed, **agent), max_steps=steps
    )
    playing.play()
    return playing


def _calls(playing):
    return [(step.tool, dict(step.arguments), step.thought) for step in playing.steps]


def test_a_kept_cache_changes_nothing():
    kept, forgotten = (_played(WriterSettings(limits=FEW, keep_cache=keep)) for keep in (True, False))

    assert _calls(kept) == _calls(forgotten)
    for one, other in zip(kept.written.values(), forgotten.written.values(), strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


def test_agents_that_write_together_write_as_alone():
    tasks = [FLIGHT.make_task(seed) for seed in (1, 2, 3)]
    alone = [_played(WriterSettings(limits=FEW), task=task.seed) for task in tasks]
    writer = Writer(LOADED, WriterSettings(limits=FEW))
    agents = [LocalAgent(writer) for _ in tasks]
    episodes = [Episode(FLIGHT(), task) for task in tasks]
    for agent, episode in zip(agents, episodes, strict=True):
        agent.begin(episode.task.instruction, episode.opening.text, _tools(FLIGHT))

    told = [(None, None)] * 3
    steps = [[], [], []]
    for _ in range(4):
        for place, decision in enumerate(decide_together(agents, told)):
            steps[place].append(
                episodes[place].act(decision.tool, decision.arguments, thought=decision.thought)
            )
        told = [(some[-1].text, some[-1].error) for some in steps]

    assert [[(s.tool, dict(s.arguments)) for s in some] for some in steps] == [
        [(s.tool, dict(s.arguments)) for s in playing.steps] for playing in alone
    ]


def test_the_logprobs_are_those_of_the_model():
    written = _played(WriterSettings(limits=FEW)).written[2]
    ids = torch.tensor([[*written.prompt_ids, *written.ids]])
    with torch.no_grad():
        expected = torch.log_softmax(LOADED.model(ids).logits[0].double(), dim=-1)
    first = len(written.prompt_ids) - 1

    assert written.logprobs == pytest.approx(
        [float(expected[first + place, id_]) for place, id_ in enumerate(written.ids)], abs=1e-4
    )


def test_drawn_replies_follow_from_the_seed():
    drawing = WriterSettings(temperature=1.0, limits=FEW)
    one, same, other = (_calls(_played(drawing, steps=2, seed=seed)) for seed in (1, 1, 2))

    assert one == same
    assert one != other


def test_an_agent_reads_what_rows_hold_byte_for_byte():
    playing = _played(WriterSettings(limits=FEW), steps=3)
    opening = playing.episode.opening
    messages = opening_messages(opening.task.instruction, opening.text)
    for number, step in enumerate(playing.steps[:2], 1):
        messages.append(call_message(number, step.tool, step.arguments, step.thought))
        messages.append(answer_message(number, step.tool, step.text))
    tools = [
        {
            "type": "function",
            "function": {"name": t.name, "description": t.description, "parameters": t.schema},
        }
        for t in _tools(FLIGHT)
    ]
    text = LOADED.tokenizer.apply_chat_template(
        messages, tools=tools, add_generation_prompt=True, tokenize=False
    )

    assert LOADED.tokenizer.decode(playing.written[3].prompt_ids) == text


def test_a_model_that_writes_no_call_is_asked_again_and_then_fails():
    agent = LocalAgent(Writer(LOADED, WriterSettings(free=True, limits=Limits(reply=4))))
    agent.begin("Store it.", "parcel P0", _tools(FLIGHT))

    with pytest.raises(ModelFailed, match="tiny-random gave 3 replies without a call"):
        agent.decide("parcel P0")
    assert agent.unreadable == 3


def test_what_others_did_before_is_in_the_conversation():
    agent = LocalAgent(Writer(LOADED, WriterSettings(limits=FEW)))
    agent.begin("Store it.", "parcel P0", _tools(FLIGHT))
    agent.follow(Decision("restart", {}, "Anew."), "view cart", None)
    agent.follow(Decision("abort"), None, "not now")
    agent.decide("ignored")

    text = LOADED.tokenizer.decode(agent.written.prompt_ids)
    assert "<|assistant|>Anew.<|call|>restart {}<|end|><|tool|>view cart<|end|>" in text
    assert "<|call|>abort {}<|end|><|tool|>Error: not now<|end|><|assistant|>" in text


def test_a_checkpoint_plays_by_its_name(tmp_path):
    LOADED.save(tmp_path / "checkpoint")
    kind = agent_kind(f"local:{tmp_path / 'checkpoint'}")

    rollout = roll_out(
        Stage(env=FLIGHT, max_steps=2), FLIGHT.make_task(1), kind.make("flight-v1", 0, 0.0), "local"
    )

    assert rollout.failure is None
    assert len(rollout.steps) == 2
    assert not kind.uses_skills


def test_free_writing_is_a_setting_of_the_run():
    shelf = ModelShelf(ModelSettings(free=True))
    agent = agent_kind("skilled-local:tiny-random", shelf).make("flight-v1", 0, 0.0)

    assert agent.writer.settings.free
    assert agent_kind("skilled-local:tiny-random", shelf).uses_skills


def test_an_unknown_local_model_is_told():
    with pytest.raises(UsageError, match="no model 'tini'; did you mean 'tiny'"):
        agent_kind("local:tini").make("flight-v1", 0, 0.0)


def test_an_agent_is_made_from_a_checkpoint_with_a_system_prompt(tmp_path):
    LOADED.save(tmp_path / "checkpoint")
    inference = AgentInference.from_pretrained(tmp_path / "checkpoint", settings=WriterSettings(limits=FEW))
    agent = inference.create_agent(system_prompt="Be brief. {instruction}")
    agent.begin("Store it.", "parcel P0", _tools(FLIGHT))
    agent.decide("parcel P0")

    assert "<|system|>Be brief. Store it.<|end|>" in LOADED.tokenizer.decode(agent.written.prompt_ids)
