"""Replacing: a file's text in one step, so that nobody finds half of it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace_text(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Put a text in UTF-8 into a file, line ends as they stand; on an error the file is as it was.

    Args:
        path: the file itself, no link to it; made where there is none.
        text: what it is to hold.
        mode: who may do what with it then.

    Raises:
        OSError: it could not be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        beside = Path(name)
        beside.chmod(mode)
        beside.replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
