"""Layers: the settings of a run, and where each comes from: default.yaml, preset, file, command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from practicum.envs.errors import UsageError, nearest
from practicum.training.trainers.settings import METHODS, TrainerSettings

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
PROMPTS = CONFIGS.parent / "prompts"
DEFAULT = "default.yaml"
COMMAND_LINE = "command line"
SECRET = re.compile(r"(key|token|password|secret)$", re.IGNORECASE)
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Layered:
    """Settings, and where each of them comes from."""

    method: str
    settings: TrainerSettings
    sources: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Value and source of each setting by its name."""
        values = self.settings.as_json()
        return {name: {"value": value, "from": self.sources[name]} for name, value in values.items()}


def layered(
    method: str, *, preset: str | None = None, file: Path | None = None, given: Values | None = None
) -> Layered:
    """The settings of a run; what comes later wins.

    Args:
        method: one of `METHODS`.
        preset: name of a file in configs/.
        file: YAML of settings; those under the name of a method hold for it alone.
        given: on the command line.

    Raises:
        UsageError: a file cannot be read, or a setting is unknown or has a value that it cannot have.
    """
    layers = [(DEFAULT, CONFIGS / DEFAULT)]
    if preset is not None:
        layers.append((f"preset {preset}", _preset(preset)))
    if file is not None:
        layers.append((str(file), file))
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    read = [(name, _own(_read(path), method, name)) for name, path in layers]
    for name, layer in [*read, (COMMAND_LINE, given or {})]:
        _see_known(layer, method, name)
        values |= layer
        sources |= dict.fromkeys(layer, name)
    return Layered(method, _checked(method, values, sources), sources)


def presets() -> list[str]:
    """The names of the presets that there are."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml") if path.name != DEFAULT)


def prompt(name: str) -> str:
    """A system message by the name of its file, one of prompts/ or any other.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    own = PROMPTS / name
    try:
        return (own if own.is_file() else Path(name)).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        known = ", ".join(sorted(path.name for path in PROMPTS.glob("*.txt")))
        reason = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"agent_prompt {name!r}: {reason}; there are {known}, or name a file") from None


def _preset(name: str) -> Path:
    if name not in presets():
        raise UsageError(f"no preset {name!r}{nearest(name, presets())}; there are {', '.join(presets())}")
    return CONFIGS / f"{name}.yaml"


def _read(path: Path) -> Values:
    import yaml

    try:
        body = yaml.safe_load(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read the settings file {path}: {reason}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{path}: this is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(body, dict | None):
        raise UsageError(f"{path} holds no settings; expected names and values, such as `lm_lr: 1.0e-4`")
    return body or {}


def _own(body: Values, method: str, name: str) -> Values:
    """What a file says for a method, its own section last."""
    sections = {key: value for key, value in body.items() if key in METHODS}
    for key, section in sections.items():
        if not isinstance(section, dict | None):
            raise UsageError(f"{name}: {key!r} holds no settings; expected `{key}: {{lm_lr: 1.0e-5}}`")
    return {k: v for k, v in body.items() if k not in METHODS} | (sections.get(method) or {})


def _see_known(layer: Values, method: str, name: str) -> None:
    known = [field.name for field in fields(METHODS[method])]
    for key in layer:
        if key in known:
            continue
        if SECRET.search(str(key)):
            raise UsageError(
                f"{name}: {key!r} looks like a secret; set it in the environment: WANDB_API_KEY, HF_TOKEN"
            )
        others = [each for each in METHODS if str(key) in {field.name for field in fields(METHODS[each])}]
        if others:
            where = "it stands under" if name != COMMAND_LINE else "it is a setting of"
            raise UsageError(f"{name}: {method} has no setting {key!r}; {where} {', '.join(others)}")
        raise UsageError(
            f"{name}: there is no setting {key!r}{nearest(str(key), known)}; "
            f"`practicum train {method} --show` lists them"
        )


def _checked(method: str, values: Values, sources: Mapping[str, str]) -> TrainerSettings:
    try:
        return TypeAdapter(METHODS[method]).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        words = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        raise UsageError(
            f"{sources.get(key, method)}: {key} is {first['input']!r}, expected {words}"
        ) from None
