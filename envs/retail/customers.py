"""Who calls the service desk: a scripted customer, or one that is handed in under a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from practicum.envs.errors import UsageError, nearest
from practicum.envs.retail.tools.pending import REASONS
from practicum.envs.retail.verdicts import is_said
from practicum.envs.retail.visits import Mood, Said
from practicum.envs.tasks import Task

SCRIPTED = "scripted"
FAREWELL = "###STOP###"
"""What the last words of a customer hold who says something while they leave, as those of τ-bench do."""


class Customer(Protocol):
    """Somebody who wants something of the shop."""

    def opening(self) -> str:
        """Their first words."""

    def reply(self, said: str) -> str | None:
        """What they answer; None when they are done and leave, as they do after words with `FAREWELL`."""


MakeCustomer = Callable[[Task, Sequence[Said]], Customer]
_FACTORIES: dict[str, MakeCustomer] = {}


def register_customer(name: str, make: MakeCustomer) -> None:
    """Make a kind of customer known; tasks ask for it by `customer=NAME`.

    What such a customer says is kept in the steps, so a replay needs neither it nor what it is made of.

    Args:
        name: such as `chat`; a later one of the same name replaces it.
        make: gives the customer of a task, whose secret says what they want, and of what has been said so
            far: a session that goes on after a restart has a conversation behind it.
    """
    _FACTORIES[name] = make


def make_customer(name: str, task: Task, conversation: Sequence[Said]) -> Customer:
    """The customer of a task, by the name of their kind.

    Raises:
        UsageError: nobody registered one.
    """
    if name not in _FACTORIES:
        known = [SCRIPTED, *_FACTORIES]
        raise UsageError(f"no customer {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    return _FACTORIES[name](task, conversation)


NOBODY: Mapping[str, Any] = {
    "name": "a visitor",
    "knows": "I have no account here.",
    "wishes": [{"wish": "I am only looking around.", "facts": {}, "ids": []}],
}
"""The script of a task that has no customer."""
PATIENCE = 8
"""Answers that lead nowhere before a scripted customer gives up."""
_TOPICS: Mapping[str, re.Pattern[str]] = {
    topic: re.compile(words, re.IGNORECASE)
    for topic, words in {
        "identity": r"e-?mail|zip|postal|your name|full name|verif|identi|authentic|who (am i|are you)",
        "order": r"\border|purchase",
        "reason": r"\breason|\bwhy\b",
        "items": r"\bitems?\b|\bproducts?\b|\bthings?\b",
        "replacement": r"\boptions?\b|instead|replac|new (item|one)|variant|colou?r|\bsize\b",
        "payment": r"\bpay|refund|\bcard\b|method|difference",
        "address": r"(?<!mail )address|street|\bwhere\b|\bship|\bmove",
        "question": r"\bquestion|\bknow\b|\bhelp\b|\bdetail",
    }.items()
}
_ASKS_FOR_YES = re.compile(
    r"confirm|\byes\b|proceed|go ahead|shall i|should i|do you (want|agree)|would you like me|"
    r"is (that|this|it) (right|correct|ok)",
    re.IGNORECASE,
)
_IS_OVER = re.compile(
    r"anything else|something else|else i can|further (help|questions)|\bdone\b|\bcompleted?\b|"
    r"(has|have) (now )?been|\bis now\b|successful",
    re.IGNORECASE,
)
_IS_IMPOSSIBLE = re.compile(r"cannot|can't|can not|unable|not (possible|allowed|able)|sorry", re.IGNORECASE)
_ZIPS = re.compile(r"\b\d{5}(?:-\d{4})?\b")
_PLACES = re.compile(_ZIPS.pattern + r"|\b\d+[a-z]? [A-Z]\w+")
"""What looks like a part of an address: a zip code, or a house number before the name of a street."""
_IDS = re.compile(r"#W\d+|\b(?:credit_card|gift_card|paypal)_\d+|\b\d{10}\b|" + "|".join(REASONS))


class ScriptedCustomer:
    """Says what its script holds when asked, agrees to what it wants, refuses what it does not, and leaves.

    A script is plain JSON: `name`, `knows` (who they are, in their own words) and `wishes` in their order,
    each with `wish` (how it is brought up), `facts` (what is said of each topic), `ids` (what may be named
    when a yes is asked for; others are refused), and perhaps `address` (house number and zip code of the one
    that must be named, where any is), `outputs` (what they ask to be told), or `first` (facts that are told
    until a yes is asked for) with `change` (what they say then).
    Equal words of the agent give equal answers.

    Args:
        script: as above.
        mood: where it keeps how far it has come.
    """

    def __init__(self, script: Mapping[str, Any], mood: Mood) -> None:
        self._script = script
        self._mood = mood

    @property
    def _wishes(self) -> Sequence[Mapping[str, Any]]:
        return self._script["wishes"]  # type: ignore[no-any-return]  # a script's

    @property
    def _wish(self) -> Mapping[str, Any]:
        return self._wishes[self._mood.wish]

    def opening(self) -> str:
        """A greeting and the first wish, without its facts."""
        return f"Hello, this is {self._script['name']}. {self._wish['wish']}"

    def reply(self, said: str) -> str | None:
        """What follows from what the agent says, and from what has been said."""
        if self._mood.puzzled > PATIENCE:
            return None
        if "identity" not in self._mood.told and _TOPICS["identity"].search(said):
            return self._tell(self._asked(said))
        if self._is_answered(said):
            return self._next_wish()
        if _ASKS_FOR_YES.search(said) and self._is_offer(said):
            return self._decide(said)
        if self._has_spoken() and (_IS_OVER.search(said) or _IS_IMPOSSIBLE.search(said)):
            return self._next_wish()
        return self._explain(said)

    def _asked(self, said: str) -> list[str]:
        """What the agent speaks of: who they are, and topics of the wish in the order of the script."""
        return [topic for topic in ("identity", *self._facts()) if _TOPICS[topic].search(said)]

    def _facts(self) -> Mapping[str, str]:
        """What is said of each topic, before or after the change of mind."""
        facts: dict[str, str] = dict(self._wish["facts"])
        return facts if self._mood.has_changed else facts | self._wish.get("first", {})

    def _tell(self, topics: Sequence[str]) -> str:
        facts = {"identity": self._script["knows"], **self._facts()}
        self._mood.told = list(dict.fromkeys([*self._mood.told, *topics]))
        return " ".join(facts[topic] for topic in topics)

    def _is_answered(self, said: str) -> bool:
        """Whether the agent tells all that this wish asks to be told."""
        outputs = self._wish.get("outputs", ())
        return bool(outputs) and all(is_said(o, [said]) for o in outputs)

    def _has_spoken(self) -> bool:
        """Whether anything has been said of this wish beyond that there is one."""
        facts = self._facts()
        return not facts or any(topic in facts for topic in self._mood.told)

    def _is_offer(self, said: str) -> bool:
        """Whether a yes can be meant for something: an id is named, or all there is to say has been said."""
        return bool(_IDS.search(said)) or all(topic in self._mood.told for topic in self._facts())

    def _decide(self, said: str) -> str:
        """Yes, no, or a change of mind."""
        wish, mood = self._wish, self._mood
        if "change" in wish and not mood.has_changed:
            mood.has_changed = True
            return str(wish["change"])
        if set(_IDS.findall(said)) - set(wish["ids"]) or self._is_elsewhere(said):
            mood.puzzled += 1
            return f"No, that is not what I want. {wish['wish']} {self._tell(list(self._facts()))}"
        mood.puzzled += "yes" in mood.told
        mood.told = list(dict.fromkeys([*mood.told, "yes"]))
        return "Yes, please go ahead."

    def _is_elsewhere(self, said: str) -> bool:
        """Whether an address is named that is not, or not only, the one that they want."""
        wanted, words = self._wish.get("address", ()), _IDS.sub(" ", said)
        if not wanted or not _PLACES.search(words):
            return False
        foreign = set(_ZIPS.findall(words)) - {*wanted, *self._wish["ids"]}
        return bool(foreign) or not all(re.search(rf"\b{re.escape(part)}\b", words) for part in wanted)

    def _next_wish(self) -> str | None:
        mood = self._mood
        if mood.wish + 1 >= len(self._wishes):
            return None
        mood.wish += 1
        mood.has_changed = False
        mood.told = [topic for topic in mood.told if topic == "identity"]
        return f"Thank you. One more thing: {self._wish['wish']}"

    def _explain(self, said: str) -> str:
        """Answer what was asked, or else say what has not been said yet, or all of it again."""
        mood, facts = self._mood, self._facts()
        asked = self._asked(said)
        if not set(asked) - set(mood.told):
            mood.puzzled += 1
        untold = [topic for topic in facts if topic not in mood.told]
        if asked:
            return self._tell(asked)
        return self._tell(untold[:1]) if untold else f"{self._wish['wish']} {self._tell(list(facts))}"
