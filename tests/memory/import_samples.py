"""Records in the forms of other systems, written for these tests, and sessions told in those forms."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from practicum.envs import Episode, Step, find
from practicum.memory import Session, Sessions, Store
from practicum.memory.imports import Tally, destination, import_file
from practicum.training.agents import play_episode
from practicum.training.agents.retail_oracle import oracle_agent

POLICY = "# Ferry agent policy\n\nAsk for the booking before you change it."
BOOKING = {"booking": "FB12", "seats": 2, "harbours": ["Kiel", "Oslo"], "price": 81.5}
PLAN = [{"name": "move_booking", "kwargs": {"booking": "FB12", "day": "2026-05-04"}}]


def called(
    tool: str, arguments: Any, call_id: str = "call_oX1", content: str | None = None
) -> dict[str, Any]:
    """An assistant's message that calls a tool, as clients of OpenAI dump it."""
    function = {"arguments": json.dumps(arguments), "name": tool}
    call = {"function": function, "id": call_id, "type": "function"}
    return {"content": content, "role": "assistant", "tool_calls": [call], "function_call": None}


def said(words: str) -> dict[str, Any]:
    return {"content": words, "role": "assistant", "tool_calls": None, "function_call": None}


def written(thought: str, action: Any) -> dict[str, Any]:
    """An assistant's message that says what it does in words."""
    return {"role": "assistant", "content": f"Thought:\n{thought}\nAction:\n{json.dumps(action)}"}


def heard(words: str) -> dict[str, Any]:
    return {"role": "user", "content": words}


def seen(tool: str, content: str, call_id: str = "call_oX1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "name": tool, "content": content}


def tau_run(traj: Sequence[dict[str, Any]], *, reward: float = 1.0, **changed: Any) -> dict[str, Any]:
    """A run as τ-bench writes it."""
    task = {
        "user_id": "ida_holm_7",
        "actions": PLAN,
        "instruction": "You are Ida Holm. You want booking FB12 moved to May 4, and to hear its price.",
        "outputs": ["81.5"],
    }
    judged = {
        "reward": reward,
        "info": {"r_outputs": reward, "outputs": {"81.5": reward > 0}},
        "actions": PLAN,
    }
    info = {"task": task, "source": "user", "user_cost": 0.0021, "reward_info": judged}
    return {"task_id": 3, "reward": reward, "info": info, "traj": list(traj), "trial": 0, **changed}


FERRY = [
    {"role": "system", "content": POLICY},
    heard("Hi! Can you move my ferry to May 4?"),
    said("Gladly. Which booking is it?"),
    heard("FB12."),
    called("get_booking", {"booking": "FB12"}, content="I look it up first."),
    seen("get_booking", json.dumps(BOOKING)),
    called("move_booking", {"booking": "FB12", "day": "2026-05-44"}),
    seen("move_booking", "Error: there is no such day"),
    called("move_booking", {"booking": "FB12", "day": "2026-05-04"}),
    seen("move_booking", "moved"),
    said("It is moved to May 4; the price stays 81.5."),
    heard("Thank you so much! ###STOP###"),
]
TAU = tau_run(FERRY)
CUT_OFF = tau_run(FERRY[:-2], reward=0.0, trial=1)
CUT_OFF["info"] = {
    "task": CUT_OFF["info"]["task"],
    "source": "move_booking",
    "user_cost": None,
    "reward_info": None,
}
CRASHED = {
    "task_id": 4,
    "reward": 0.0,
    "info": {"error": "RateLimitError: slow down", "traceback": "Traceback (most recent call last): …"},
    "traj": [],
    "trial": 0,
}
WRITTEN = tau_run(
    [
        {
            "role": "system",
            "content": f"{POLICY}\n#Available tools\n[]\n# Instruction\nThought:\n…\nAction:\n{{…}}",
        },
        heard("Hi! Can you move my ferry to May 4?"),
        written("I need the booking.", {"name": "respond", "arguments": {"content": "Which?"}}),
        heard("FB12."),
        written("Look it up.", {"name": "get_booking", "arguments": {"booking": "FB12"}}),
        heard(f"API output: {json.dumps(BOOKING)}"),
        {"role": "assistant", "content": "Thought:\nI am done.\nAction:\nGoodbye."},
        heard("###STOP###"),
    ]
)

SHAREGPT = {
    "conversations": [
        {"from": "human", "value": "Can you move my ferry FB12 to May 4?"},
        {
            "from": "function_call",
            "value": json.dumps({"name": "get_booking", "arguments": {"booking": "FB12"}}),
        },
        {"from": "observation", "value": json.dumps(BOOKING)},
        {"from": "gpt", "value": "Shall I move it from Kiel to Oslo on May 4?"},
        {"from": "human", "value": "Yes please."},
        {"from": "function_call", "value": json.dumps(PLAN[0] | {"arguments": PLAN[0]["kwargs"]})},
        {"from": "observation", "value": "Error: the ferry is full"},
        {"from": "gpt", "value": "I am sorry, that ferry is full."},
    ],
    "system": POLICY,
    "tools": json.dumps(
        [
            {"name": "get_booking", "description": "Show a booking.", "parameters": {"type": "object"}},
            {"name": "move_booking", "description": "Move a booking.", "parameters": {"type": "object"}},
        ]
    ),
}


def write_json(path: Path, records: Iterable[Any], **how: Any) -> Path:
    path.write_text(json.dumps(list(records), **how), encoding="utf-8")
    return path


def write_lines(path: Path, records: Iterable[Any]) -> Path:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return path


def text_of(result: Any, error: str | None) -> str:
    """What a tool answered, as it stands in a record."""
    if error is not None:
        return f"Error: {error}"
    return result if isinstance(result, str) else json.dumps(result)


def as_tau(steps: Iterable[Step], opening: str, **run: Any) -> dict[str, Any]:
    """Steps of a session as a run of τ-bench."""
    traj = [{"role": "system", "content": POLICY}, heard(opening)]
    for step in steps:
        text = text_of(step.result, step.error)
        if step.tool == "respond":
            traj += [said(step.arguments["message"]), heard(text)]
        else:
            call_id = f"call_{step.turn}"
            traj += [called(step.tool, step.arguments, call_id, step.thought), seen(step.tool, text, call_id)]
    return tau_run(traj, **run)


def as_sharegpt(steps: Iterable[Step], opening: str) -> dict[str, Any]:
    """Steps of a session as a conversation in ShareGPT form."""
    turns = [{"from": "human", "value": opening}]
    for step in steps:
        text = text_of(step.result, step.error)
        if step.tool == "respond":
            turns.append({"from": "gpt", "value": step.arguments["message"]})
            turns.append({"from": "human", "value": text})
            continue
        call = {"name": step.tool, "arguments": step.arguments}
        turns.append({"from": "function_call", "value": json.dumps(call)})
        turns.append({"from": "observation", "value": text})
    return {"conversations": turns, "system": POLICY}


def visit(seed: int, **settings: Any) -> tuple[Episode, list[Step]]:
    """A visit to the service desk of the shipped world, served by the plan."""
    Retail = find("retail")
    task = Retail.make_task(seed, **settings)
    episode = Episode(Retail(), task)
    return episode, play_episode(episode, oracle_agent(task))


def tau_visit(seed: int, **settings: Any) -> dict[str, Any]:
    """Such a visit as τ-bench would have written it, the customer's last words included."""
    episode, steps = visit(seed, **settings)
    secret = episode.task.secret
    plan = [{"name": call["name"], "kwargs": call["arguments"]} for call in secret["actions"]]
    task = {name: secret[name] for name in ("user_id", "instruction", "outputs")} | {"actions": plan}
    run = as_tau(steps, episode.opening.observation, task_id=seed)
    run["traj"][-1]["content"] = "Thank you, bye! ###STOP###"
    run["info"]["task"] = task
    return run


Complaints = list[tuple[int, str]]


def imported(
    store: Store, *records: Any, env: str | None = None, complaints: Complaints | None = None, **options: Any
) -> Tally:
    form = options.pop("form", None)
    told: Complaints = [] if complaints is None else complaints
    text = io.StringIO(json.dumps(records))
    to = destination(env, **options)
    return import_file(store, text, to, form=form, complain=lambda line, why: told.append((line, why)))


def only(store: Store) -> tuple[Session, list[Step]]:
    sessions = Sessions(store)
    (session,) = sessions.list(None)
    return session, list(sessions.steps(session.id))


def told(steps: list[Step]) -> list[tuple[Any, ...]]:
    return [(step.tool, dict(step.arguments), step.result, step.error, step.thought) for step in steps]
