"""What holds for every test: at the end no package of ours was imported under its bare folder name."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("untimed", parent=settings.default, deadline=None)
settings.load_profile("untimed")  # a loaded machine is no fault of the code

os.environ["PRACTICUM_CONFIG"] = os.devnull  # no test reads the settings of whoever runs it
os.environ.pop("COLUMNS", None)  # tables are as wide as where nobody looks
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small models are slowed by threads that wait for a core

FOLDERS = ("envs", "memory", "skills", "training", "mcp_server")


@pytest.fixture(autouse=True, scope="session")
def _no_second_copy_of_a_package() -> Iterator[None]:
    """A bare `import envs` from the root would make a second copy of every class."""
    yield
    bare = [name for name in sys.modules if name.partition(".")[0] in FOLDERS]
    assert not bare, f"import practicum.{bare[0]}, not {bare[0]}; a test folder needs no __init__.py"
