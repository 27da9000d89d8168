"""Formats of other packages: found by entry point, and one that is broken is one line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from practicum.envs import UsageError
from practicum.memory import Sessions, Store
from practicum.memory.imports import destination, import_file, importers

SOURCE = '''
from practicum.memory.imports import Trace, TracedCall, Unreadable


class Events:
    """One session a file: a list of events."""

    name, expects, whole_file = "events", "an event: {did, got}", True

    def recognises(self, record):
        return isinstance(record, dict) and "did" in record

    def traces(self, record):
        if not all(map(self.recognises, record)):
            raise Unreadable("an event did nothing")
        calls = tuple(TracedCall(each["did"], {}, each["got"]) for each in record)
        yield Trace(calls=calls, success=True, ended=True, agent="walker", agent_version="2.1")
'''


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    info = folder / "walks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: walks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[practicum.importers]\nevents = {place}\n")
    (folder / "walks_events.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(folder)


def test_a_file_that_is_one_session_is_read_by_the_importer_of_a_plugin(store: Store, tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "walks_events:Events")
    assert list(importers()) == ["tau", "sharegpt", "events"]
    events = [{"did": "walk", "got": {"at": "door"}}, {"did": "stop", "got": "still"}]
    for text in (json.dumps(events), "\n".join(map(json.dumps, events))):
        import_file(store, io.StringIO(text), destination(None))
    (session,) = Sessions(store).list(None)
    assert (session.env, session.client_name, session.client_version) == (
        "imported-events-v1",
        "walker",
        "2.1",
    )
    assert [(s.tool, s.result) for s in Sessions(store).steps(session.id)] == [
        ("walk", {"at": "door"}),
        ("stop", "still"),
    ]


def test_one_bad_event_costs_the_session_of_its_file(store: Store, tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "walks_events:Events")
    told: list[tuple[int, str]] = []
    text = io.StringIO('\n[{"did": "walk", "got": 1}, {}]')
    import_file(store, text, destination(None), complain=lambda line, why: told.append((line, why)))
    assert told == [(2, "an event did nothing; expected an event: {did, got}")]


def test_an_importer_that_cannot_be_loaded_is_named(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "walks_nowhere:Events")
    with pytest.raises(UsageError, match="importer 'events' cannot be loaded: ModuleNotFoundError"):
        importers()
