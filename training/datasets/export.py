"""Export: examples written to a file, with a manifest beside it that makes the same file again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

from practicum import __version__
from practicum.envs.errors import UsageError
from practicum.memory import Store, stand_ins
from practicum.memory.preferences import Preferences
from practicum.training import transcripts
from practicum.training.datasets.formats import FORMATS, Example, line
from practicum.training.datasets.making import Preferred, from_file, from_log, read_preferences
from practicum.training.datasets.query import Query
from practicum.training.datasets.row import Toolset
from practicum.training.datasets.scored import kept_scores
from practicum.training.datasets.seen import Seen
from practicum.training.datasets.selection import Selection
from practicum.training.whole_files import whole_file

KEPT = "log"
"""The word for the preferences that are kept beside the log, where a file could stand."""
MANIFEST = ".manifest.json"
Progress = Callable[[int], object]
"""Told how many examples are written."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be exported, as a manifest keeps it."""

    form: str = "sft"
    query: Query = field(default_factory=Query)
    scores: bool = False
    """Whether rows have the process rewards that are kept beside the log."""
    train_file: str | None = None
    """JSONL file that the examples are made of, instead of the log."""
    preferences: str | None = None
    """JSONL file that says which sessions are better; `log` for what is kept beside the log."""

    def __post_init__(self) -> None:
        if self.form not in FORMATS:
            raise UsageError(f"no format is called {self.form!r}; there are {', '.join(FORMATS)}")
        if self.preferences is not None and self.form != "dpo":
            raise UsageError(f"preferences make examples of dpo, not of {self.form}")
        if self.preferences is not None and self.train_file is not None:
            raise UsageError("preferences are about sessions of the log; leave out the file of examples")


@dataclass
class Written:
    """What was written so far."""

    examples: int = 0
    by_split: Counter[str] = field(default_factory=Counter)
    toolsets: dict[str, Toolset] = field(default_factory=dict)
    content: Any = field(default_factory=hashlib.sha256)
    """Over the bytes of the file."""
    rows: Any = field(default_factory=hashlib.sha256)
    """Over the hashes of the examples, in their order."""

    def put(self, example: Example, text: str) -> bytes:
        """Count an example; returns its line."""
        body = text.encode("utf-8", "surrogatepass") + b"\n"
        self.examples += 1
        self.by_split[example.split or "unknown"] += 1
        self.toolsets.setdefault(example.toolset.hash, example.toolset)
        self.content.update(body)
        self.rows.update(example.hash.encode())
        return body


def write_lines(
    store: Store | None, order: Order, out: IO[bytes], *, progress: Progress = lambda count: None
) -> dict[str, Any]:
    """Write the examples to an open file; returns the manifest.

    Args:
        store: the log; None only where a file of examples is named.
        order: what is to be written.
        out: takes the lines, one example each.
        progress: told after each.

    Raises:
        UsageError: a file that is named cannot be read, or a line of it is no example.
    """
    written, source = Written(), _source(store, order)
    for example in source.examples:
        out.write(written.put(example, line(example, order.form)))
        progress(written.examples)
    return _manifest(order, source, written)


@dataclass(frozen=True)
class _Source:
    """Where examples come from."""

    examples: Iterator[Example]
    query: Query
    seen: Seen
    selection: Selection | None = None

    def about(self) -> dict[str, int]:
        """What was met on the way, once all examples are made."""
        told = {"repeats": self.seen.repeats}
        if self.selection is not None:
            unknown = self.selection.reader.openings.unknown
            told |= {"sessions": self.selection.read, "openings_unknown": unknown}
        return told


def _source(store: Store | None, order: Order) -> _Source:
    if order.train_file is not None:
        seen = Seen()
        return _Source(from_file(Path(order.train_file), order.form, order.query, seen), order.query, seen)
    if store is None:
        raise UsageError("there is no log and no file to take examples from")
    selection = Selection(store, order.query, kept_scores(store) if order.scores else None)
    examples = from_log(selection, order.form, _preferences(store, order))
    return _Source(examples, selection.query, selection.seen, selection)


def _preferences(store: Store, order: Order) -> Iterable[Preferred] | None:
    if order.preferences is None:
        return None
    if order.preferences == KEPT:
        splits = order.query.splits
        return (each for split in splits for each in Preferences(store).read(split=split))  # type: ignore[arg-type]  # the query checked them
    return read_preferences(Path(order.preferences))


def _manifest(order: Order, source: _Source, written: Written) -> dict[str, Any]:
    return {
        "format": order.form,
        "examples": written.examples,
        "by_split": dict(sorted(written.by_split.items())),
        **source.about(),
        "sha256": written.content.hexdigest(),
        "hashes": written.rows.hexdigest(),
        "query": source.query.as_json(),
        "scores": order.scores,
        "train_file": _file(order.train_file),
        "preferences": order.preferences if order.preferences == KEPT else _file(order.preferences),
        "template": {"system": source.query.system, "messages": "system, user, assistant with calls, tool"},
        "toolsets": {key: list(toolset.schemas) for key, toolset in sorted(written.toolsets.items())},
        "practicum": __version__,
        "code": code_hash(),
    }


def _file(name: str | None) -> dict[str, str] | None:
    if name is None:
        return None
    with Path(name).open("rb") as file:
        return {"file": name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


@cache
def code_hash() -> str:
    """16 hex digits over the code that gives examples their form."""
    here = sorted(Path(__file__).parent.glob("*.py"))
    files = [*here, Path(transcripts.__file__), Path(stand_ins.__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


# Files ------------------------------------------------------------------------------------------------


def export(
    store: Store | None, order: Order, output: Path, *, progress: Progress = lambda count: None
) -> dict[str, Any]:
    """Write examples to a file and the manifest beside it, both whole or not at all; returns the manifest.

    Raises:
        UsageError: as `write_lines`, or the file cannot be written.
    """
    with whole_file(output) as out:
        manifest = write_lines(store, order, out, progress=progress)
    with whole_file(manifest_beside(output)) as out:
        out.write(json.dumps({"file": output.name, **manifest}, indent=2, ensure_ascii=False).encode())
    return manifest


def manifest_beside(output: Path) -> Path:
    """Where the manifest of a file of examples stands."""
    return output.with_name(output.name + MANIFEST)


def read_order(manifest: Path) -> tuple[Order, dict[str, Any]]:
    """What a manifest says was exported, and the whole of it.

    Raises:
        UsageError: it is no manifest.
    """
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
        given = {name: _named(found[name]) for name in ("train_file", "preferences")}
        order = Order(
            form=found["format"], query=Query.from_json(found["query"]), scores=found["scores"], **given
        )
    except OSError as error:
        raise UsageError(f"cannot read {manifest}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{manifest} is no manifest of an export: {' '.join(str(error).split())}") from None
    return order, found


def _named(found: Any) -> Any:
    return found["file"] if isinstance(found, dict) else found


def export_again(
    store: Store | None,
    manifest: Path,
    output: Path | None = None,
    *,
    progress: Progress = lambda count: None,
) -> dict[str, Any]:
    """Make the file of a manifest again, with the same bytes.

    Args:
        store: the log; None only where the manifest names a file of examples.
        manifest: as `export` wrote it.
        output: where the file goes; where it was, beside the manifest, if None.
        progress: told after each example.

    Raises:
        UsageError: as `export`, or it would come out otherwise; nothing is written then.
    """
    order, known = read_order(manifest)
    output = manifest.with_name(known["file"]) if output is None else output
    with whole_file(output) as out:
        made = write_lines(store, order, out, progress=progress)
        if made["sha256"] != known["sha256"]:
            raise UsageError(f"{output.name} does not come out as it was: {_difference(known, made)}")
    return made


def _difference(known: Mapping[str, Any], made: Mapping[str, Any]) -> str:
    for name in ("train_file", "preferences"):
        if known[name] != made[name]:
            return f"{_named(known[name])} has changed"
    if known["code"] != made["code"]:
        return f"practicum {known['practicum']} made it, and this is another ({made['practicum']})"
    counts = f"{made['examples']} examples instead of {known['examples']}"
    return f"{counts}; sessions were forgotten, or scored anew, or a world has changed"
