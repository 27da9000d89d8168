"""Rewards are named terms, and outcomes are plain JSON."""

import pytest

from practicum.envs import Outcome, RewardTable


def test_a_table_is_a_mapping_of_floats_in_its_order():
    table = RewardTable(step=-1, solved=1.0)
    assert dict(table) == {"step": -1.0, "solved": 1.0}
    assert "step" in table
    assert "violation" not in table
    assert repr(table) == "RewardTable(step=-1, solved=1)"


def test_an_unknown_term_is_an_error_that_names_the_known_ones():
    with pytest.raises(KeyError, match="no reward term 'stolen'; the table has step, solved"):
        RewardTable(step=-1, solved=1)["stolen"]


def test_a_changed_table_is_a_copy_and_takes_known_terms_alone():
    table = RewardTable(step=-1, solved=1)
    assert dict(table.changed(solved=5)) == {"step": -1.0, "solved": 5.0}
    assert table["solved"] == 1.0
    with pytest.raises(KeyError, match="no reward term 'stolen'"):
        table.changed(stolen=1)


def test_an_outcome_as_json_has_its_details_beside_the_rest():
    outcome = Outcome(False, ("budget",), 3.5, {"ticketed": True})
    assert outcome.as_json() == {"success": False, "violations": ["budget"], "regret": 3.5, "ticketed": True}
