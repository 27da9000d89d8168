"""The contract test finds each broken promise, and nothing in an environment that keeps them."""

import signal

import pytest

from practicum.envs import find
from practicum.envs.check import check
from practicum.envs.watch import Watch
from tests.envs import jars


def rules(env_class):
    return {finding.rule for finding in check(env_class)}


@pytest.mark.parametrize("name", ["gym:CartPole-v1", "gym:Pendulum-v1", "gym:Taxi-v4", "flight"])
def test_environments_that_keep_the_contract_pass(name):
    assert check(find(name)) == []


def test_the_example_and_a_small_jar_pass(parcels):
    assert check(parcels) == []
    assert check(jars.Jar) == []


BROKEN = {
    "outcome": jars.HidesItsOutcome,
    "name": jars.BadName,
    "goal": jars.NoGoal,
    "domain": jars.UnknownDomain,
    "actions": jars.NoActions,
    "tool": jars.Undescribed,
    "determinism": jars.OwnDice,
    "reset": jars.RemembersTheLastEpisode,
    "outside": jars.AsksOnceAnEpisode,
    "state": jars.KeepsASet,
    "refusal": jars.ChangesWhatItRefuses,
    "read-only": jars.WritesWhileReading,
    "reward": jars.OwnReward,
    "result": jars.NotANumber,
    "secret": jars.TellsTheSecret,
    "judging": jars.JudgesByChanging,
    "step limit": jars.NeverTruncates,
    "crash": jars.Crashes,
    "gymnasium": jars.ReturnsTooLittle,
    "door": jars.TakesAnything,
}


@pytest.mark.parametrize(("rule", "env_class"), BROKEN.items(), ids=BROKEN)
def test_a_broken_promise_is_found(rule, env_class):
    findings = [finding for finding in check(env_class) if finding.rule == rule]
    assert findings
    assert all("\n" not in finding.message for finding in findings)


@pytest.mark.parametrize(
    ("rule", "env_class"),
    [
        ("determinism", jars.ReadsTheClock),
        ("determinism", jars.DrawsItsTasks),
        ("read-only", jars.DrawsWhileReading),
        ("reward", jars.OwnTerm),
        ("tool", jars.TooLong),
        ("crash", jars.CannotBegin),
        ("secret", jars.TellsTheSecretAtTheEnd),
    ],
)
def test_another_way_to_break_the_promise_is_found_too(rule, env_class):
    assert rule in rules(env_class)


def test_asking_outside_for_the_time_is_no_finding():
    assert check(jars.AsksTheClock) == []


def test_a_finding_says_where_what_and_what_to_do():
    assert [finding.message for finding in check(jars.WritesWhileReading)] == [
        "shake: it writes to the state; drop read_only=True or the change"
    ]
    assert "smash: raised ZeroDivisionError: no jar left; raise ActionError to refuse a call" in [
        finding.message for finding in check(jars.Crashes)
    ]


def test_checking_prints_and_warns_nothing(capfd, recwarn):
    check(jars.Jar)
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


@pytest.fixture
def short_watch(monkeypatch):
    """A watch that loses patience at once, for the contract test alone."""
    before = signal.getsignal(signal.SIGALRM)
    watch = Watch()
    watch.start(end_after_s=0.2)
    monkeypatch.setattr("practicum.envs.check.WATCH", watch)
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("env_class", "place"), [(jars.NeverBegins, "the beginning"), (jars.NeverAnswers, "wait")]
)
@pytest.mark.usefixtures("short_watch")
def test_what_never_ends_is_interrupted_and_named(env_class, place):
    [finding] = [finding for finding in check(env_class) if finding.rule == "time"]
    assert finding.message.startswith(f"{place}: ")
    assert finding.message.endswith("put a limit on what it waits for, or compute less")
