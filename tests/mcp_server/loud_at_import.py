"""A world that makes noise as soon as it is imported."""

from __future__ import annotations

from tests.mcp_server.worlds import Loud, make_noise

make_noise("at import")


class LoudFromTheStart(Loud):
    """Make noise from the start."""

    name = "louder"
