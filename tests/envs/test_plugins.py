"""A plugin that fails, in whatever way, is one line and takes nothing else along."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from practicum.envs import UsageError, find
from practicum.envs.check import check
from practicum.envs.slowness import importing

EXAMPLE = Path(__file__).parents[2] / "examples" / "parcel_lockers.py"

BROKEN = {
    "leaves": ("raise SystemExit(3)", "SystemExit: 3"),
    "exits": ("import sys\nsys.exit('no licence')", "SystemExit: no licence"),
    "foreign": ("class Odd(BaseException): pass\nraise Odd('two\\nlines')", "Odd: two lines"),
    "cancelled": ("import asyncio\nraise asyncio.CancelledError()", "CancelledError:"),
    "syntax": ("def broken(:", "SyntaxError: invalid syntax"),
    "missing": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "nothing": ("", "AttributeError:"),
    "untyped": (
        "from practicum.envs import ToolEnv, action\n"
        "class Env(ToolEnv):\n"
        "    @action\n"
        "    def go(self, where): ...\n",
        "TypeError: go: parameter 'where' needs a type annotation",
    ),
    "nested": (
        "from practicum.envs import ToolEnv, action\n"
        "class Env(ToolEnv):\n"
        "    @action\n"
        "    def go(self, where: list[list[int]]): ...\n",
        "TypeError: go: parameter 'where' is list[list[int]], which has no flat JSON form",
    ),
    "forever": ("def f(): f()\nf()", "RecursionError:"),
}
WHAT_IS_FOUND = """if True:
    import json, sys
    from practicum.envs import environments
    loaded, broken = environments()
    print(json.dumps([[env.env_id() for env in loaded], {each.name: each.reason for each in broken}]))
"""


@pytest.fixture
def plugins(tmp_path):
    """Installs modules as plugins; gives the folder that they lie in."""
    info = tmp_path / "plugins-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugins\nVersion: 1.0\n")
    entries = ["[practicum.environments]", "good-v3 = good_plugin:Lockers", "loud-v1 = loud_plugin:Lockers"]
    for name, (source, _) in BROKEN.items():
        (tmp_path / f"{name}_plugin.py").write_text(source)
        entries.append(f"{name}-v1 = {name}_plugin:Env")
    (info / "entry_points.txt").write_text("\n".join(entries))
    good = EXAMPLE.read_text().replace("class ParcelLockers", "class Lockers")
    (tmp_path / "good_plugin.py").write_text(good.replace('"parcels", 1', '"good", 3'))
    (tmp_path / "loud_plugin.py").write_text(good.replace('"parcels", 1', '"loud", 1') + "\nprint('hello')\n")
    return tmp_path


def run(*command, **extra):
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **extra},
        timeout=60,
    )
    return done.stdout


def test_every_broken_plugin_is_one_line_and_the_others_load(plugins):
    said = run("-c", WHAT_IS_FOUND, PYTHONPATH=str(plugins)).splitlines()
    loaded, broken = json.loads(said[-1])
    assert loaded == ["flight-v1", "retail-v1", "good-v3", "loud-v1"]
    assert set(broken) == {f"{name}-v1" for name in BROKEN}
    for name, (_, reason) in BROKEN.items():
        assert broken[f"{name}-v1"].startswith(f"the plugin '{name}-v1' cannot be loaded: {reason}")
        assert "\n" not in broken[f"{name}-v1"]


def test_the_command_lists_them_and_keeps_what_they_print_out_of_its_output(plugins, tmp_path):
    said = json.loads(run("-m", "practicum", "envs", "--json", PYTHONPATH=str(plugins), HOME=str(tmp_path)))
    assert {each["id"] for each in said["environments"]} == {"flight-v1", "retail-v1", "good-v3", "loud-v1"}
    assert {each["name"] for each in said["broken"]} == {f"{name}-v1" for name in BROKEN}


@pytest.mark.parametrize("name", sorted(set(BROKEN) - {"nothing"}))
def test_a_file_that_fails_is_one_line(tmp_path, name):
    source, reason = BROKEN[name]
    place = tmp_path / f"{name}_file.py"
    place.write_text(source)
    with pytest.raises(UsageError) as refusal:
        find(f"{place}:Env")
    assert str(refusal.value).startswith(f"cannot import '{place}': {reason}")
    assert "\n" not in str(refusal.value)


def test_a_person_who_interrupts_an_import_is_obeyed(tmp_path):
    (tmp_path / "interrupted.py").write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        find(f"{tmp_path}/interrupted.py:Env")


def test_a_schema_that_some_clients_refuse_is_found_by_the_check(tmp_path):
    (tmp_path / "open_object.py").write_text(
        EXAMPLE.read_text().replace("parcel: str, locker: str", "parcel: dict[str, int], locker: str")
    )
    findings = check(find(f"{tmp_path}/open_object.py:ParcelLockers"))
    assert any(
        finding.rule == "tool" and "'parcel' is of type object" in finding.message for finding in findings
    )


def wait_for_timers():
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()


def test_an_import_that_takes_long_says_so_while_it_does(capfd):
    with importing("no_such_module_yet", say_after_s=0):
        wait_for_timers()
        said = capfd.readouterr().err
    assert said.startswith("practicum: importing no_such_module_yet has taken 0 s so far; something in it")
    assert said.count("\n") == 1


def test_an_import_that_is_quick_says_nothing(capfd):
    with importing("no_such_module_yet", say_after_s=60):
        pass
    wait_for_timers()
    with importing("json", say_after_s=0):
        wait_for_timers()
    assert capfd.readouterr().err == ""
