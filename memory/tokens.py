"""Tokens of scoped endpoints: the client keeps the token, the database its hash."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    """256 random bits, safe in a header and an address."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """What stands in the database for a token; 256 random bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()
