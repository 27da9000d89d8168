"""Collecting: how often Python's garbage collector looks through the memory of a server."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 20_000
"""So many new ones are looked through together. A call makes some hundreds, 50 are played at once: Python's
own 700 would look at every other call through objects that are all still in use."""


@contextmanager
def collection_paused() -> Iterator[None]:
    """Load without looking for garbage, then or later: what is loaded stays, and looking takes long."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def collect_less_often() -> None:
    """From now on look through more new objects together, as suits a server."""
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
