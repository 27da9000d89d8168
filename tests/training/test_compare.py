"""Comparison: agents task by task, with tests that agree with one another, and a word where there is none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import numpy as np
import pytest

from practicum.envs import UsageError
from practicum.training.agents import RandomAgent, scripted_agent
from practicum.training.compare import NO_PAIRS, compare, compare_agents, contrast
from practicum.training.evaluate import AgentReport, Report
from practicum.training.gates import Gates
from practicum.training.statistics import ALIKE_PAIRS, NOT_BINARY, paired_permutation, paired_t, welch
from practicum.training.trials import FIGURES, Trial


def report_of(env: str = "flight-v1", **agents: Mapping[str, Iterable[float]]) -> Report:
    """A report of agents that are given as returns by task; a return above 0 is a success."""
    return Report(env, {name: agent_report(name, returns) for name, returns in agents.items()})


def agent_report(name: str, returns: Mapping[str, Iterable[float]]) -> AgentReport:
    trials = [
        Trial(task, dict.fromkeys(FIGURES) | {"return": value, "success": float(value > 0)})
        for task, values in returns.items()
        for value in values
    ]
    return AgentReport(name, tuple(trials))


def drawn(seed: int, better: float = 0.0, tasks: Iterable[int] = range(30)) -> dict[str, list[float]]:
    random, hard = np.random.default_rng(seed), np.random.default_rng(77).normal(size=1000)
    return {f"{task}": [float(better - hard[task] + random.normal() / 2)] for task in tasks}


# Pairs ---------------------------------------------------------------------------


def test_agents_are_compared_on_what_both_have_played():
    one, two = drawn(1, 0.5), drawn(2)
    (versus,) = compare(report_of(a=one, b=two)).pairs
    differences = [one[task][0] - two[task][0] for task in one]
    found = versus.figures["return"]
    assert found.difference.value == pytest.approx(np.mean(differences))
    values = [[each[task][0] for task in sorted(each)] for each in (one, two)]
    assert found.tests["paired_t"] == paired_t(*values)
    assert found.tests["welch"] == welch(*values)
    assert found.headline == found.tests["permutation"] == paired_permutation(*values)
    assert found.tests["permutation"].p < found.tests["welch"].p
    assert (versus.shared, versus.only_first, versus.only_second, versus.remark) == (30, 0, 0, "")


def test_success_has_mcnemars_test_and_odds_and_other_figures_have_not():
    (versus,) = compare(report_of(a=drawn(1, 1.0), b=drawn(2))).pairs
    success, returns = versus.figures["success"], versus.figures["return"]
    assert success.tests["mcnemar"].p == pytest.approx(success.tests["permutation"].p)
    assert success.effects["odds_ratio"] > 1
    assert "mcnemar" not in returns.tests
    assert "odds_ratio" not in returns.effects


def test_tasks_that_only_one_has_played_are_told_and_left_out_of_the_pairs():
    one, two = drawn(1, tasks=range(20)), drawn(2, tasks=range(15, 30))
    (versus,) = compare(report_of(a=one, b=two)).pairs
    assert (versus.shared, versus.only_first, versus.only_second) == (5, 15, 10)
    assert versus.remark == "a and b share 5 tasks; 15 were played by a alone, 10 by b alone"
    found = versus.figures["return"]
    assert (found.difference.n, found.tests["paired_t"].n, found.tests["welch"].n) == (5, 5, 35)


def test_without_a_shared_task_only_unpaired_tests_speak():
    one, two = drawn(1, 3.0, range(20)), drawn(2, 0.0, range(20, 40))
    compared = compare(report_of(a=one, b=two))
    found = compared.pairs[0].figures["return"]
    assert found.difference is None
    assert {found.tests[name].remark for name in ("permutation", "paired_t")} == {NO_PAIRS}
    assert found.headline == found.tests["unpaired_permutation"]
    assert found.headline.p < 0.01
    assert found.detectable is found.effects["cohen_dz"] is None
    json.dumps(compared.as_json(), allow_nan=False)


def test_several_trials_of_a_task_are_one_pair():
    one = {f"{n}": [1.0, -1.0, 1.0, float(n % 2) or -1.0] for n in range(20)}
    two = {f"{n}": [-1.0] for n in range(20)}
    (versus,) = compare(report_of(a=one, b=two)).pairs
    found = versus.figures["success"]
    assert found.difference.n == 20
    assert found.difference.value == pytest.approx(0.625)
    assert (found.tests["mcnemar"].p, found.tests["mcnemar"].remark) == (None, NOT_BINARY)
    assert found.headline.p < 0.001


def test_pass_k_is_compared_where_both_have_so_many_trials():
    one = {f"{n}": [1.0, 1.0, 1.0] for n in range(8)}
    two = {f"{n}": [1.0, -1.0] for n in range(8)}
    (versus,) = compare(report_of(a=one, b=two)).pairs
    assert versus.figures["pass^2"].difference.value == 1
    assert "pass^3" not in versus.figures


def test_figures_that_one_has_not_are_not_compared():
    (versus,) = compare(report_of(a=drawn(1), b=drawn(2))).pairs
    assert list(versus.figures) == ["success", "return"]


# Nothing to say ------------------------------------------------------------------


def test_a_single_task_proves_nothing():
    found = contrast({"t": 5.0}, {"t": 0.0})
    assert found.headline.p == 1
    assert found.tests["paired_t"].p is found.tests["welch"].p is None
    assert found.detectable is None


def test_always_the_same_difference_has_no_spread_but_is_seen_by_exchange():
    found = contrast({f"{n}": n + 1.0 for n in range(12)}, {f"{n}": float(n) for n in range(12)})
    assert found.tests["paired_t"].remark == ALIKE_PAIRS
    assert found.headline.p == pytest.approx(2 / 2**12)


def test_equal_agents_do_not_differ():
    compared = compare(report_of(a=drawn(1), b=drawn(1)))
    assert {found.headline.p for found in compared.pairs[0].figures.values()} == {1}


# Many ----------------------------------------------------------------------------


def test_p_values_are_corrected_for_all_pairs_of_agents():
    compared = compare(report_of(a=drawn(1, 0.6), b=drawn(2, 0.3), c=drawn(3)))
    found = compared.corrected("return")
    assert len(found) == 3
    ps = sorted(each["p"] for each in found.values())
    assert sorted(each["bonferroni"] for each in found.values()) == [min(1, 3 * p) for p in ps]
    assert min(each["holm"] for each in found.values()) == 3 * ps[0]
    assert all(each["p"] <= each["holm"] <= each["bonferroni"] for each in found.values())


def test_the_order_of_the_agents_turns_the_sign_and_nothing_else():
    agents = {"a": drawn(1, 0.4), "b": drawn(2, 0.2), "c": drawn(3)}
    there, back = compare(report_of(**agents)), compare(report_of(**dict(reversed(agents.items()))))
    for one, two in (("a", "b"), ("a", "c"), ("b", "c")):
        mine, theirs = there.of(one, two).figures["return"], back.of(two, one).figures["return"]
        assert mine.difference.value == pytest.approx(-theirs.difference.value)
        assert mine.difference.low == pytest.approx(-theirs.difference.high, abs=1e-9)
        assert {name: found.p for name, found in mine.tests.items()} == pytest.approx(
            {name: found.p for name, found in theirs.tests.items()}
        )
    assert there.corrected("return") == back.corrected("return")
    with pytest.raises(UsageError, match="'d' is none of a, b, c"):
        there.of("a", "d")


def test_intervals_can_be_corrected_for_several_comparisons_too():
    report = report_of(a=drawn(1, 0.4), b=drawn(2))
    plain, wider = (compare(report, confidence=c).pairs[0].figures["return"] for c in (0.95, 1 - 0.05 / 3))
    assert wider.difference.low < plain.difference.low < plain.difference.high < wider.difference.high
    assert wider.tests == plain.tests


def test_agents_without_a_name_play_and_are_compared():
    players = {"by hand": scripted_agent("flight"), "by chance": lambda task: RandomAgent(task.seed)}
    compared = compare_agents("flight", players, 10)
    assert list(compared.report.agents) == ["by hand", "by chance"]
    assert compared.of("by hand", "by chance").figures["success"].headline.p < 0.01
    assert compared.report.as_json()["env"] == "flight-v1"
    assert json.loads(json.dumps(compared.as_json()))["comparisons"][0]["shared_tasks"] == 10


# Gates ---------------------------------------------------------------------------


def test_what_is_not_reached_is_a_line_each():
    report = compare_agents("flight", ["scripted", "random"], 6, gold="scripted").report
    assert list(Gates().missed(report)) == []
    lines = list(Gates(success=0.7, recall=0.6, precision=0.6).missed(report))
    assert lines[0] == "random: success is 0.000; --min-success asks for 0.7"
    assert [line.partition(" is ")[0] for line in lines[1:]] == [
        "random: action_recall",
        "random: action_precision",
    ]


def test_calls_that_nothing_was_held_against_do_not_pass_a_gate():
    report = report_of(a=drawn(1, 9.0))
    assert list(Gates(success=0.9).missed(report)) == []
    (line,) = Gates(recall=0.1).missed(report)
    assert line == "a: no task has gold calls, as --min-recall needs; --gold AGENT plays them"
