"""Tasks that a chat model proposes at once, and a committee that a chat model sits on."""

from __future__ import annotations

from dataclasses import replace

from practicum.envs.errors import UsageError
from practicum.envs.retail.world import World
from practicum.training.llm import ChatModel
from practicum.training.tasks.asking import asked, calls_in, material, texts_in, told_of, tool_list
from practicum.training.tasks.committee import Review
from practicum.training.tasks.proposals import Assignment, NoProposal, drawn, metadata_of
from practicum.training.tasks.records import TaskRecord

PROPOSE = """\
You write tasks for the service desk of a shop. You are told a scenario, the tools of the desk, and \
records of one customer. Write a task that this customer may have, and the calls that fulfil it.

- q: what the customer knows and wants, addressed to whoever plays them as "you": their name, their \
e-mail address or zip code, the order, the items by name and options, the reason, payment method or \
address that the calls need. Never ids of items or products.
- agt: the calls in order: first find the customer, then look up what is needed, then change it. \
Arguments are exact.
- ogt: what the customer must be told, each as short as it is in the records; empty where nothing is \
asked.
- Where you are given feedback, the proposal that was turned down stands beside it: make a better one.

Answer with one JSON object and nothing else: {"q": "...", "agt": [{"name": "...", "arguments": \
{}}], "ogt": ["..."]}"""
REVIEW = """\
You sit on the committee that reviews tasks for the service desk of a shop. Look at the task only \
for this: {eye}
Answer with one JSON object and nothing else: {{"approve": true, "reason": "..."}}"""
EYES = {
    "story": "Can the customer, from what q says, tell all that the calls need, and does it sound real?",
    "plan": "Are the calls those of a careful agent: nothing needless, nothing missing, in order?",
    "match": "Do agt and ogt fulfil what q wants, all of it and nothing else?",
    "policy": "Is the customer identified before all else, and each order changed once?",
    "clarity": "Is there exactly one right way to fulfil q, so that another outcome would be wrong?",
}
"""What each reviewer looks at; where there are more, they begin anew."""


class ChatProposer:
    """A chat model that writes a task in one answer.

    Args:
        model: that writes.
        world: whose records it is shown.
    """

    def __init__(self, model: ChatModel, world: World) -> None:
        self._model = model
        self._world = world

    def propose(self, assignment: Assignment) -> TaskRecord:
        """A task for an assignment.

        Raises:
            NoProposal: the model's answer is no task.
            ModelUnavailable: it cannot be asked.
        """
        request = drawn(self._world, replace(assignment, attempt=0))
        question = {"tools": tool_list(), **told_of(assignment), "records": material(self._world, request)}
        answer = asked(self._model, PROPOSE, question)
        return record_in(answer, assignment, request.user_id, method="direct", turns=1)


def record_in(
    answer: dict[str, object], assignment: Assignment, user_id: str, *, method: str, turns: int
) -> TaskRecord:
    """The task that a model has written.

    Raises:
        NoProposal: it is none.
    """
    metadata = metadata_of(assignment, method=method, turns=turns) | {"user_id": user_id}
    calls, outputs = calls_in(answer.get("agt")), texts_in(answer.get("ogt", []))
    row = {"q": answer.get("q"), "agt": list(calls), "ogt": list(outputs), "metadata": metadata}
    try:
        return TaskRecord.from_json(row)
    except UsageError as error:
        raise NoProposal("reply", str(error)) from None


class ChatCommittee:
    """Reviewers who are a chat model, each asked alone and with an eye of its own.

    Args:
        model: that reviews.
        size: how many of them.
    """

    def __init__(self, model: ChatModel, size: int = 3) -> None:
        self._model = model
        names = list(EYES)
        self._seats = [names[place % len(names)] for place in range(size)]

    def review(self, record: TaskRecord) -> list[Review]:
        """What each of them says; one whose answer cannot be read does not approve.

        Raises:
            ModelUnavailable: the model cannot be asked.
        """
        return [self._review(name, record) for name in self._seats]

    def _review(self, name: str, record: TaskRecord) -> Review:
        task = {"q": record.q, "agt": list(record.agt), "ogt": list(record.ogt)}
        try:
            answer = asked(
                self._model, REVIEW.format(eye=EYES[name]), {"scenario": record.scenario, "task": task}
            )
        except NoProposal as error:
            return Review(name, False, str(error))
        return Review(name, answer.get("approve") is True, str(answer.get("reason", "")))
