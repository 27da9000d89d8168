"""The wheel holds what the tree holds, and serves from an environment that has nothing else of ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import anyio
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

ROOT = Path(__file__).parents[2]
FOLDERS = ("envs", "memory", "skills", "training", "mcp_server")
IGNORE = shutil.ignore_patterns("__pycache__")

pytestmark = pytest.mark.integration


def run(*command: str | Path, cwd: Path) -> str:
    words = [str(word) for word in command]
    env = {"PATH": ""}
    ran = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a wheel is built from, so that no file of an earlier build comes along."""
    tree = tmp_path_factory.mktemp("tree") / "practicum"
    tree.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tree / name, ignore=IGNORE)
    shutil.copytree(ROOT / "practicum", tree / "practicum", symlinks=True, ignore=IGNORE)
    return tree


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without the network, by the setuptools of this environment."""
    built = tmp_path_factory.mktemp("built")
    copied = tmp_path_factory.mktemp("source") / "practicum"
    shutil.copytree(tree, copied, symlinks=True)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", built, copied, cwd=built)
    return next(built.glob("practicum-*.whl"))


@pytest.fixture(scope="module")
def empty_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; only what it depends on is lent by the environment of the tests."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    quiet = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")
    run(sys.executable, "-m", "pip", "--python", python, "install", *quiet, wheel, cwd=folder)
    lent = sysconfig.get_path("purelib")
    installed = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    Path(installed.strip(), "lent.pth").write_text(f"{lent}\n", encoding="utf-8")
    return python


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(tree: Path, wheel: Path) -> None:
    files = [path for folder in FOLDERS for path in (tree / folder).rglob("*") if path.is_file()]
    packaged = {f"practicum/{path.relative_to(tree).as_posix()}" for path in files}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == packaged | {"practicum/__init__.py", "practicum/__main__.py"}


def test_the_wheel_carries_the_licence_and_the_readme(tree: Path, wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    names = archive.namelist()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert "License-Expression: MIT" in metadata
    assert (tree / "README.md").read_text(encoding="utf-8").splitlines()[0] in metadata


def test_practicum_comes_from_the_wheel(empty_python: Path, tmp_path: Path) -> None:
    found = run(empty_python, "-c", "import practicum.envs; print(practicum.__file__)", cwd=tmp_path)
    assert Path(found.strip()).is_relative_to(empty_python.parents[1])


def test_the_command_of_the_wheel_tells_its_version(wheel: Path, empty_python: Path, tmp_path: Path) -> None:
    told = run(empty_python.with_name("practicum"), "--version", cwd=tmp_path)
    assert told.strip() == wheel.name.split("-")[1]


def test_the_command_of_the_wheel_lists_flight(empty_python: Path, tmp_path: Path) -> None:
    listed = json.loads(run(empty_python.with_name("practicum"), "envs", "--json", cwd=tmp_path))
    assert "flight-v1" in [env["id"] for env in listed["environments"]]
    assert listed["broken"] == []


def test_a_client_opens_a_flight_session_on_the_wheel(empty_python: Path, tmp_path: Path) -> None:
    command = str(empty_python.with_name("practicum"))
    arguments = ["serve", "--db", str(tmp_path / "log.db")]
    server = StdioServerParameters(command=command, args=arguments, cwd=tmp_path)

    async def open_session() -> dict[str, object]:
        with anyio.fail_after(60):
            async with Client(server) as client:
                opened = await client.call_tool("open_session", {"env": "flight", "seed": 7})
        assert not opened.is_error, opened
        return dict(opened.structured_content or {})

    opened = anyio.run(open_session)
    assert opened["env"] == "flight-v1"
    assert "search_flights" in opened["tools"]  # type: ignore[operator]  # a list of names
    assert (tmp_path / "log.db").exists()
