"""The pipeline: scenario, proposal, validation, committee, and feedback for the next try."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from practicum.envs.errors import UsageError, nearest
from practicum.envs.retail.scenarios import SCENARIOS
from practicum.envs.retail.world import open_world
from practicum.training.llm import ChatModel
from practicum.training.tasks.agentflow import AgentflowProposer, RuleParts
from practicum.training.tasks.chat_flow import ChatParts
from practicum.training.tasks.chat_proposals import ChatCommittee, ChatProposer
from practicum.training.tasks.committee import Committee, RuleCommittee, approval, has_majority
from practicum.training.tasks.configs import folder_of
from practicum.training.tasks.proposals import (
    Assignment,
    NoProposal,
    Proposer,
    RuleProposer,
    ends_of,
    scenario_at,
)
from practicum.training.tasks.records import TaskRecord, checked, key_of
from practicum.training.tasks.validation import validate

logger = logging.getLogger(__name__)

Mode = Literal["direct", "agentflow"]
MODES: tuple[Mode, ...] = ("direct", "agentflow")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How tasks are made."""

    mode: Mode = "direct"
    """`direct` proposes a task at once, `agentflow` over turns."""
    turns: int = 5
    """Of agentflow, at most."""
    max_iterations: int = 3
    """Proposals for one task."""
    committee_size: int = 3
    user_ids: bool = True
    """Whether users, and what belongs to them, are checked."""
    seed: int = 0
    data: str = ""
    """Folder of the world; empty for the shipped one."""
    scenarios: Sequence[str] = SCENARIOS
    """That the tasks are spread over."""

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return {**asdict(self), "scenarios": list(self.scenarios)}


@dataclass(frozen=True)
class Rejection:
    """Why a proposal was turned down."""

    kinds: tuple[str, ...]
    """Kinds of faults, `committee_NAME` of reviewers, or what a proposer failed with."""
    feedback: tuple[str, ...]
    """What the next try is told."""
    proposal: TaskRecord | None = None
    """What was turned down; None where nothing was proposed."""

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        proposal = self.proposal and self.proposal.as_json()
        return {"kinds": list(self.kinds), "feedback": list(self.feedback), "proposal": proposal}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Rejection:
        """Read what `as_json` wrote."""
        proposal = row["proposal"] and TaskRecord.from_json(row["proposal"])
        return cls(tuple(row["kinds"]), tuple(row["feedback"]), proposal)


@dataclass(frozen=True)
class Attempt:
    """What came of one place in a run."""

    number: int
    scenario: str
    record: TaskRecord | None
    """None where no proposal passed."""
    rejections: tuple[Rejection, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        turned_down = [rejection.as_json() for rejection in self.rejections]
        record = self.record and self.record.as_json()
        return {"number": self.number, "scenario": self.scenario, "record": record, "rejections": turned_down}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Attempt:
        """Read what `as_json` wrote."""
        turned_down = tuple(map(Rejection.from_json, row["rejections"]))
        record = row["record"] and TaskRecord.from_json(row["record"])
        return cls(row["number"], row["scenario"], record, turned_down)


@dataclass
class Taken:
    """What the tasks that there are leave to no other."""

    keys: set[str] = field(default_factory=set)
    ends: set[str] = field(default_factory=set)

    @classmethod
    def by(cls, records: Iterable[TaskRecord]) -> Taken:
        """What these tasks leave to no other."""
        taken = cls()
        for record in records:
            taken.add(record)
        return taken

    def add(self, record: TaskRecord) -> None:
        """Take what a task has."""
        self.keys.add(key_of(record.agt))
        if record.agt:
            self.ends.add(ends_of(record.agt))


class Pipeline:
    """Makes the tasks of a run, one number after the other.

    Args:
        recipe: how.
        model: writes proposals and reviews them; None goes by rules and needs no network.

    Raises:
        UsageError: the world cannot be read, or the recipe cannot be followed.
    """

    def __init__(self, recipe: Recipe, model: ChatModel | None = None) -> None:
        _check(recipe)
        self._scenarios = tuple(each for each in SCENARIOS if each in recipe.scenarios)
        self.recipe = recipe
        self._proposer = _proposer(recipe, model)
        self._committee = _committee(recipe, model)

    def make(self, number: int, taken: Taken | None = None) -> Attempt:
        """Propose and check until a task passes or the tries are used up.

        Args:
            number: place in the run, from 0.
            taken: what the tasks that there are leave to no other.
        """
        taken = taken or Taken()
        scenario = scenario_at(number, self.recipe.seed, self._scenarios)
        assignment = Assignment(number, scenario, self.recipe.seed, taken=taken.ends)
        rejections: list[Rejection] = []
        for attempt in range(self.recipe.max_iterations):
            made = self._try(replace(assignment, attempt=attempt), taken.keys)
            if isinstance(made, TaskRecord):
                return Attempt(number, scenario, made, tuple(rejections))
            rejections.append(made)
            assignment = replace(assignment, feedback=made.feedback, turned_down=made.proposal)
        return Attempt(number, scenario, None, tuple(rejections))

    def _try(self, assignment: Assignment, others: Collection[str]) -> TaskRecord | Rejection:
        try:
            record = self._proposer.propose(assignment)
        except NoProposal as error:
            return Rejection((error.kind,), (str(error),))
        found = validate(record, data=self.recipe.data, user_ids=self.recipe.user_ids, others=others)
        if not found.valid:
            report = found.as_json()
            return Rejection(found.kinds, (*report["missing"], *report["suggestions"]), record)
        reviews = self._committee.review(record)
        if not has_majority(reviews):
            against = [review for review in reviews if not review.approves]
            kinds = tuple(dict.fromkeys(f"committee_{review.reviewer}" for review in against))
            return Rejection(kinds, tuple(review.reason for review in against), record)
        metadata = {**record.metadata, "confidence": round(approval(reviews), 2)}
        return checked(replace(record, metadata=metadata), found.as_json())


def generate(
    world: str | Path = "", n: int = 3, *, model: ChatModel | None = None, **recipe: Any
) -> list[TaskRecord]:
    """Make tasks: those that passed, in order, at most `n`.

    Args:
        world: folder of the records; empty for the shipped ones, which `envs/retail` means too.
        n: how many are tried.
        model: as in `Pipeline`.
        recipe: as in `Recipe`, such as `mode="agentflow"`.

    Raises:
        UsageError: as `Pipeline`.
    """
    pipeline = Pipeline(Recipe(data=folder_of(world), **recipe), model)
    return [attempt.record for attempt in attempts(pipeline, range(n)) if attempt.record is not None]


def attempts(
    pipeline: Pipeline, numbers: Iterable[int], finished: Iterable[Attempt] = ()
) -> Iterator[Attempt]:
    """The attempts of some numbers, those that are finished as they are; no two have equal gold calls."""
    done = {attempt.number: attempt for attempt in finished}
    taken = Taken.by(attempt.record for attempt in done.values() if attempt.record is not None)
    for number in numbers:
        attempt = done.get(number)
        if attempt is None:
            attempt = pipeline.make(number, taken)
            _log(attempt)
        if attempt.record is not None:
            taken.add(attempt.record)
        yield attempt


def _log(attempt: Attempt) -> None:
    for tried, rejection in enumerate(attempt.rejections, 1):
        logger.debug("task %d, try %d: %s", attempt.number, tried, "; ".join(rejection.feedback))
    end = "given up" if attempt.record is None else "made"
    logger.info(
        "task %d, %s: %s; %d turned down", attempt.number, attempt.scenario, end, len(attempt.rejections)
    )


@dataclass(frozen=True)
class Statistics:
    """How a run went."""

    asked: int
    made: int
    proposals: int
    """Those that passed and those that were turned down."""
    scenarios: Mapping[str, int] = field(default_factory=dict)
    """Tasks that were made, by scenario."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Why proposals were turned down, the most frequent first."""
    failed: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Numbers for which no proposal passed, and why the last did not."""

    @classmethod
    def of(cls, run: Iterable[Attempt]) -> Statistics:
        """The statistics of a run."""
        all_of_it = list(run)
        made = [attempt for attempt in all_of_it if attempt.record is not None]
        rejections = [rejection for attempt in all_of_it for rejection in attempt.rejections]
        by_scenario = Counter(attempt.scenario for attempt in made)
        return cls(
            asked=len(all_of_it),
            made=len(made),
            proposals=len(made) + len(rejections),
            scenarios={name: by_scenario[name] for name in SCENARIOS},
            reasons=dict(Counter(kind for each in rejections for kind in each.kinds).most_common()),
            failed={a.number: a.rejections[-1].feedback for a in all_of_it if a.record is None},
        )

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return {
            "asked": self.asked,
            "made": self.made,
            "proposals": self.proposals,
            "scenarios": dict(self.scenarios),
            "reasons": dict(self.reasons),
            "failed": {str(number): list(why) for number, why in self.failed.items()},
        }


def _check(recipe: Recipe) -> None:
    if recipe.mode not in MODES:
        raise UsageError(f"mode {recipe.mode!r}; expected {' or '.join(MODES)}")
    least = {"turns": recipe.turns, "max_iterations": recipe.max_iterations}
    for name, value in {**least, "committee_size": recipe.committee_size}.items():
        if value < 1:
            raise UsageError(f"{name} is {value}; expected 1 or more")
    if recipe.seed < 0:
        raise UsageError(f"seed is {recipe.seed}; expected 0 or more")
    unknown = [name for name in recipe.scenarios if name not in SCENARIOS]
    if unknown or not recipe.scenarios:
        what = f"no scenario {unknown[0]!r}{nearest(unknown[0], SCENARIOS)}" if unknown else "no scenarios"
        raise UsageError(f"{what}; there are {', '.join(SCENARIOS)}")


def _proposer(recipe: Recipe, model: ChatModel | None) -> Proposer:
    world = open_world(recipe.data)
    if recipe.mode == "direct":
        return RuleProposer(world) if model is None else ChatProposer(model, world)
    parts = RuleParts.maker(world) if model is None else ChatParts.maker(model, world)
    return AgentflowProposer(parts, turns=recipe.turns, data=recipe.data)


def _committee(recipe: Recipe, model: ChatModel | None) -> Committee:
    if model is not None:
        return ChatCommittee(model, recipe.committee_size)
    return RuleCommittee(open_world(recipe.data), recipe.committee_size, data=recipe.data)
