"""Examples beside plain rows: pairs to prefer one of, labelled completions, groups of one task."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, islice
from statistics import fmean
from typing import Any

from practicum.envs.episodes import compact_json
from practicum.training.datasets.row import NO_TOOLS, Row, Toolset
from practicum.training.transcripts import Message

Messages = tuple[Message, ...]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where an example came from."""

    toolset: Toolset = NO_TOOLS
    sessions: tuple[str | None, ...] = ()
    env: str | None = None
    task_hash: str | None = None
    split: str | None = None

    @classmethod
    def of(cls, *rows: Row) -> dict[str, Any]:
        """The fields, from rows of one task."""
        first, toolset = rows[0], rows[0].toolset
        for row in rows[1:]:
            toolset = toolset | row.toolset
        sessions = tuple(row.session for row in rows)
        return {
            "toolset": toolset, "sessions": sessions,
            "env": first.env, "task_hash": first.task_hash, "split": first.split,
        }  # fmt: skip

    @property
    def taught(self) -> Sequence[Any]:
        """What makes the example this one, beside its tools."""
        raise NotImplementedError

    @cached_property
    def hash(self) -> str:
        """32 hex digits over what it teaches and its tools."""
        text = compact_json(self.taught) + self.toolset.hash.encode()
        return hashlib.sha256(text).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class Pair(Origin):
    """Two ways on from one beginning, the first of which is better."""

    prompt: Messages
    chosen: Messages
    rejected: Messages
    kind: str = "preference"
    """What tells them apart: `outcome`, `score`, `return`, or what the preference that was given says."""
    margin: float | None = None
    """By how much."""

    @property
    def taught(self) -> Sequence[Any]:
        """Beginning and ways on."""
        return (self.prompt, self.chosen, self.rejected)


@dataclass(frozen=True, kw_only=True)
class Label(Origin):
    """A way on from a beginning, and whether it is wanted."""

    prompt: Messages
    completion: Messages
    label: bool

    @property
    def taught(self) -> Sequence[Any]:
        """Beginning, way on and label."""
        return (self.prompt, self.completion, self.label)


@dataclass(frozen=True, kw_only=True)
class Group(Origin):
    """The ways on that were taken from one beginning, each with its reward."""

    prompt: Messages
    completions: tuple[Messages, ...]
    rewards: tuple[float, ...]
    """The returns of the sessions."""
    step_rewards: tuple[tuple[float | None, ...], ...] = ()
    """The process rewards of each completion's calls; empty where none were asked for."""

    @property
    def taught(self) -> Sequence[Any]:
        """Beginning, ways on and rewards."""
        return (self.prompt, self.completions, self.rewards)


def value(row: Row) -> float:
    """What a session is worth: the mean of its process rewards, its return where it has none."""
    known = [score for score in row.scores if score is not None]
    return fmean(known) if known else row.total_reward or 0.0


# Pairs ------------------------------------------------------------------------------------------------


def session_pairs(group: Sequence[Row], *, gap: float, most: int) -> Iterator[Pair]:
    """Pairs of sessions of one task, those that differ most first: by outcome, else by value.

    Args:
        group: rows of one task.
        gap: values of sessions that came to the same end differ by so much at least.
        most: pairs at most.
    """
    found = [pair for two in combinations(group, 2) if (pair := _compared(*two, gap))]
    found.sort(key=lambda pair: (pair.kind != "outcome", -(pair.margin or 0.0)))
    return islice(found, most)


def _compared(one: Row, other: Row, gap: float) -> Pair | None:
    known = one.success is not None and other.success is not None
    if known and one.success != other.success:
        better, worse = (one, other) if one.success else (other, one)
        return pair_of(better, worse, kind="outcome", margin=1.0)
    better, worse = sorted((one, other), key=value, reverse=True)
    margin = value(better) - value(worse)
    if margin < gap or margin <= 0:
        return None
    return pair_of(better, worse, kind="score" if better.scores else "return", margin=margin)


def pair_of(better: Row, worse: Row, *, kind: str, margin: float | None) -> Pair | None:
    """The pair of two rows, from where they part; None where they do not begin alike, or do not part.

    Raises:
        ValueError: they are of different tasks.
    """
    if better.task_hash != worse.task_hash:
        raise ValueError(f"sessions {better.session} and {worse.session} are not of one task")
    cut = _parting(better.messages, worse.messages)
    chosen, rejected = better.messages[cut:], worse.messages[cut:]
    if cut < max(better.opening, 1) or not chosen or not rejected:
        return None
    prompt = better.messages[:cut]
    origin = Origin.of(better, worse)
    return Pair(prompt=prompt, chosen=chosen, rejected=rejected, kind=kind, margin=margin, **origin)


def _parting(one: Messages, other: Messages) -> int:
    """The place of the first calls in which two conversations differ, all before them being equal."""
    same = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        same += 1
    at_call = same < min(len(one), len(other)) and one[same]["role"] == other[same]["role"] == "assistant"
    return same if at_call else 0


def step_pairs(group: Sequence[Row], *, gap: float, most: int) -> Iterator[Pair]:
    """Pairs of next calls after equal beginnings, by what came of the sessions that went on with them.

    Args:
        group: rows of one task.
        gap: the mean values of the sessions differ by so much at least; where they came to different ends
            a right end is worth 1 and a wrong one 0.
        most: pairs at most, those that differ most first.
    """
    worth, kind = _worth(group)
    found = [
        pair
        for going_on in _branches(group)
        if len(going_on) > 1 and (pair := _best_against_worst(going_on, worth, kind, gap))
    ]
    return islice(sorted(found, key=lambda pair: -(pair.margin or 0.0)), most)


Worth = Callable[[Row], float]
Branch = list[tuple[Row, int]]
"""Sessions that went on with the same call, each with the place of the call's message."""


def _worth(group: Sequence[Row]) -> tuple[Worth, str]:
    if len({row.success for row in group}) > 1:
        return (lambda row: float(bool(row.success))), "outcome"
    return value, "score" if group and group[0].scores else "return"


def _branches(group: Sequence[Row]) -> Iterable[Mapping[str, Branch]]:
    """After each beginning, the calls with which sessions went on."""
    beginnings: dict[str, dict[str, Branch]] = {}
    for row in group:
        beginning = hashlib.sha256()
        for place, message in enumerate(row.messages):
            if message["role"] == "assistant":
                call = compact_json([each["function"] for each in message.get("tool_calls", ())]).decode()
                branches = beginnings.setdefault(beginning.hexdigest(), {})
                branches.setdefault(call, []).append((row, place))
            beginning.update(compact_json(message))
    return beginnings.values()


def _best_against_worst(going_on: Mapping[str, Branch], worth: Worth, kind: str, gap: float) -> Pair | None:
    means = sorted((fmean(worth(row) for row, _ in going_on[call]), call) for call in going_on)
    margin = means[-1][0] - means[0][0]
    if margin < gap or margin <= 0:
        return None
    better, place = max(going_on[means[-1][1]], key=lambda branch: worth(branch[0]))
    worse, _ = min(going_on[means[0][1]], key=lambda branch: worth(branch[0]))
    return Pair(
        prompt=better.messages[:place],
        chosen=(better.messages[place],),
        rejected=(worse.messages[place],),
        kind=kind,
        margin=margin,
        **Origin.of(better, worse),
    )


# Labels and groups ------------------------------------------------------------------------------------


def label_of(row: Row) -> Label | None:
    """A session as wanted or not; None where it is not known how it came out."""
    if row.success is None:
        return None
    prompt, completion = row.messages[: row.opening], row.messages[row.opening :]
    return Label(prompt=prompt, completion=completion, label=row.success, **Origin.of(row))


def groups_of(rows: Sequence[Row]) -> Iterator[Group]:
    """The groups of a task's sessions, by how they began; one alone is none."""
    by_beginning: dict[bytes, list[Row]] = {}
    for row in rows:
        by_beginning.setdefault(compact_json(row.messages[: row.opening]), []).append(row)
    for alike in by_beginning.values():
        if len(alike) > 1:
            yield Group(
                prompt=alike[0].messages[: alike[0].opening],
                completions=tuple(row.messages[row.opening :] for row in alike),
                rewards=tuple(row.total_reward or 0.0 for row in alike),
                step_rewards=tuple(row.scores for row in alike if row.scores),
                **Origin.of(*alike),
            )
