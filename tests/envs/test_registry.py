"""Environments are found by short name, versioned name, module, file, plugin or Gymnasium id."""

import json
import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

from practicum.envs import ToolCall, ToolEnv, UsageError, environments, find, make, register
from practicum.envs.domains import DomainProfile, domain

EXAMPLE = Path(__file__).parents[2] / "examples" / "parcel_lockers.py"


LOADED_WHEN_USED = {
    f"envs.{name}"
    for name in (
        *("check", "gymnasium_env", "flat_actions", "observations", "wrappers", "wrapping"),
        *("normalise", "author"),
    )
}


def run_python(code, **extra):
    """What a fresh Python prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **extra}
    )
    return json.loads(done.stdout)


def test_a_short_name_means_the_newest_version(parcels):
    class Newer(parcels):
        """Newer."""

        version = 12

    register("test-parcels-v2", parcels)
    register("test-parcels-v12", Newer)
    assert find("test-parcels") is Newer
    assert find("test-parcels-v2") is parcels


def test_an_environment_is_found_by_module_and_by_file():
    flight = find("practicum.envs.flight_booking_env:FlightBookingEnv")
    assert find("flight") is find("flight-v1") is flight
    assert find(f"{EXAMPLE}:ParcelLockers") is find(f"{EXAMPLE}:ParcelLockers")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        (str(EXAMPLE), "names a file and no class in it: write .*parcel_lockers.py:Class"),
        ("flight+time_budget", r"the wrapper \+time_budget has no value"),
        ("gym:CartPole-v1+lost=0.1+jitter", r"the wrapper \+jitter has no value"),
    ],
)
def test_a_name_that_stops_short_is_told_what_is_missing(name, complaint):
    with pytest.raises(UsageError, match=complaint):
        find(name)


def test_making_hands_the_settings_on(parcels):
    register("test-made-v1", parcels)
    _, info = make("test-made", parcels=5).reset(seed=0)
    assert info["task"]["params"] == {"parcels": 5}


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("flihgt", "no environment 'flihgt'; did you mean 'flight'"),
        (f"{EXAMPLE}:ParcelLocker", "has no 'ParcelLocker'; did you mean 'ParcelLockers'"),
        (f"{EXAMPLE}:Depot", "which is no ToolEnv class"),
        ("nowhere.py:X", "no file .*nowhere.py"),
        ("no_such_module:X", "cannot import 'no_such_module': ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_found_is_a_usage_error_with_the_way_out(name, complaint):
    with pytest.raises(UsageError, match=complaint):
        find(name)


def test_a_file_that_fails_to_import_is_one_line(tmp_path):
    (tmp_path / "broken.py").write_text("raise ValueError('two\\nlines')")
    with pytest.raises(UsageError, match=r"ValueError: two lines$"):
        find(f"{tmp_path}/broken.py:X")


def test_a_domain_can_be_given_with_the_class(parcels):
    class Mine(parcels):
        """Mine."""

    register("test-mine-v1", Mine, domain=DomainProfile("test-depot"))
    assert Mine.profile() is domain("test-depot")
    assert parcels.domain == "generic"


def test_plugins_load_and_a_broken_one_is_one_line(tmp_path):
    info = tmp_path / "plugins-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugins\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[practicum.environments]\n"
        "good-v3 = good_plugin:Lockers\nbad-v1 = bad_plugin:Env\nodd-v1 = good_plugin:Depot\n"
        "flight-v1 = good_plugin:Lockers\n"
    )
    (tmp_path / "good_plugin.py").write_text(
        EXAMPLE.read_text()
        .replace("class ParcelLockers", "class Lockers")
        .replace('"parcels", 1', '"good", 3')
    )
    (tmp_path / "bad_plugin.py").write_text("raise RuntimeError('no licence')\n")
    code = """if True:
        import json
        from practicum.envs import environments, find
        loaded, broken = environments()
        print(json.dumps({
            "loaded": [env.env_id() for env in loaded],
            "broken": {plugin.name: plugin.reason for plugin in broken},
            "found": find("good").env_id(),
            "flight": find("flight").__module__,
        }))
    """
    found = run_python(code, PYTHONPATH=str(tmp_path))
    assert found["loaded"] == ["flight-v1", "retail-v1", "good-v3"]
    assert found["found"] == "good-v3"
    assert found["flight"] == "practicum.envs.flight_booking_env"
    assert set(found["broken"]) == {"bad-v1", "odd-v1"}
    assert found["broken"]["bad-v1"] == "the plugin 'bad-v1' cannot be loaded: RuntimeError: no licence"
    assert "no ToolEnv class" in found["broken"]["odd-v1"]


def test_importing_the_package_registers_gymnasium_ids_and_loads_nothing():
    code = """if True:
        import json, sys
        import gymnasium
        import practicum.envs
        print(json.dumps([sorted(sys.modules), list(gymnasium.registry)]))
    """
    modules, ids = run_python(code)
    assert "practicum/flight-v1" in ids
    ours = {name.removeprefix("practicum.") for name in modules if name.startswith("practicum.")}
    assert {name for name in ours if not name.startswith("envs")} == set()
    assert not {name for name in ours if "flight" in name or name in LOADED_WHEN_USED}
    assert not {"torch", "mcp", "sqlite3", "typer", "rich"} & set(modules)


def test_gymnasium_makes_a_built_in_environment_by_id():
    env = gymnasium.make("practicum/flight-v1")
    assert isinstance(env.unwrapped, ToolEnv)
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step({"verb": 0, "payload": ""})
    assert info["tool"] == "search_flights"
    assert reward == pytest.approx(sum(info["terms"].values()))
    assert not terminated
    assert not truncated
    env.close()


def test_gymnasium_makes_a_registered_class_and_the_latest_registration_wins(parcels):
    class Other(parcels):
        """Another."""

    register("test-gym-v1", Other)
    register("test-gym-v1", parcels)
    env = gymnasium.make("practicum/test-gym-v1", parcels=2)
    assert type(env.unwrapped) is parcels
    env.reset(seed=3)
    assert env.unwrapped.task.params == {"parcels": 2}


def vector_calls(count):
    return [ToolCall("look") for _ in range(count)]


def test_environments_run_in_a_sync_vector(parcels):
    envs = SyncVectorEnv([parcels] * 3)
    try:
        envs.reset(seed=[1, 2, 3])
        observations, rewards, terminations, truncations, _ = envs.step(vector_calls(3))
    finally:
        envs.close()
    assert [sorted(o["lockers"].values()) for o in observations] == [
        sorted(o["parcels"].values()) for o in observations
    ]
    assert rewards.tolist() == pytest.approx([-0.01] * 3)
    assert not terminations.any()
    assert not truncations.any()


def test_environments_run_in_an_async_vector_and_agree_with_the_sync_one(parcels):
    sync, apart = SyncVectorEnv([parcels] * 2), AsyncVectorEnv([parcels] * 2, shared_memory=False)
    try:
        assert sync.reset(seed=[1, 2])[0] == apart.reset(seed=[1, 2])[0]
        assert sync.step(vector_calls(2))[0] == apart.step(vector_calls(2))[0]
    finally:
        sync.close()
        apart.close()


def test_known_environments_are_listed_once_and_ours_load():
    loaded, _ = environments()
    assert "flight-v1" in [env.env_id() for env in loaded]
