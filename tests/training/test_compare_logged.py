"""Evaluations in the log: players found by their names, measured as they were when they played."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from practicum.envs import Episode, UsageError
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.memory import Log, SessionRecorder, Sessions, SessionStart, Store, fork
from practicum.training.compare import compare
from practicum.training.evaluate import evaluate
from practicum.training.logged import NOT_LOGGED, logged_report
from practicum.training.offers import SkillShelf
from practicum.training.rollouts import Stage
from tests.skills.flights import CANCEL
from tests.training.test_rollouts import published

TASKS = FlightBookingEnv.tasks().split("test").take(8)
OTHERWISE = {"tokens", "seconds", *NOT_LOGGED}
"""Figures that the log measures in its own way."""


@pytest.fixture
def store(tmp_path: Path):
    opened = Store.open(tmp_path / "practicum.db")
    yield opened
    opened.close()


def played(store: Store, *names: str, tasks=TASKS, purpose="evaluation", **options):
    stage = Stage(env=FlightBookingEnv, log=Log(store), purpose=purpose, client="practicum eval")
    return evaluate(stage, names, tasks, **options)


def by_client(store: Store, client: str, task, *, calls=(("abort", {}),)) -> str:
    """A session as an MCP client leaves it."""
    log, session = Log(store), f"{client}{task.seed}".encode().hex().ljust(32, "0")
    episode = Episode(FlightBookingEnv(), task, recorder=SessionRecorder(log, session))
    log.start(SessionStart(id=session, env="flight-v1", task=task, purpose="evaluation", client_name=client))
    for tool, arguments in calls:
        episode.act(tool, arguments)
    return session


def test_what_was_played_is_measured_from_the_log_as_it_was_when_it_was_played(store: Store):
    report = played(store, "scripted", "random", noise=0.2, trials=2)
    logged = logged_report(store, ["scripted", "random"], "flight")
    for name, agent in report.agents.items():
        then = [{k: v for k, v in trial.figures.items() if k not in OTHERWISE} for trial in agent.trials]
        now = [{k: v for k, v in t.figures.items() if k not in OTHERWISE} for t in logged.agents[name].trials]
        assert now == then
        assert logged.agents[name].figures["valid_calls"] is None
    assert logged.env_id == "flight-v1"
    assert list(compare(logged).pairs[0].figures)[:2] == ["success", "violations"]


def test_a_run_of_a_skill_is_one_decision_also_in_the_log(store: Store):
    published(store, CANCEL)
    tasks = FlightBookingEnv.tasks(kind="cancel").split("test").take(12)
    ids = (f"{number:032x}" for number in count())  # by which suggestions are drawn
    stage = Stage(
        env=FlightBookingEnv, log=Log(store), purpose="evaluation", skills=SkillShelf.of(store),
        new_id=lambda: next(ids),
    )  # fmt: skip
    report = evaluate(stage, ["skilled"], tasks).agents["skilled"]
    logged = logged_report(store, ["practicum rollout: skilled"], "flight-v1").agents[
        "practicum rollout: skilled"
    ]
    assert sum(len(rollout.uses) for rollout in report.rollouts) > 0
    found = [agent.figures["decisions_all"] for agent in (report, logged)]
    assert found[0] == found[1]


def test_clients_are_found_by_their_names(store: Store):
    for task in TASKS:
        by_client(store, "my-client", task)
    played(store, "scripted")
    report = logged_report(store, ["my-client", "scripted"], "flight")
    (versus,) = compare(report).pairs
    assert versus.shared == 8
    assert versus.figures["success"].difference.value < 0


def test_open_and_forked_sessions_and_those_of_other_purposes_are_left_out(store: Store):
    ended = by_client(store, "my-client", TASKS[0])
    by_client(store, "my-client", TASKS[1], calls=())
    copy = fork(Log(store), Sessions(store), ended, 0, "local", client_name="my-client")
    Log(store).close(copy, "left")
    played(store, "scripted", tasks=TASKS[:2], purpose="practice")
    assert len(logged_report(store, ["my-client"], "flight").agents["my-client"].trials) == 1
    with pytest.raises(UsageError, match="no sessions of flight for evaluation by 'scripted' have ended"):
        logged_report(store, ["scripted"], "flight")
    assert len(logged_report(store, ["scripted"], "flight", purpose=None).agents["scripted"].trials) == 2


def test_who_is_not_in_the_log_is_told_who_is(store: Store):
    with pytest.raises(UsageError, match="there are none by others either"):
        logged_report(store, ["scripted"], "flight")
    played(store, "scripted", tasks=TASKS[:1])
    with pytest.raises(UsageError, match=r"by 'scriptd' have ended; did you mean 'scripted'.*of scripted"):
        logged_report(store, ["scriptd"], "flight")


def test_many_sessions_are_read_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch):
    played(store, "random", trials=2)
    whole = logged_report(store, ["random"], "flight")
    monkeypatch.setattr("practicum.training.logged.PAGE", 3)
    assert logged_report(store, ["random"], "flight") == whole
