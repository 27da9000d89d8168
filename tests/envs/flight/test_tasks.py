"""Tasks: drawn from a seed, settable, told in a sentence."""

import json
import re
from collections import Counter

import pytest

from practicum.envs import Episode, Task, UsageError, find
from practicum.envs.flight_booking_env import FlightBookingEnv


@pytest.fixture(scope="module")
def tasks():
    """Three hundred tasks."""
    return FlightBookingEnv.tasks().take(300)


def test_a_task_follows_from_its_seed(tasks):
    assert FlightBookingEnv.make_task(17) == tasks[17]
    assert len({task.hash for task in tasks}) == 300


def test_tasks_survive_json(tasks):
    for task in tasks[:50]:
        assert Task.from_json(json.loads(json.dumps(task.as_json()))).hash == task.hash


def test_every_kind_is_drawn_feasible_and_not(tasks):
    counts = Counter((task.params["kind"], task.secret["feasible"]) for task in tasks)
    assert set(counts) == {(kind, able) for kind in ("book", "cancel", "refund") for able in (True, False)}
    assert counts["book", True] > counts["book", False] > 10


def test_disturbances_grow_with_the_difficulty():
    easy, hard = (FlightBookingEnv.make_task(1, kind="book", difficulty=d).params for d in (0.0, 1.0))
    names = [name for name in hard if name.startswith("p_")]
    assert len(names) == 5
    assert all(easy[name] == 0 < hard[name] for name in names)


@pytest.mark.parametrize("kind", ["book", "cancel", "refund"])
@pytest.mark.parametrize("feasible", [True, False])
def test_kind_and_feasibility_can_be_chosen(kind, feasible):
    for seed in range(25):
        task = FlightBookingEnv.make_task(seed, kind=kind, feasible=feasible)
        assert (task.params["kind"], task.secret["feasible"]) == (kind, feasible)


def test_settings_stand_in_place_of_what_would_be_drawn():
    settings = {"origin": "SFO", "destination": "MAD", "date": "2025-10-15", "budget": 900, "p_3ds": 1.0}
    task = FlightBookingEnv.make_task(9, kind="book", **settings)
    assert settings.items() <= task.params.items()
    assert task.secret["feasible"] is (task.secret["best_price"] is not None)


def test_a_route_with_one_end_set_has_another_at_the_other_end():
    for seed in range(200):
        assert FlightBookingEnv.make_task(seed, kind="book", origin="MAD").params["destination"] != "MAD"
        assert FlightBookingEnv.make_task(seed, kind="book", destination="MAD").params["origin"] != "MAD"


def test_flexible_days_end_with_the_timetable(visit):
    site = visit(date="2027-12-31", flex_days=1, budget=5000)
    assert "2027-12-31" in site.refused("search_flights", date="2028-01-01")
    assert site.env.site.wish.dates == ("2027-12-31", "2027-12-30")


def test_the_instruction_tells_all_that_an_agent_needs(tasks):
    for task in tasks:
        params, said = task.params, task.instruction
        assert all(params[name] in said for name in ("origin", "destination", "date"))
        if params["kind"] == "book":
            told = [str(params["budget"]), params["card_token"], params["depart_after"] or ""]
            assert all(text in said for text in told)
            assert ("instalments" in said) is bool(params["instalments"])
            assert ("earlier or later" in said) is bool(params["flex_days"])
        else:
            opening = Episode(FlightBookingEnv(), task).opening.observation
            assert opening["booking"]["id"] in said
            assert str(params.get("max_fee", params.get("min_refund"))) in said


def test_the_instruction_reads_like_this():
    task = FlightBookingEnv.make_task(
        3,
        kind="book",
        origin="SFO",
        destination="MAD",
        date="2025-10-15",
        budget=900,
        depart_after="10:00",
        max_stops=1,
        flex_days=1,
        instalments=3,
        card_token="tok_1",
    )
    assert task.instruction == (
        "Book a flight from San Francisco (SFO) to Madrid (MAD) on 2025-10-15, as cheaply as possible and "
        "for at most 900 in total. It may leave up to 1 day earlier or later. It must leave at 10:00 or "
        "later and have at most 1 stop. Pay in 3 instalments; their fee counts towards the total. The card "
        "token is tok_1. If no flight fits, abort."
    )


def test_params_are_the_arguments_of_begin(tasks):
    for task in tasks:
        assert FlightBookingEnv.checked_settings(task.params) == task.params


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"origin": "XYZ"}, "no airport"),
        ({"origin": "MAD", "destination": "MAD"}, "are both"),
        ({"date": "tomorrow"}, "YYYY-MM-DD"),
        ({"kind": "rent"}, "'book', 'cancel' or 'refund'"),
        ({"kind": "book", "budget": "900"}, "'900': it should be a valid integer"),
        ({"kind": "book", "max_stops": "1"}, "'1': it should be a valid integer"),
        ({"kind": "book", "depart_after": "ten"}, "HH:MM"),
        ({"kind": "book", "instalments": 5}, "0, 3, 6 or 12"),
        ({"kind": "book", "flex_days": 9}, "0 to 3"),
        ({"p_3ds": 1.5}, "p_3ds is 1.5"),
        ({"kind": "cancel", "booked_flight": "IB0"}, "does not fly"),
        ({"difficulty": 2}, "difficulty is 2"),
        ({"colour": "red"}, "no setting 'colour'"),
        ({"p_3d": 1}, "did you mean 'p_3ds'"),
    ],
)
def test_settings_that_make_no_sense_are_named(settings, why):
    with pytest.raises(UsageError, match=re.escape(why)):
        FlightBookingEnv.make_task(1, **settings)


def test_begin_checks_tasks_from_files_too():
    env = FlightBookingEnv()
    with pytest.raises(UsageError, match="no airport"):
        env.reset(options={"task": Task("flight", 1, 1, {"origin": "XYZ"})})


def test_a_negative_seed_is_refused():
    with pytest.raises(UsageError, match="0 or more"):
        FlightBookingEnv.make_task(-1)


def test_the_short_name_finds_it():
    assert find("flight") is find("flight-v1") is FlightBookingEnv
