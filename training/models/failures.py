"""Failures: what goes wrong with models, each told in one line with the way out."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from practicum.envs.errors import UsageError, in_one_line

INSTALL = "pip install 'practicum[train]'"
LESS_MEMORY = "lower batch_size (or set safe_batch_size), shorten the context, or take a smaller model"
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_NEEDED = ("torch", "transformers")


def need_torch() -> None:
    """See that models can be run at all.

    Raises:
        UsageError: says what to install.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(f"local models need {' and '.join(missing)}, which is not installed: {INSTALL}")


@contextmanager
def telling(what: str = "the model") -> Iterator[None]:
    """Turn the failures that a person can mend into a `UsageError`; others pass.

    Args:
        what: is loaded, saved or run.
    """
    try:
        yield
    except UsageError:
        raise
    except MemoryError:
        raise UsageError(f"not enough memory for {what}: {LESS_MEMORY}") from None
    except Exception as error:
        told = _told(what, error)
        if told is None:
            raise
        raise UsageError(told) from None


def _told(what: str, error: Exception) -> str | None:
    chain = list(_causes(error))
    if any(is_out_of_memory(each) for each in chain):
        return f"not enough memory for {what}: {LESS_MEMORY}"
    if any(isinstance(each, OSError) and each.errno in _DISK_FULL for each in chain):
        return f"the disk is full: free some space, or keep models elsewhere (HF_HOME for the hub's), {what}"
    return next((told for each in chain if (told := _told_of_hub(what, each)) is not None), None)


def _told_of_hub(what: str, error: BaseException) -> str | None:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "GatedRepoError" in kinds:
        return f"{what} asks for a token with access to it: accept its terms, then set HF_TOKEN"
    if "RepositoryNotFoundError" in kinds:
        return (
            f"the hub has no model {what}, or hides it: check the name, and set HF_TOKEN where it is private"
        )
    if kinds & {"LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectError", "ConnectionError"}:
        return f"the hub cannot be reached for {what}: check the network, or name a folder, tiny or smollm2"
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def is_out_of_memory(error: BaseException) -> bool:
    """PyTorch says it with a kind of its own on a GPU, with words on a CPU."""
    said = in_one_line(error).lower()
    return type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in said
