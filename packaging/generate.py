"""Writes the files that publish Practicum: the bundle's manifest, the registry's server.json, the Dockerfile.

`python packaging/generate.py` after a change to release.yaml, the version or the description;
with `--check` it writes nothing and names what is out of date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
HERE = "packaging"
REGISTRY_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
NAME_LINE = re.compile(r"<!-- mcp-name: .* -->")
BADGES = re.compile(r"(<!-- badges -->\n).*(<!-- /badges -->)", re.DOTALL)
NOBODY = "OWNER"
"""The owner until there is one; what would lead nowhere yet is then written without an address."""


@dataclass(frozen=True)
class Release:
    """What is said of a release in more than one place."""

    owner: str
    version: str
    description: str
    keywords: tuple[str, ...]
    python: str

    @property
    def repository(self) -> str:
        """Where the source is."""
        return f"https://github.com/{self.owner}/practicum"

    @property
    def server_name(self) -> str:
        """The name in the MCP registry, which the owner of the repository may use."""
        return f"io.github.{self.owner}/practicum"


def read_release(root: Path = ROOT) -> Release:
    """The release that the files of the repository describe."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = re.search(r'__version__ = "(.+)"', (root / "practicum/__init__.py").read_text(encoding="utf-8"))
    owner = yaml.safe_load((root / HERE / "release.yaml").read_text(encoding="utf-8"))["owner"]
    assert version is not None
    keywords = tuple(project["keywords"])
    return Release(owner, version[1], project["description"], keywords, project["requires-python"])


def manifest(release: Release) -> dict[str, Any]:
    """The bundle's manifest, for hosts that run Python servers through uv."""
    return {
        "manifest_version": "0.4",
        "name": "practicum",
        "display_name": "Practicum",
        "version": release.version,
        "description": release.description,
        "long_description": (
            "Worlds such as a flight booking site, in which every action is a tool and every success is "
            "judged by the world itself. Ask: open a Practicum session and do its task. Every call is logged "
            "on this machine, in one SQLite file in your data folder; nothing is sent anywhere."
        ),
        "author": {"name": "Practicum contributors"},
        "repository": {"type": "git", "url": f"{release.repository}.git"},
        "homepage": release.repository,
        "documentation": f"{release.repository}/tree/main/docs",
        "support": f"{release.repository}/issues",
        "server": {
            "type": "uv",
            "entry_point": "src/server.py",
            "mcp_config": {"command": "uv", "args": ["run", "--directory", "${__dirname}", "src/server.py"]},
        },
        "tools_generated": True,
        "prompts_generated": True,
        "keywords": list(release.keywords),
        "license": "MIT",
        "compatibility": {
            "platforms": ["darwin", "win32", "linux"],
            "runtimes": {"python": release.python},
        },
    }


def server_json(release: Release) -> dict[str, Any]:
    """The entry in the MCP registry: the published package, started with `uvx practicum serve`."""
    log = {
        "name": "PRACTICUM_DB",
        "description": "The log of all sessions, one SQLite file; in your data folder by default",
        "format": "filepath",
    }
    return {
        "$schema": REGISTRY_SCHEMA,
        "name": release.server_name,
        "title": "Practicum",
        "description": release.description,
        "version": release.version,
        "websiteUrl": release.repository,
        "repository": {"url": release.repository, "source": "github"},
        "packages": [
            {
                "registryType": "pypi",
                "identifier": "practicum",
                "version": release.version,
                "runtimeHint": "uvx",
                "transport": {"type": "stdio"},
                "packageArguments": [{"type": "positional", "value": "serve"}],
                "environmentVariables": [log],
            }
        ],
    }


def dockerfile(release: Release) -> str:
    """An image that serves over stdio: `docker run -i --rm -v practicum:/data IMAGE`."""
    return f"""\
# Made by packaging/generate.py. Not built here: where the tests run there is no container engine.
# From the root of the repository:  docker build --file packaging/Dockerfile --tag practicum .
# Over stdio:  docker run -i --rm --volume practicum:/data practicum
FROM python:3.13-slim

LABEL org.opencontainers.image.title="Practicum" \\
      org.opencontainers.image.description="{release.description}" \\
      org.opencontainers.image.version="{release.version}" \\
      org.opencontainers.image.licenses="MIT" \\
      org.opencontainers.image.source="{release.repository}" \\
      io.modelcontextprotocol.server.name="{release.server_name}"

COPY . /tmp/practicum
RUN cd /tmp/practicum \\
    && pip install --no-cache-dir --constraint constraints.txt . \\
    && rm -rf /tmp/practicum \\
    && useradd --create-home practicum \\
    && install --directory --owner=practicum --mode=0700 /data

USER practicum
ENV PRACTICUM_DB=/data/practicum.db
VOLUME /data
ENTRYPOINT ["practicum"]
CMD ["serve"]
"""


def readme(release: Release, text: str) -> str:
    """The README with its badges and the line by which the registry knows whose package it is."""
    named = NAME_LINE.sub(f"<!-- mcp-name: {release.server_name} -->", text)
    return BADGES.sub(lambda found: f"{found[1]}{badges(release)}\n{found[2]}", named)


def badges(release: Release) -> str:
    """Python, licence, and how the checks of the main branch went."""
    workflow = f"{release.repository}/actions/workflows/ci.yml"
    checks = "[CI](.github/workflows/ci.yml)"
    if release.owner != NOBODY:
        checks = f"[![CI]({workflow}/badge.svg)]({workflow})"
    return f"**Python {release.python.removeprefix('>=')}+** · **[MIT](LICENSE)** · **{checks}**"


def files(root: Path = ROOT) -> dict[str, str]:
    """What every generated file must hold, by its path from the root."""
    release = read_release(root)
    return {
        f"{HERE}/manifest.json": _json(manifest(release)),
        f"{HERE}/server.json": _json(server_json(release)),
        f"{HERE}/Dockerfile": dockerfile(release),
        "README.md": readme(release, (root / "README.md").read_text(encoding="utf-8")),
    }


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the files, or name those that are out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 where a file is out of date"
    )
    only_check = parser.parse_args().check
    wanted = files()
    old = [name for name, text in wanted.items() if not _holds(ROOT / name, text)]
    for name in old:
        sys.stdout.write(f"{'out of date' if only_check else 'written'}: {name}\n")
        if not only_check:
            (ROOT / name).write_text(wanted[name], encoding="utf-8")
    if only_check and old:
        sys.exit(1)


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()
