"""What some tests need beside the package, each said once."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def need_torch() -> None:
    """Skip, with the reason, where the training stack is not installed."""
    for name in ("torch", "transformers", "trl"):
        pytest.importorskip(name, reason="local models need the training stack: make install-train")


def need_ray() -> None:
    """Skip, with the reason, where Ray is not installed; it is not imported, for its settings come first."""
    if find_spec("ray") is None:
        pytest.skip(
            "workers in other processes need Ray: pip install 'practicum[ray]'", allow_module_level=True
        )
