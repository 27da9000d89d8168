"""The records of a shop: users, orders and products, read once from a folder and shared by all sessions."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from practicum.envs.errors import UsageError
from practicum.envs.paths import at_home, is_folder

SHIPPED = Path(__file__).parent
"""The folder of the world that comes with the package."""
FILES = ("users", "orders", "products")
POLICY = "policy.md"

Row = Mapping[str, Any]


@with_config(ConfigDict(extra="allow"))
class _Name(TypedDict):
    first_name: str
    last_name: str


@with_config(ConfigDict(extra="allow"))
class _Address(TypedDict):
    address1: NotRequired[str]
    address2: NotRequired[str]
    city: NotRequired[str]
    state: NotRequired[str]
    country: NotRequired[str]
    zip: str


@with_config(ConfigDict(extra="allow"))
class _PaymentMethod(TypedDict):
    source: str
    id: str
    balance: NotRequired[float]


@with_config(ConfigDict(extra="allow"))
class _User(TypedDict):
    name: _Name
    address: _Address
    email: str
    payment_methods: dict[str, _PaymentMethod]
    orders: list[str]


@with_config(ConfigDict(extra="allow"))
class _Item(TypedDict):
    name: str
    product_id: str
    item_id: str
    price: float
    options: dict[str, str]


@with_config(ConfigDict(extra="allow"))
class _Payment(TypedDict):
    transaction_type: str
    amount: float
    payment_method_id: str


@with_config(ConfigDict(extra="allow"))
class _Delivery(TypedDict):
    tracking_id: list[str]
    item_ids: list[str]


@with_config(ConfigDict(extra="allow"))
class _Order(TypedDict):
    order_id: str
    user_id: str
    address: _Address
    items: list[_Item]
    fulfillments: NotRequired[list[_Delivery]]
    status: str
    payment_history: Annotated[list[_Payment], Field(min_length=1)]


@with_config(ConfigDict(extra="allow"))
class _Variant(TypedDict):
    item_id: str
    options: dict[str, str]
    available: bool
    price: float


@with_config(ConfigDict(extra="allow"))
class _Product(TypedDict):
    name: str
    product_id: str
    variants: dict[str, _Variant]


_SHAPES: Mapping[str, TypeAdapter[Any]] = {
    "users": TypeAdapter(dict[str, _User]),
    "orders": TypeAdapter(dict[str, _Order]),
    "products": TypeAdapter(dict[str, _Product]),
}


@dataclass(frozen=True, eq=False)
class World:
    """What a shop knows before anybody calls. Nobody changes it: a session keeps its changes to itself."""

    users: Mapping[str, Row]
    orders: Mapping[str, Row]
    products: Mapping[str, Row]
    policy: str
    """What a service agent may do and must not, as Markdown."""
    fingerprint: str = ""
    """12 hex digits over the texts of the three files; the policy stands in each task's instruction."""

    @cached_property
    def by_email(self) -> Mapping[str, str]:
        """User ids by e-mail address in lower case; of equal addresses the first user's."""
        return {user["email"].lower(): user_id for user_id, user in reversed(list(self.users.items()))}

    @cached_property
    def by_name(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """User ids by first and last name in lower case, in the order of the file."""
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        for user_id, user in self.users.items():
            key = (user["name"]["first_name"].lower(), user["name"]["last_name"].lower())
            found[key] = (*found.get(key, ()), user_id)
        return found

    @cached_property
    def product_types(self) -> Mapping[str, str]:
        """Product ids by the name of the product, in the order of names."""
        return dict(sorted((product["name"], product["product_id"]) for product in self.products.values()))

    @cached_property
    def orders_by_status(self) -> Mapping[str, tuple[str, ...]]:
        """Order ids by status, in the order of the file."""
        found: dict[str, list[str]] = {}
        for order_id, order in self.orders.items():
            found.setdefault(order["status"], []).append(order_id)
        return {status: tuple(ids) for status, ids in found.items()}


def open_world(folder: str = "", fingerprint: str = "") -> World:
    """The world of a folder with users.json, orders.json and products.json; empty means the shipped one.

    A file `policy.md` beside them takes the place of the policy that comes with the package. A folder is read
    once in a process, and again when one of its files has changed.

    Args:
        folder: where it lies.
        fingerprint: of the records that it must hold; empty where any will do. Where the folder holds others
            or is gone, it may have been moved: another one in which this process has read them does as well.

    Raises:
        UsageError: a file is missing or is not what it should be; says which, where in it, and why. Or the
            records are others.
    """
    place = at_home(Path(folder)).absolute() if folder else SHIPPED
    try:
        return _checked_world(place, fingerprint)
    except UsageError:
        moved = _homes.get(fingerprint, place)
        if moved == place:
            raise
        with suppress(UsageError):
            return _checked_world(moved, fingerprint)
        raise


_homes: dict[str, Path] = {}
"""The folder in which each world was read last, by fingerprint."""


def _checked_world(place: Path, fingerprint: str) -> World:
    world = _read_world(place, tuple(_stamp(place / name) for name in (*_file_names(), POLICY)))
    if fingerprint not in ("", world.fingerprint):
        raise UsageError(
            f"{place} holds the retail world {world.fingerprint}, and what is played is {fingerprint}; "
            f"put its {', '.join(_file_names())} back"
        )
    _homes[world.fingerprint] = place
    return world


def absolute(folder: str) -> str:
    """The name of a folder that means the same from everywhere; the empty one stays empty.

    Raises:
        UsageError: it is in the home of nobody.
    """
    return str(at_home(Path(folder)).absolute()) if folder else ""


def _file_names() -> list[str]:
    return [f"{name}.json" for name in FILES]


def _stamp(path: Path) -> tuple[int, int]:
    """What tells whether a file is still the one that was read."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _read_world(folder: Path, _stamps: tuple[tuple[int, int], ...]) -> World:
    if not is_folder(folder):
        raise UsageError(f"no folder {folder}; a retail world is a folder with {', '.join(_file_names())}")
    paths = [folder / name for name in _file_names()]
    texts = [_read_text(path) for path in paths]
    users, orders, products = map(_read_records, FILES, paths, texts)
    policy = folder / POLICY
    policy_text = _read_text(policy if policy.is_file() else SHIPPED / POLICY)
    fingerprint = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]
    return World(users, orders, products, policy_text, fingerprint)


def _read_records(name: str, path: Path, text: str) -> Mapping[str, Row]:
    try:
        records = json.loads(text, parse_float=_finite, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON: {error}") from None
    try:
        _SHAPES[name].validate_python(records, strict=True)
    except ValidationError as error:
        raise UsageError(f"{path} holds no {name}: {_first_complaint(error)}") from None
    return records  # type: ignore[no-any-return]  # just checked


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits} is too large")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"no file {path}; a retail world needs {', '.join(_file_names())}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {' '.join(str(error).split())}") from None


def _first_complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = " > ".join(map(str, first["loc"])) or "the file"
    return f"{where}: {first['msg']}"
