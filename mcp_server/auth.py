"""Tokens: who may use a server over HTTP; a file of hashed bearer tokens, read again when it changes."""

from __future__ import annotations

import hmac
import logging
import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from practicum.envs import UsageError
from practicum.mcp_server.limits import Limits
from practicum.memory import hash_token

logger = logging.getLogger(__name__)

PRINCIPAL = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"
"""Names of principals, so that they can stand in a file, a log line and a table."""
HASH = r"^[0-9a-f]{64}$"

AtLeastOne = Annotated[int, Field(ge=1, strict=True)]


class OwnLimits(BaseModel):
    """What one token may use, where that is not what the server says."""

    model_config = ConfigDict(extra="forbid")

    open: AtLeastOne | None = None
    steps_per_minute: AtLeastOne | None = None
    bytes_per_minute: AtLeastOne | None = None

    def over(self, limits: Limits) -> Limits:
        """The limits, with what is said here in their place."""
        own = {"open_sessions": self.open, **self.model_dump(exclude={"open"})}
        return replace(limits, **{name: value for name, value in own.items() if value is not None})


class Entry(BaseModel):
    """One token as the file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    principal: Annotated[str, Field(pattern=PRINCIPAL)]
    sha256: Annotated[str, Field(pattern=HASH)]
    expires: date | None = None
    """The day, in UTC, from whose beginning on the token is refused."""
    limits: OwnLimits | None = None

    def good_on(self, today: date) -> bool:
        """Whether the token is still good."""
        return self.expires is None or today < self.expires


ENTRIES = TypeAdapter(list[Entry])


def today_utc() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


def read_tokens(path: Path) -> list[Entry]:
    """The tokens of a file, which nobody but its owner may read.

    Raises:
        UsageError: in one line, what is wrong with the file and how to mend it.
    """
    return parse_tokens(path, read_private(path))


def read_private(path: Path) -> str:
    """The text of a file that is its owner's alone.

    Raises:
        UsageError: it cannot be read, or others may read it.
    """
    try:
        with open(path, "rb", opener=_at_once) as file:
            _check_private(path, os.fstat(file.fileno()))
            return file.read().decode()
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text in UTF-8") from None
    except OSError as error:
        way_out = f"`practicum token NAME --auth {path}` makes one"
        raise UsageError(f"cannot read the tokens in {path}: {error.strerror}; {way_out}") from None


def _at_once(path: str, flags: int) -> int:
    """Opens a file without waiting for somebody at the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path} is no file; --auth takes a file of tokens")
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        raise UsageError(f"{path} belongs to another user; tokens must be in a file of your own")
    if (mode := stat.S_IMODE(found.st_mode)) & 0o177:
        raise UsageError(f"{path} has mode {mode:04o} and must be its owner's alone: chmod 600 {path}")


def parse_tokens(path: Path, text: str) -> list[Entry]:
    """The tokens that a file's text holds, none where it is empty.

    Raises:
        UsageError: it is no YAML, or not a list of tokens.
    """
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    try:
        entries = ENTRIES.validate_python([] if found is None else found)
    except ValidationError as error:
        raise UsageError(f"{path}: {_first_mistake(error)}") from None
    _check_together(path, entries)
    return entries


def _first_mistake(error: ValidationError) -> str:
    """The first mistake in a line; what stands in the file is not repeated, it may be a token."""
    mistake = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = mistake["loc"]
    if not place:
        return "expected a list of tokens, each with `principal` and `sha256`"
    where = f"token {int(place[0]) + 1}" + "".join(f", {part}" for part in place[1:])
    told = {
        "extra_forbidden": "there is no such key; a token has principal, sha256, expires and limits "
        "(open, steps_per_minute, bytes_per_minute)",
        "missing": "is missing",
    }
    if place[-1] == "sha256" and mistake["type"] != "missing":
        return f"{where}: is no SHA-256 in 64 lower-case hexadecimal digits; `practicum token` makes one"
    if place[-1] == "principal" and mistake["type"] != "missing":
        return f"{where}: expected a name of 1 to 64 letters, digits and . _ @ -"
    return f"{where}: {told.get(mistake['type'], mistake['msg'])}"


def _check_together(path: Path, entries: Sequence[Entry]) -> None:
    first: dict[str, int] = {}
    limits: dict[str, OwnLimits] = {}
    for number, entry in enumerate(entries, 1):
        if entry.sha256 in first:
            raise UsageError(f"{path}: token {number} is the same as token {first[entry.sha256]}; remove one")
        first[entry.sha256] = number
        if entry.limits is not None and limits.setdefault(entry.principal, entry.limits) != entry.limits:
            raise UsageError(
                f"{path}: token {number}: {entry.principal} has other limits above; "
                "limits are the principal's, state them once"
            )


@dataclass(frozen=True, slots=True)
class Known:
    """What a presented token turned out to be."""

    principal: str
    limits: Limits
    digest: str


class Tokens:
    """The tokens of a file as they stand now; a broken edit leaves those before it in force.

    Args:
        path: the file; it must hold a token.
        limits: for principals whose tokens state none.
        today: the day in UTC.

    Raises:
        UsageError: as `read_tokens`, or there is no token in it.
    """

    def __init__(self, path: Path, *, limits: Limits, today: Callable[[], date] = today_utc) -> None:
        self.path = path
        self._limits = limits
        self._today = today
        self._seen = _stamp(path)
        self._entries = read_tokens(path)
        if not self._entries:
            raise UsageError(f"{path} holds no token; `practicum token NAME --auth {path}` makes one")

    def refresh(self) -> None:
        """Read the file again if it has changed; what is wrong with it is said once, in a line."""
        stamp = _stamp(self.path)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._entries = read_tokens(self.path)
        except UsageError as error:
            logger.error("%s; the tokens before that stay in force", error)  # noqa: TRY400  # a person's mistake

    def known(self, token: str) -> Known | None:
        """Whose token this is; None of an unknown or expired one. Takes as long for either."""
        digest = hash_token(token)
        today = self._today()
        found = None
        for entry in self._entries:
            if hmac.compare_digest(entry.sha256, digest) and entry.good_on(today):
                found = entry
        return None if found is None else Known(found.principal, self.limits_of(found.principal), digest)

    def still(self, known: Known) -> bool:
        """Whether a token that was good still is."""
        today = self._today()
        return any(entry.sha256 == known.digest and entry.good_on(today) for entry in self._entries)

    def admits(self, principal: str) -> bool:
        """Whether a principal has any token that is still good."""
        today = self._today()
        return any(entry.principal == principal and entry.good_on(today) for entry in self._entries)

    def limits_of(self, principal: str) -> Limits:
        """What a principal may use."""
        stated = (entry.limits for entry in self._entries if entry.principal == principal and entry.limits)
        own = next(stated, None)
        return self._limits if own is None else own.over(self._limits)


def _stamp(path: Path) -> tuple[Any, ...] | None:
    """What changes when a file does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def bearer(header: str) -> str | None:
    """The token of an `Authorization` header; None where it holds none."""
    scheme, _, token = header.partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and re.fullmatch(r"[\x21-\x7e]+", token) else None
