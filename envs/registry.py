"""Where environments are found: built in, installed as plugins, or named by module, file or Gymnasium id."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium

from practicum.envs.core import ToolEnv
from practicum.envs.domains import DomainProfile, register_domain
from practicum.envs.errors import UsageError, in_one_line, nearest
from practicum.envs.paths import at_home
from practicum.envs.slowness import importing

GROUP = "practicum.environments"
_WRAPPER = re.compile(r"\+(?=reward=|[a-z_]+=[^/\\+]*(?:\+|$))")
"""What stands between a world and its wrappers: a `+` within a path is none."""
_WITHOUT_VALUE = re.compile(r"\+([a-z_]+)$")
EnvClass = type[ToolEnv[Any]]

_registered: dict[str, EnvClass | str] = {
    "flight-v1": "practicum.envs.flight_booking_env:FlightBookingEnv",
    "retail-v1": "practicum.envs.retail.env:RetailEnv",
}


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """An installed environment that could not be loaded, and why."""

    name: str
    reason: str


def register(env_id: str, env: EnvClass | str, *, domain: DomainProfile | str | None = None) -> None:
    """Make an environment known by an id, in this process, to Gymnasium too (`practicum/parcels-v1`).

    Args:
        env_id: `my-project/my-env-v1`, or a plain `parcels-v1`.
        env: the class, or where to find it: `module:Class`.
        domain: its profile, registered too when it is one; only with a class.
    """
    if isinstance(domain, DomainProfile):
        register_domain(domain)
    if domain is not None and not isinstance(env, str):
        env.domain = domain.name if isinstance(domain, DomainProfile) else domain
    _registered[env_id] = env
    _register_gymnasium_id(env_id, env)


def make(name: str, **settings: Any) -> ToolEnv[Any]:
    """An environment by name, with its settings.

    Raises:
        UsageError: as `find`.
    """
    return find(name)(**settings)


def find(name: str) -> EnvClass:
    """The environment class that a name means.

    Args:
        name: `flight` (its newest version), `flight-v1`, `module:Class`, `file.py:Class`, or `gym:ID`; then
            each wrapper as `+name=value`, the innermost first, such as `flight+time_budget=60`.

    Raises:
        UsageError: nothing has that name (with the nearest one that has), or it cannot be loaded.
    """
    if unfinished := _WITHOUT_VALUE.search(name):
        raise UsageError(f"the wrapper +{unfinished[1]} has no value; write one, as in flight+time_budget=60")
    bare, *wrappers = _WRAPPER.split(name)
    if wrappers:
        from practicum.envs.wrapping import wrap

        functions = tuple(map(_load_function, _reward_places(wrappers)))
        return wrap(find(bare), tuple(wrappers), functions)  # type: ignore[arg-type]  # classes are hashable
    if name.startswith("gym:"):
        from practicum.envs.gymnasium_env import wrap_gymnasium

        return wrap_gymnasium(name.removeprefix("gym:"))
    if ":" in name:
        return _load(name)
    if name.endswith(".py"):
        raise UsageError(f"{name!r} names a file and no class in it: write {name}:Class")
    known = _known()
    found = known.get(name) or known.get(_newest(name, known))
    if found is None:
        raise UsageError(
            f"no environment {name!r}{nearest(name, [*known, *map(short_name, known)])}; "
            "`practicum envs` lists them, file.py:Class and gym:ID work too"
        )
    return _load_known(name, found)


def lasting_name(name: str) -> str:
    """The name by which any process finds again what `name` means here, now: versioned, paths absolute.

    Raises:
        UsageError: as `find`.
    """
    bare, *wrappers = _WRAPPER.split(anchored(name, Path()))
    is_place = ":" in bare and not bare.startswith("gym:")
    return "+".join([bare if is_place else _versioned(bare), *wrappers])


def anchored(name: str, folder: Path) -> str:
    """A name whose files, seen from a folder, are absolute; nothing is loaded.

    Raises:
        UsageError: a file is in the home of nobody.
    """
    return "+".join(_anchored_part(part, folder) for part in _WRAPPER.split(name))


def _anchored_part(part: str, folder: Path) -> str:
    place = part.removeprefix("reward=")
    file, _, member = place.rpartition(":")
    if not file.endswith(".py"):
        return part
    return f"{part.removesuffix(place)}{(folder / at_home(Path(file))).resolve()}:{member}"


def environments() -> tuple[list[EnvClass], list[BrokenPlugin]]:
    """Every known environment that loads, and every one that does not."""
    loaded: list[EnvClass] = []
    broken: list[BrokenPlugin] = []
    for name, found in _known().items():
        try:
            loaded.append(_load_known(name, found))
        except UsageError as error:
            broken.append(BrokenPlugin(name, str(error)))
    return loaded, broken


def short_name(env_id: str) -> str:
    """`flight` of `flight-v1`."""
    return re.sub(r"-v\d+$", "", env_id)


def _known() -> dict[str, EnvClass | str | EntryPoint]:
    plugins: Mapping[str, EntryPoint] = {point.name: point for point in _entry_points()}
    return {**_registered, **plugins, **_registered}  # ours come first, and win


@lru_cache(maxsize=1)
def _entry_points() -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=GROUP), key=lambda point: point.name))


def _newest(name: str, known: Mapping[str, Any]) -> str:
    versions = [env_id for env_id in known if short_name(env_id) == name]
    return max(versions, key=lambda env_id: int(env_id.rpartition("-v")[2] or 0), default="")


def _versioned(name: str) -> str:
    env_id = find(name).env_id()
    return env_id if _is_found(env_id) else name


def _is_found(name: str) -> bool:
    return name.startswith("gym:") or name in _known()


def _reward_places(wrappers: Iterable[str]) -> list[str]:
    return [each.removeprefix("reward=") for each in wrappers if each.startswith("reward=")]


def _load_known(name: str, found: EnvClass | str | EntryPoint) -> EnvClass:
    if isinstance(found, str):
        return _load(found)
    if isinstance(found, type):
        return found
    try:
        with importing(found.module):
            return _checked(name, found.load())
    except (UsageError, KeyboardInterrupt):
        raise
    except (
        BaseException
    ) as error:  # a plugin may fail in any way, exit included; it must not take the rest along
        raise UsageError(f"the plugin {name!r} cannot be loaded: {in_one_line(error)}") from error


def _load(place: str) -> EnvClass:
    module, class_name = _load_module(place)
    found = getattr(module, class_name, None)
    if found is None:
        names = [name for name, value in vars(module).items() if _is_env_class(value) and value.name]
        has = f"; it has {', '.join(names)}" if names else ""
        module_name = place.rpartition(":")[0]
        raise UsageError(f"{module_name} has no {class_name!r}{nearest(class_name, names)}{has}")
    return _checked(place, found)


def _load_function(place: str) -> Callable[..., float]:
    if ":" not in place:
        raise UsageError(f"reward={place}: expected module:function or file.py:function")
    module, name = _load_module(place)
    found = getattr(module, name, None)
    if not callable(found):
        raise UsageError(f"reward={place}: {place.rpartition(':')[0]!r} has no function {name!r}")
    return found  # type: ignore[no-any-return]  # its author says what it takes and gives


def _load_module(place: str) -> tuple[ModuleType, str]:
    """The module of a `module:member` or `file.py:member`, and the member's name."""
    module_name, _, member = place.rpartition(":")
    try:
        is_file = module_name.endswith(".py")
        module = _load_file(Path(module_name)) if is_file else _import(module_name)
    except (UsageError, KeyboardInterrupt):
        raise
    except BaseException as error:  # an author's file may fail in any way, exit included
        raise UsageError(f"cannot import {module_name!r}: {in_one_line(error)}") from error
    return module, member


def _import(name: str) -> ModuleType:
    with importing(name):
        return importlib.import_module(name)


def _load_file(path: Path) -> ModuleType:
    path = at_home(path).resolve()
    if not path.is_file():
        raise UsageError(f"no file {path}")
    name = f"practicum_file_{path.stem}_{zlib.crc32(bytes(path)):x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with importing(str(path)):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _checked(name: str, found: Any) -> EnvClass:
    if not _is_env_class(found):
        raise UsageError(f"{name!r} is {found!r}, which is no ToolEnv class")
    return found  # type: ignore[no-any-return]  # just checked


def _is_env_class(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, ToolEnv)


def register_gymnasium_ids() -> None:
    """Register every known environment with Gymnasium; one named by a string stays unloaded."""
    for env_id, env in _registered.items():
        _register_gymnasium_id(env_id, env)


def _register_gymnasium_id(env_id: str, env: EnvClass | str) -> None:
    gymnasium_id = env_id if "/" in env_id else f"practicum/{env_id}"
    gymnasium.registry.pop(gymnasium_id, None)
    gymnasium.register(id=gymnasium_id, entry_point=env)
