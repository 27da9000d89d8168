"""The journal of a run that makes or tests tasks: what is finished stays finished, also when it is killed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from practicum.envs.errors import UsageError, in_one_line, whole
from practicum.envs.paths import is_folder
from practicum.training.tasks.records import plain_json


class Row(Protocol):
    """What a journal keeps."""

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""


RowT = TypeVar("RowT", bound=Row)


@dataclass
class Journal(Generic[RowT]):
    """An open journal: a line for what was asked for, then one for each row.

    A process that is killed loses at most the line that it was writing.
    """

    path: Path
    finished: tuple[RowT, ...]
    """Those of earlier runs."""
    _file: FileIO
    _holds: bool
    """Whether there is anything to go on with."""

    def keep(self, row: RowT) -> None:
        """Write a row down; it is in the file when this returns.

        Raises:
            UsageError: it cannot be written.
        """
        _write(self._file, self.path, row.as_json())
        self._holds = True

    def remove(self) -> None:
        """The run is over, and what it made is where it belongs."""
        self._holds = False

    def close(self) -> None:
        """Leave the file where a later run can go on with it, and only there."""
        if not self._holds:
            self.path.unlink(missing_ok=True)


def journal_of(output: Path) -> Path:
    """Where the journal stands of a run that writes an output file.

    Raises:
        UsageError: the output file is a folder.
    """
    if is_folder(output) or not output.name:
        raise UsageError(f"{output} is a folder; name a file in it")
    return output.with_name(f"{output.name}.part")


@contextmanager
def open_journal(
    output: Path, asked: Mapping[str, Any], read: Callable[[Any], RowT], *, resume: bool = False
) -> Iterator[Journal[RowT]]:
    """The journal that stands beside an output file while the run goes on.

    Args:
        output: where the rows go in the end; the journal is that name and `.part`.
        asked: what the rows depend on; a run goes on only where it is the same.
        read: makes a row of its JSON object.
        resume: go on with what an earlier run left, where it left something.

    Raises:
        UsageError: an earlier run left one and it is not to be gone on with, or asked for something else;
            another process is writing it; or it cannot be written, or the output file is a folder.
    """
    path = journal_of(output)
    with _opened(path, resume=resume) as file:
        finished = _finished(file, path, asked, read)
        journal = Journal(path, tuple(finished), file, bool(finished))
        try:
            if not finished:
                file.truncate(0)
                _write(file, path, asked)
            yield journal
        finally:
            journal.close()


def _opened(path: Path, *, resume: bool) -> FileIO:
    """The file, which no other process has meanwhile."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b" if resume else "xb", buffering=0)
    except (OSError, ValueError) as error:
        if isinstance(error, FileExistsError) and str(error.filename) == str(path):
            raise UsageError(
                f"{path} was left by a run that did not end: go on with --resume, or remove it"
            ) from None
        raise UsageError(f"cannot write {path}: {_why(error)}") from None
    if not _is_alone(file):
        file.close()
        raise UsageError(f"another run is writing {path}; wait until it has ended")
    return file


def _is_alone(file: FileIO) -> bool:
    """Whether no other process has the file; it is this one's until it is closed."""
    if os.name != "posix":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system that knows no locks
        return True
    return os.fstat(file.fileno()).st_nlink > 0  # else the other one has removed it just now


def _write(file: FileIO, path: Path, row: Mapping[str, Any]) -> None:
    line = whole(json.dumps(dict(row), ensure_ascii=False)).encode() + b"\n"
    try:
        while line:
            line = line[file.write(line) :]
    except OSError as error:
        raise UsageError(f"cannot write {path}: {_why(error)}") from None


def _finished(file: FileIO, path: Path, asked: Mapping[str, Any], read: Callable[[Any], RowT]) -> list[RowT]:
    """The rows of a journal, half a line at its end cut off; none where it is new."""
    if not file.readable():
        return []
    try:
        file.seek(0)
        content = file.read()
        lines = content[: content.rfind(b"\n") + 1]
        header, *rows = [plain_json(line) for line in lines.decode("utf-8").split("\n")[:-1]] or [dict(asked)]
        finished = [read(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, UsageError) as error:
        raise UsageError(f"cannot go on with {path}: {in_one_line(error)}; remove it") from None
    if header != dict(asked):
        raise UsageError(f"{path} is of a run that asked for {json.dumps(header)}; repeat that, or remove it")
    file.truncate(len(lines))
    return finished


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or " ".join(str(error).split())
