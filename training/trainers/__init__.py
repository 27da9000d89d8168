"""Trainers: SFT, DPO and GRPO on TRL, from rows to checkpoints that `models.load` reads."""

from practicum.training.trainers.layers import Layered, layered
from practicum.training.trainers.settings import (
    METHODS,
    DpoSettings,
    GrpoSettings,
    SftSettings,
    TrainerSettings,
)

__all__ = [
    "METHODS",
    "DpoSettings",
    "GrpoSettings",
    "Layered",
    "SftSettings",
    "TrainerSettings",
    "layered",
]
