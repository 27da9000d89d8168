"""Learning from sessions that another system recorded."""

from __future__ import annotations

import io
import json
from contextlib import closing

from practicum.memory import Store
from practicum.memory.imports import destination, import_file
from practicum.skills.learning import learn
from practicum.skills.library import Library
from tests.memory.import_samples import TAU, tau_visit

VISITS = 300


def test_imported_visits_become_skills(tmp_path):
    visits = [tau_visit(seed) for seed in range(VISITS)]
    with closing(Store.open(tmp_path / "practicum.db")) as store:
        import_file(store, io.StringIO(json.dumps(visits)), destination("retail"))
        done = learn(store)
        assert done.sessions == VISITS
        assert done.published
        assert {entry.skill.name for entry in Library(store).shown("local", "retail")} == set(done.published)


def test_sessions_of_a_world_that_is_not_here_are_left_alone(tmp_path):
    runs = [TAU | {"trial": trial} for trial in range(10)]
    with closing(Store.open(tmp_path / "practicum.db")) as store:
        import_file(store, io.StringIO(json.dumps(runs)), destination(None))
        done = learn(store)
        assert (done.sessions, done.published) == (10, ())
        assert "no environment 'imported-tau-v1'" in "\n".join(done.lines())
