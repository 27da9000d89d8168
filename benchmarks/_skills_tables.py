"""Tables: what each part of the skills benchmark found, side by side with what it is held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]
Row = Sequence[Any]


def tables(part: str, figures: Figures) -> Iterator[str]:
    """The lines of a part's table."""
    rows = list(_ROWS[part](figures))
    yield f"== {part}"
    yield from grid(rows)


def grid(rows: Sequence[Row]) -> Iterator[str]:
    """Rows of cells as lines, each column as wide as it needs, the first one to the left."""
    words = [[_word(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in words) for place in range(len(words[0]))]
    for first, *others in words:
        cells = [word.rjust(width) for word, width in zip(others, widths[1:], strict=True)]
        yield "  ".join((first.ljust(widths[0]), *cells)).rstrip()


def _word(cell: Any) -> str:
    return "" if cell is None else f"{cell:g}" if isinstance(cell, float) else str(cell)


def over(one: float | None, other: float | None) -> float | None:
    """The ratio of two figures; None where there is none."""
    return round(one / other, 3) if one is not None and other else None


def _loop(found: Figures) -> Iterator[Row]:
    yield "after 30 sessions", "skills", "by hand", "ratio", "difference", "95 % from", "to"
    for name in ("decisions", "decisions_all", "success", "regret"):
        skilled, by_hand = found[name], found[f"{name}_by_hand"]
        gain = found[f"{name}_difference"] or {}
        interval = (gain.get(end) for end in ("value", "low", "high"))
        yield name, skilled, by_hand, over(skilled, by_hand), *interval
    yield "declined", found["declined"], found["declined_by_hand"], *[None] * 4
    yield "done but wrong", found["done_but_wrong"], *[None] * 5


def _heldout(found: Figures) -> Iterator[Row]:
    yield "test tasks", "tasks", "success", "fulfilled", "declined", "wrong"
    for name in ("skill", "replay", "replay_substituted"):
        of = found["heldout"][name]
        yield name, of["tasks"], of["success"], of["fulfilled"], of["declined"], of.get("done_but_wrong")


def _retail(found: Figures) -> Iterator[Row]:
    compared = ("success", "success_by_hand", "decisions", "decisions_by_hand", "turns")
    names = (*compared, "done_but_wrong", "uses", "precision")
    yield "teacher", *(name.replace("_", " ") for name in names)
    for teacher, of in found["retail"].items():
        yield teacher, *(of[name] for name in names)
    yield "skill", "held out", "uses", "of help", *[None] * 5
    for teacher, of in found["retail"].items():
        for each in of["skills"]:
            used = (each["held_out"], each["uses"], each["of_help"])
            yield f"{teacher}: {each['skill']}", *used, *[None] * 5


def _teachers(found: Figures) -> Iterator[Row]:
    yield (
        "teacher",
        "sessions",
        "successes",
        "mislabelled",
        "verified",
        "success",
        "wrong",
        "unverified",
        "wrong",
    )
    for name, of in found["teachers"].items():
        proven, other = of["heldout"], of["unverified_heldout"]
        counts = (of["sessions"], of["logged_as_success"], of["mislabelled"], len(of["verified"]))
        judged = (proven["success"], proven["done_but_wrong"], other["success"], other["done_but_wrong"])
        yield name, *counts, *judged


def _choice(found: Figures) -> Iterator[Row]:
    yield "chooser", "regret", "ratio to linear"
    for name in ("linear", "keyed", "beta", "by_hand"):
        regret = found["choice"][f"regret_{name}"]
        yield name, regret, over(regret, found["choice"]["regret_linear"])


def _explorer(found: Figures) -> Iterator[Row]:
    yield "calls to the first success", "explorer", "random", "ratio", "fewer", "more", "p"
    for name, of in found["explorer"].items():
        if isinstance(of, Mapping) and "random" in of:
            ratio = over(of["explorer"], of["random"])
            yield name, of["explorer"], of["random"], ratio, of["fewer"], of["more"], of["p"]


def _retirement(found: Figures) -> Iterator[Row]:
    rules = ("watch", "wilson", "mean")
    yield "uses until noticed", *rules, "ratio wilson", "ratio mean"
    for name, of in found["noticed"].items():
        uses = [of[rule]["median"] for rule in rules]
        yield name, *uses, over(uses[1], uses[0]), over(uses[2], uses[0])
    yield "false retirements", *(found[f"false_{rule}"] for rule in rules), None, None


def _serving(found: Figures) -> Iterator[Row]:
    yield "median of a call", "alone", "learning", "ratio"
    alone, learning = found["call_p50_alone_ms"], found["call_p50_learning_ms"]
    yield "ms", alone, learning, found["call_p50_learning_vs_alone"]


def _scale(found: Figures) -> Iterator[Row]:
    units = ("s", "cpu_s", "mb")
    yield "sessions", "mine s", "CPU s", "MB", "ingest s", "CPU s", "MB", "both s", "CPU s", "MB"
    for name in ("1k", "10k", "100k"):
        ways = ("mine", "ingest", "from_nothing")
        yield name, *(found[f"{way}_{name}_{unit}"] for way in ways for unit in units)
    ratio = over(found["prefixspan_10k_s"], found["mine_10k_s"])
    prefixspan = (found["prefixspan_10k_s"], None, found["prefixspan_10k_mb"])
    yield "PrefixSpan 10k", *prefixspan, ratio, "times mine s", *[None] * 4


_ROWS: Mapping[str, Callable[[Figures], Iterator[Row]]] = {
    "loop": _loop,
    "heldout": _heldout,
    "retail": _retail,
    "teachers": _teachers,
    "choice": _choice,
    "explorer": _explorer,
    "retirement": _retirement,
    "serving": _serving,
    "scale": _scale,
}
