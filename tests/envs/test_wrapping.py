"""A world is wrapped by its name, and found again by that name from anywhere."""

import shutil
import sys
import types

import pytest

from practicum.envs import UsageError, find, make, register
from practicum.envs.check import check
from practicum.envs.registry import lasting_name
from practicum.envs.wrappers import FAILED
from practicum.envs.wrapping import steps_allowed
from tests.envs.playing import PARCELS, ROOT, holds, played, task


def test_a_world_is_wrapped_by_its_name():
    env_class = find(f"{PARCELS}+step_limit=3+failing=1")
    assert (env_class.env_id(), env_class.make_task(4)) == ("parcels-v1", task(4))
    steps = played(env_class(), [("look", {})] * 3).steps
    assert [step.error for step in steps] == [FAILED] * 3
    assert steps[-1].truncated
    holds(steps)


def test_a_task_has_the_same_hash_and_split_whatever_is_around_its_world():
    for name in ("flight", "flight+failing=0.2", "flight-v1+time_budget=5+lost=0.1"):
        assert find(name).make_task(7).hash == find("flight").make_task(7).hash


@pytest.mark.parametrize(
    "name",
    [
        "flight+time_budget=600+failing=0.2+lost=0.1",
        "flight+jitter=0.1+step_limit=20",
        f"{PARCELS}+failing=0.3",
        "gym:FrozenLake-v1+lost=0.3+step_limit=30",
        "gym:Pendulum-v1+jitter=0.2+time_budget=600",
    ],
)
def test_a_wrapped_world_keeps_the_contract(name):
    assert check(find(name)) == []


@pytest.fixture
def shaping(monkeypatch):
    module = types.ModuleType("shaping_rules")
    module.per_turn = lambda steps: len(steps) / 10
    monkeypatch.setitem(sys.modules, "shaping_rules", module)
    return "shaping_rules:per_turn"


def test_a_reward_function_is_named_by_its_place(shaping):
    env_class = find(f"{PARCELS}+reward={shaping}")
    steps = played(env_class(), [("look", {})] * 3).steps
    assert [step.terms["shaped"] for step in steps] == [0.1, 0.2, 0.3]
    assert check(env_class) == []


def test_the_lasting_name_is_versioned_and_its_files_are_absolute(tmp_path, monkeypatch, shaping):
    monkeypatch.chdir(ROOT)
    (tmp_path / "rules.py").write_text("def fair(steps):\n    return 0.0\n")
    bare = "examples/parcel_lockers.py:ParcelLockers"
    assert lasting_name(bare) == PARCELS
    assert lasting_name("flight+failing=0.2") == "flight-v1+failing=0.2"
    assert lasting_name("gym:CartPole+lost=0.1") == "gym:CartPole-v1+lost=0.1"
    assert lasting_name(f"flight+reward={shaping}") == f"flight-v1+reward={shaping}"
    name = lasting_name(f"{bare}+reward={tmp_path}/rules.py:fair+step_limit=3")
    assert name == f"{PARCELS}+reward={tmp_path}/rules.py:fair+step_limit=3"
    monkeypatch.chdir(tmp_path)
    assert find(name).env_id() == "parcels-v1"


def test_the_strictest_of_all_step_limits_counts_however_it_is_spelt():
    world = find(f"{PARCELS}+step_limit=4+lost=0.5+step_limit=3.0")
    assert steps_allowed(world, task()) == len(played(world(), [("look", {})] * 9).steps) == 3
    assert steps_allowed(find(PARCELS), task()) == task().step_limit


def test_a_plus_in_a_path_begins_no_wrapper(tmp_path):
    folder = tmp_path / "c++" / "a+b=c"
    folder.mkdir(parents=True)
    file = shutil.copy(ROOT / "examples" / "parcel_lockers.py", folder / "lockers.py")
    (folder / "rules.py").write_text("def fair(steps):\n    return 0.5\n")
    name = f"{file}:ParcelLockers+reward={folder}/rules.py:fair+step_limit=1"
    assert lasting_name(name) == name
    [step] = played(find(name)(), [("look", {})]).steps
    assert (step.terms["shaped"], step.truncated) == (0.5, True)


def test_a_file_is_found_in_the_home_that_its_name_begins_with(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(ROOT / "examples" / "parcel_lockers.py", tmp_path / "lockers.py")
    assert find("~/lockers.py:ParcelLockers").env_id() == "parcels-v1"
    assert lasting_name("~/lockers.py:ParcelLockers") == f"{tmp_path}/lockers.py:ParcelLockers"
    with pytest.raises(UsageError, match="there is no such user"):
        find("~nobody-here/lockers.py:ParcelLockers")


def test_the_lasting_name_of_an_environment_of_ones_own_is_its_id():
    register("test-project/my-parcels", find(PARCELS))
    assert lasting_name("test-project/my-parcels") == "test-project/my-parcels"
    assert isinstance(make("test-project/my-parcels"), find(PARCELS))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("flight+time_budge=3", "no wrapper 'time_budge'; did you mean 'time_budget'"),
        ("flight+time_budget=soon", "what stands after time_budget= should be a valid number"),
        ("flight+time_budget=0", "what stands after time_budget= should be greater than 0"),
        ("flight+step_limit=1.5", "what stands after step_limit= should be a valid integer"),
        ("flight+failing=2", "should be less than or equal to 1"),
        ("flight+reward=json:nothing", "'json' has no function 'nothing'"),
        ("flight+reward=no_such_module:f", "cannot import 'no_such_module'"),
        ("flight+reward=fair", "reward=fair: expected module:function or file.py:function"),
        ("flihgt+failing=0.1", "no environment 'flihgt'; did you mean 'flight'"),
    ],
)
def test_a_name_that_means_no_wrapper_is_one_line(name, complaint):
    with pytest.raises(UsageError, match=complaint) as refusal:
        find(name)
    assert "\n" not in str(refusal.value)
