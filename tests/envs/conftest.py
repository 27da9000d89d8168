"""What several tests of practicum.envs share: the example environment, and Gymnasium's of any space."""

from pathlib import Path

import gymnasium
import hypothesis
import pytest

from practicum.envs import find
from practicum.envs.registry import EnvClass
from tests.envs.echo import Echo

hypothesis.settings.register_profile("practicum", deadline=None)  # how fast a machine is proves nothing
hypothesis.settings.load_profile("practicum")


@pytest.fixture(scope="session")
def parcels() -> EnvClass:
    """The environment of the example, as a user loads it."""
    return find(f"{Path(__file__).parents[2]}/examples/parcel_lockers.py:ParcelLockers")


@pytest.fixture
def echo(request):
    """Registers an Echo of an action space, and takes it back."""
    names = []

    def registered(*spaces_):
        names.append(f"TestEcho{abs(hash(request.node.name)) % 10**8}{len(names)}-v0")
        gymnasium.register(names[-1], entry_point=lambda **options: Echo(*spaces_, **options))
        return names[-1]

    yield registered
    for name in names:
        del gymnasium.registry[name]
