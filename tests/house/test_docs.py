"""What the documentation shows works: examples run, commands and options exist, links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from practicum.mcp_server.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group

FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
NEEDS = re.compile(r"^<!-- needs (\w+): (.*) -->$", re.MULTILINE)
"""A package that the examples of a page need, and how to install it."""
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the rest of the line, what it holds, where it begins."""

    language: str
    remark: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = FENCE.finditer(text)
    return [Block(m[1], m[2].strip(), m[3], text.count("\n", 0, m.start()) + 1) for m in found]


def of_pages(*languages: str) -> list[Any]:
    chosen = [(page, [b for b in blocks(page) if b.language in languages]) for page in PAGES]
    return [pytest.param(page, found, id=name_of(page)) for page, found in chosen if found]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


# Python --------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "examples"), of_pages("python"))
def test_the_python_examples_of_a_page_run_one_after_the_other(
    page: Path, examples: list[Block], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package, how in NEEDS.findall(page.read_text(encoding="utf-8")):
        pytest.importorskip(package, reason=f"{name_of(page)} needs {package}: {how}")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRACTICUM_DB", str(tmp_path / "practicum.db"))
    names: dict[str, Any] = {"__name__": "docs_example"}
    for block in examples:
        if not block.remark:
            above = "\n" * block.line  # so that a traceback names the line of the page
            exec(compile(above + block.text, str(page), "exec"), names)


def test_an_excerpt_stands_in_the_file_that_it_names() -> None:
    quoted = [(page, block) for page in PAGES for block in blocks(page) if block.remark]
    assert quoted
    for page, block in quoted:
        name = block.remark.removeprefix("file=")
        assert block.text in (ROOT / name).read_text(encoding="utf-8"), f"{name_of(page)}:{block.line}"


# Commands ------------------------------------------------------------------------


def shell_lines(block: Block) -> Iterator[str]:
    for line in block.text.replace("\\\n", " ").splitlines():
        yield line.removeprefix("$ ").partition("  #")[0].strip()


def practicum_words(line: str) -> list[str] | None:
    """The words after `practicum` in a shell line that calls it, directly or through a client's command."""
    try:
        words = shlex.split(line.partition(" | ")[0].partition(" > ")[0])
    except ValueError:
        return None
    for place, word in enumerate(words):
        if word == "practicum" and (place == 0 or words[place - 1] == "--"):
            return words[place + 1 :]
        if word.endswith("/bin/practicum"):
            return words[place + 1 :]
    return None


def filled(word: str) -> str:
    """An example value for a placeholder."""
    return {"N": "1", "SEED": "1"}.get(word, word)


@pytest.mark.parametrize(("page", "examples"), of_pages("sh"))
def test_the_commands_of_a_page_are_taken_by_the_command_line(page: Path, examples: list[Block]) -> None:
    called = [words for block in examples for line in shell_lines(block) if (words := practicum_words(line))]
    for name, *arguments in called:
        if not name.startswith("-"):
            COMMANDS[name].make_context(name, [filled(word) for word in arguments])


def command_at(name: str, rest: list[str]) -> Any:
    """The command of that name, or where it is a group the one in it that the next word names."""
    command = COMMANDS[name]
    return getattr(command, "commands", {}).get(rest[0], command) if rest else command


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_the_text_of_a_page_exist_with_those_options(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for span in CODE_SPAN.findall(text):
        words = practicum_words(span)
        if not words or words[0].startswith("-"):
            continue
        for name in words[0].split("|"):
            assert name in COMMANDS, f"{span}: there is no such command"
            command = command_at(name, words[1:])
            known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            unknown = [word for word in words[1:] if word.startswith("-") and word not in known]
            assert not unknown, f"{span}: no such option"


def test_every_command_is_named_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"practicum {name}" not in readme] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_word_of_make_on_a_page_is_in_the_makefile(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= set(targets)


@pytest.mark.parametrize(("page", "examples"), of_pages("json"))
def test_client_settings_on_a_page_are_json_that_starts_a_server(page: Path, examples: list[Block]) -> None:
    for block in examples:
        settings = json.loads(block.text)
        for server in (settings.get("mcpServers") or settings.get("servers") or {}).values():
            if "command" in server:
                assert server["command"].endswith("practicum")
                name, *arguments = server["args"]
                COMMANDS[name].make_context(name, arguments)


# Links ---------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_relative_links_of_a_page_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        if ":" in path:
            continue
        target = Path(os.path.normpath(page.parent / path)) if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: {name_of(target)} has no such heading"


@pytest.mark.parametrize("folder", ["envs", "memory", "mcp_server", "skills", "training", "."])
def test_the_files_that_a_table_names_are_there(folder: str) -> None:
    page = ROOT / ("CONTRIBUTING.md" if folder == "." else f"docs/{folder}.md")
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    named = [span for row in rows for span in CODE_SPAN.findall(row) if span.endswith((".py", "/"))]
    assert [name for name in named if not (ROOT / folder / name).exists()] == []
