"""The settings file behind `--config`: YAML whose keys are options, for all commands or for one."""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.exceptions import TyperException

from practicum.envs.errors import UsageError, nearest
from practicum.envs.paths import at_home

VARIABLE = "PRACTICUM_CONFIG"
MAPPING = "NAME=VALUE"
"""The metavar of options that a settings file may also give as a mapping."""
SECRET = re.compile(
    r"(^|[-_])(token|password|passwd|passphrase|secret|credentials?|(api|private|access)[-_]?key)$",
    re.IGNORECASE,
)
Words = tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One value of a settings file."""

    place: str
    """Where it stands, such as `serve.port`."""
    option: TyperOption
    value: Any
    """As the command line would give it: text, a number, a flag, or a list of texts."""


def default_file() -> Path:
    """The file that is read where none is named."""
    return platformdirs.user_config_path("practicum", appauthor=False) / "config.yaml"


def chosen_file(given: Path | None) -> Path | None:
    """The file to read: the one given, `PRACTICUM_CONFIG`, or the default one where it exists."""
    named = given or os.environ.get(VARIABLE)
    if named:
        return at_home(Path(named))
    default = default_file()
    return default if os.access(default, os.F_OK) else None


def read_config(file: Path, root: TyperGroup) -> dict[Words, list[Entry]]:
    """The entries of a file, by the words of the command that they are for; `()` is for all commands.

    Raises:
        UsageError: it cannot be read, a key or its value means nothing, or a key names a secret.
    """
    body = _loaded(file)
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise UsageError(
            f"{file} holds {_kind(body)}, expected options and their values, such as `port: 9000`"
        )
    return _Reader(file, root).read(body)


def defaults_for(ctx: typer.Context, words: Words, entries: Mapping[Words, list[Entry]], file: Path) -> Any:
    """The defaults of the command that runs, by parameter; what stands nearer to it in the file wins.

    Raises:
        UsageError: a value does not fit its option.
    """
    own = {option.name: option for option in options_of(ctx.command)}
    values: dict[str, Any] = {}
    for entry in [each for last in range(len(words) + 1) for each in entries.get(words[:last], ())]:
        if entry.option.name in own:
            _check(ctx, own[entry.option.name], entry, file)
            values[entry.option.name] = entry.value
    return values


def options_of(command: Any) -> list[TyperOption]:
    """The options of a command that a settings file can give."""
    return [
        p for p in command.params if isinstance(p, TyperOption) and key_of(p) not in ("config", "version")
    ]


def key_of(option: TyperOption) -> str:
    """The name of an option in a settings file: as on the command line, without its dashes."""
    return next((name for name in option.opts if name.startswith("--")), option.opts[0]).lstrip("-")


def leaves(group: TyperGroup, words: Words = ()) -> Iterator[tuple[Words, TyperCommand]]:
    """Every command of a group by its words, those of groups within it too."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from leaves(command, (*words, name))
        elif isinstance(command, TyperCommand):
            yield (*words, name), command


def shared_options(root: TyperGroup) -> dict[str, TyperOption]:
    """The options that more than one command has, and that take the same in each."""
    found: dict[str, list[TyperOption]] = {}
    for _, command in leaves(root):
        for option in options_of(command):
            found.setdefault(key_of(option), []).append(option)
    return {
        key: alike[0] for key, alike in found.items() if len(alike) > 1 and len(set(map(_takes, alike))) == 1
    }


def _takes(option: TyperOption) -> str:
    return f"{option.type_descriptor.annotation} {option.multiple}"


class _Reader:
    """Reads the body of one file against the commands that there are."""

    def __init__(self, file: Path, root: TyperGroup) -> None:
        self._file = file
        self._root = root
        self._entries: dict[Words, list[Entry]] = {}

    def read(self, body: Mapping[Any, Any]) -> dict[Words, list[Entry]]:
        """The entries by command."""
        self._read_level(body, (), self._root.commands, shared_options(self._root))
        return self._entries

    def _read_level(
        self,
        body: Mapping[Any, Any],
        words: Words,
        commands: Mapping[str, Any],
        options: Mapping[str, TyperOption],
    ) -> None:
        for key, value in body.items():
            place = ".".join((*words, str(key)))
            name = self._name(key, place)
            if name in commands and (isinstance(value, dict) or name not in options):
                self._read_section(value, (*words, name), commands[name])
            elif name in options:
                found = Entry(place, options[name], self._read_value(place, options[name], value))
                self._entries.setdefault(words, []).append(found)
            else:
                raise self._unknown(name, place, [*options, *commands])

    def _read_section(self, body: Any, words: Words, command: Any) -> None:
        if not isinstance(body, dict):
            given = f"`{words[-1]}: {{port: 9000}}`"
            raise self._wrong(".".join(words), _shown(body), f"the options of that command, such as {given}")
        commands = command.commands if isinstance(command, TyperGroup) else {}
        self._read_level(body, words, commands, {key_of(option): option for option in options_of(command)})

    def _name(self, key: Any, place: str) -> str:
        if not isinstance(key, str):
            raise UsageError(f"{self._file}: the key {place} is {_kind(key)} to YAML; put it in quotes")
        return key.replace("_", "-")

    def _read_value(self, place: str, option: TyperOption, value: Any) -> Any:
        self._refuse_secret(place, option)
        if option.is_flag:
            if not isinstance(value, bool):
                raise self._wrong(place, _shown(value), "true or false")
            return value
        if not option.multiple:
            found = self._scalar(place, value)
            return at_home(Path(str(found))) if option.type_descriptor.is_path else found
        if isinstance(value, dict) and option.metavar == MAPPING:
            return [self._pair(f"{place}.{name}", name, each) for name, each in value.items()]
        each = value if isinstance(value, list) else [value]
        return [str(self._scalar(place, one)) for one in each]

    def _pair(self, place: str, name: Any, value: Any) -> str:
        is_play_money = str(name).endswith("token")  # such as flight's card_token
        if SECRET.search(str(name)) and not is_play_money:
            raise self._secret(place)
        try:
            return f"{name}={json.dumps(_dateless(value))}"
        except TypeError:
            raise self._wrong(place, _kind(value), "text, a number, true or false, or a list") from None

    def _scalar(self, place: str, value: Any) -> Any:
        value = _dateless(value)
        if isinstance(value, bool) or not isinstance(value, str | int | float) or "\0" in str(value):
            raise self._wrong(place, _shown(value), "one value, text or a number")
        return value

    def _refuse_secret(self, place: str, option: TyperOption) -> None:
        if SECRET.search(key_of(option)) and not option.type_descriptor.is_path:
            raise self._secret(place)

    def _unknown(self, name: str, place: str, known: Iterable[str]) -> UsageError:
        if SECRET.search(name):
            return self._secret(place)
        homes = [" ".join(words) for words, command in leaves(self._root) if _has(command, name)]
        if "." not in place and homes:
            where = f"{homes[0]}: {{{name}: …}}"
            return UsageError(f"{self._file}: {place!r} is an option of {', '.join(homes)}; write `{where}`")
        listed = ", ".join(sorted(known))
        return UsageError(f"{self._file}: there is no {place!r}{nearest(name, known)}; there are {listed}")

    def _secret(self, place: str) -> UsageError:
        return UsageError(
            f"{self._file}: {place!r} looks like a secret; set it in the environment, not in a file"
        )

    def _wrong(self, place: str, found: str, expected: str) -> UsageError:
        return UsageError(f"{self._file}: {place!r} is {found}, expected {expected}")


def _has(command: Any, name: str) -> bool:
    return any(key_of(option) == name for option in options_of(command))


def _loaded(file: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(file.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read the settings file {file}: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}:{mark.line + 1}" if mark else str(file)
        reason = getattr(error, "problem", None) or " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"{place}: this is no YAML: {reason}") from None


def _check(ctx: typer.Context, option: TyperOption, entry: Entry, file: Path) -> None:
    try:
        option.process_value(ctx, entry.value)
    except TyperException as error:
        reason = " ".join(str(error).split()).rstrip(".").removeprefix("Value error, ")
        raise UsageError(f"{file}: {entry.place!r} is {_shown(entry.value)}: {reason}") from None


def _dateless(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime.date) else value


def _shown(value: Any) -> str:
    return _kind(value) if isinstance(value, dict | list) or value is None else repr(value)


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    kinds = {dict: "a mapping", list: "a list", str: "a text", bool: "true or false"}
    return kinds.get(type(value), f"a value ({type(value).__name__})")
