"""What several tests of practicum.envs share: the example environment."""

from pathlib import Path

import pytest

from practicum.envs import find
from practicum.envs.registry import EnvClass


@pytest.fixture(scope="session")
def parcels() -> EnvClass:
    """The environment of the example, as a user loads it."""
    return find(f"{Path(__file__).parents[2]}/examples/parcel_lockers.py:ParcelLockers")
