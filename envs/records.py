"""State that can be taken back: every change made while an action runs is noted and can be undone.

Cost is in what changed, never in how large the world is: nothing is copied up front. What changes the order
of keys or items (a deletion, an insertion, a sort) copies the references of that one dict or list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, SupportsIndex, dataclass_transform

from typing_extensions import override

_ABSENT: Any = object()


class Changes:
    """The undo list of one action, newest change last."""

    __slots__ = ("_undo",)

    def __init__(self) -> None:
        self._undo: list[tuple[Any, ...]] = []

    def __bool__(self) -> bool:
        return bool(self._undo)

    def note(self, undo: Callable[..., object], *arguments: Any) -> None:
        """Remember that `undo(*arguments)` takes one change back."""
        self._undo.append((undo, *arguments))

    def take_back(self) -> None:
        """Undo every noted change, newest first."""
        token = _CHANGES.set(None)
        try:
            while self._undo:
                undo, *arguments = self._undo.pop()
                undo(*arguments)
        finally:
            _CHANGES.reset(token)


_CHANGES: ContextVar[Changes | None] = ContextVar("practicum_changes", default=None)


@contextmanager
def noting() -> Iterator[Changes]:
    """Note every change to records made inside the block."""
    changes = Changes()
    token = _CHANGES.set(changes)
    try:
        yield changes
    finally:
        _CHANGES.reset(token)


def begin_noting() -> tuple[Changes, Any]:
    """`noting` without the cost of a context manager; hand the second value to `end_noting`."""
    changes = Changes()
    return changes, _CHANGES.set(changes)


def end_noting(token: Any) -> None:
    """End what `begin_noting` began."""
    _CHANGES.reset(token)


def note(undo: Callable[..., object], *arguments: Any) -> None:
    """Remember how to take back a change, if an action is running."""
    changes = _CHANGES.get()
    if changes is not None:
        changes.note(undo, *arguments)


def recorded(value: Any) -> Any:
    """The value with plain dicts and lists turned, all the way down, into their undoable forms."""
    kind = type(value)
    if kind is dict:
        return Table(value)
    if kind is list:
        return Rows(value)
    return value


@dataclass_transform()
class Record:
    """Base of state dataclasses whose attributes can be taken back.

    Plain dicts and lists assigned to an attribute are copied into `Table` and `Rows`, so nested changes are
    noted too. Changes inside sets, arrays and other dataclasses go unnoted: use dicts, lists and records.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__slots__" in vars(cls):
            raise TypeError(
                f"{cls.__name__} is a Record, whose changes are noted in __dict__: leave slots away"
            )

    def __setattr__(self, name: str, value: Any) -> None:
        changes = _CHANGES.get()
        if changes is not None:
            changes.note(_put_back, self, name, self.__dict__.get(name, _ABSENT))
        object.__setattr__(self, name, recorded(value))

    def __delattr__(self, name: str) -> None:
        note(_put_back_all, self, dict(self.__dict__))
        object.__delattr__(self, name)


def _put_back(record: Record, name: str, value: Any) -> None:
    if value is _ABSENT:
        record.__dict__.pop(name, None)
    else:
        record.__dict__[name] = value


def _put_back_all(record: Record, attributes: dict[str, Any]) -> None:
    record.__dict__.clear()
    record.__dict__.update(attributes)


class Table(dict[Any, Any]):
    """A dict whose changes can be taken back, order of keys included."""

    __slots__ = ()

    def __init__(self, *arguments: Any, **items: Any) -> None:
        super().__init__()
        for key, value in dict(*arguments, **items).items():
            super().__setitem__(key, recorded(value))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Table, (dict(self),))

    def _note_all(self) -> None:
        changes = _CHANGES.get()
        if changes is not None:
            changes.note(self._restore, dict(self))

    def _restore(self, items: dict[Any, Any]) -> None:
        super().clear()
        super().update(items)

    def __setitem__(self, key: Any, value: Any) -> None:
        changes = _CHANGES.get()
        if changes is not None:
            if key in self:
                changes.note(super().__setitem__, key, self[key])
            else:
                changes.note(super().__delitem__, key)
        super().__setitem__(key, recorded(value))

    def __delitem__(self, key: Any) -> None:
        self._note_all()
        super().__delitem__(key)

    @override
    def pop(self, *arguments: Any) -> Any:
        self._note_all()
        return super().pop(*arguments)

    @override
    def popitem(self) -> tuple[Any, Any]:
        self._note_all()
        return super().popitem()

    @override
    def clear(self) -> None:
        self._note_all()
        super().clear()

    @override
    def update(self, *arguments: Any, **items: Any) -> None:
        for key, value in dict(*arguments, **items).items():
            self[key] = value

    @override
    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def __ior__(self, other: Any) -> Table:  # type: ignore[misc]  # narrower than dict's overloads
        self.update(other)
        return self


class Rows(list[Any]):
    """A list whose changes can be taken back."""

    __slots__ = ()

    def __init__(self, items: Iterable[Any] = ()) -> None:
        super().__init__(recorded(item) for item in items)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Rows, (list(self),))

    def _note_all(self) -> None:
        changes = _CHANGES.get()
        if changes is not None:
            changes.note(super().__setitem__, slice(None), list(self))

    @override
    def append(self, value: Any) -> None:
        changes = _CHANGES.get()
        if changes is not None:
            changes.note(super().pop)
        super().append(recorded(value))

    @override
    def extend(self, values: Iterable[Any]) -> None:
        self._note_all()
        super().extend([recorded(value) for value in values])

    @override
    def insert(self, index: SupportsIndex, value: Any) -> None:
        self._note_all()
        super().insert(index, recorded(value))

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            self._note_all()
            super().__setitem__(index, [recorded(item) for item in value])
        else:
            note(super().__setitem__, index, self[index])
            super().__setitem__(index, recorded(value))

    def __delitem__(self, index: SupportsIndex | slice) -> None:
        self._note_all()
        super().__delitem__(index)

    @override
    def pop(self, index: SupportsIndex = -1) -> Any:
        self._note_all()
        return super().pop(index)

    @override
    def remove(self, value: Any) -> None:
        self._note_all()
        super().remove(value)

    @override
    def clear(self) -> None:
        self._note_all()
        super().clear()

    @override
    def sort(self, **options: Any) -> None:
        self._note_all()
        super().sort(**options)

    @override
    def reverse(self) -> None:
        self._note_all()
        super().reverse()

    def __iadd__(self, values: Iterable[Any]) -> Rows:  # type: ignore[misc]  # returns self, as list does
        self.extend(values)
        return self

    def __imul__(self, count: SupportsIndex) -> Rows:
        self._note_all()
        super().__imul__(count)
        return self
