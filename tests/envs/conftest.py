"""What several tests of practicum.envs share: the example environment."""

from pathlib import Path

import hypothesis
import pytest

from practicum.envs import find
from practicum.envs.registry import EnvClass

hypothesis.settings.register_profile("practicum", deadline=None)  # how fast a machine is proves nothing
hypothesis.settings.load_profile("practicum")


@pytest.fixture(scope="session")
def parcels() -> EnvClass:
    """The environment of the example, as a user loads it."""
    return find(f"{Path(__file__).parents[2]}/examples/parcel_lockers.py:ParcelLockers")
