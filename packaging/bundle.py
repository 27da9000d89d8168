"""Packs Practicum as an MCP bundle, one file that a desktop application installs.

`python packaging/bundle.py OUT.mcpb`; the same source gives the same bytes. The application's uv installs
what Practicum needs, in the versions that it is tested with.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("envs", "memory", "skills", "training", "mcp_server")
LEFT_OUT = {"__pycache__", ".DS_Store"}
OLDEST = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold."""


def contents(root: Path = ROOT) -> dict[str, bytes]:
    """Every file of the bundle, by its path in it."""
    found = {
        "manifest.json": root / "packaging/manifest.json",
        "LICENSE": root / "LICENSE",
        "README.md": root / "README.md",
        "src/server.py": root / "packaging/server.py",
    }
    found |= {f"src/practicum/{name}": root / "practicum" / name for name in ("__init__.py", "__main__.py")}
    for folder in FOLDERS:
        found |= {
            f"src/practicum/{path.relative_to(root).as_posix()}": path for path in _sources(root / folder)
        }
    return {
        "pyproject.toml": project(root).encode(),
        **{name: path.read_bytes() for name, path in found.items()},
    }


def project(root: Path = ROOT) -> str:
    """The bundle's own project file: what is needed to run, held to the tested versions; nothing is built."""
    own = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    version = json.loads((root / "packaging/manifest.json").read_text(encoding="utf-8"))["version"]
    return f"""\
[project]
name = "practicum-bundle"
version = {json.dumps(version)}
requires-python = {json.dumps(own["requires-python"])}
dependencies = {json.dumps(own["dependencies"], indent=4)}

[tool.uv]
package = false
constraint-dependencies = {json.dumps(pins, indent=4)}
"""


def _sources(folder: Path) -> list[Path]:
    every = folder.rglob("*")
    return [path for path in every if path.is_file() and not LEFT_OUT.intersection(path.parts)]


def pack(target: Path, root: Path = ROOT) -> None:
    """Write the bundle."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as bundle:
        for name, body in sorted(contents(root).items()):
            entry = zipfile.ZipInfo(name, OLDEST)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(entry, body, compresslevel=9)


def main() -> None:
    """Pack, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path, help="where to write it, such as dist/practicum.mcpb")
    target = parser.parse_args().target
    pack(target)
    sys.stdout.write(f"{target}, {target.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
