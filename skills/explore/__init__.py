"""What draws an explorer on: signals of its own, kept apart from the reward and the success label."""

from practicum.skills.explore.consistency import SelfConsistency
from practicum.skills.explore.novelty import Novelty
from practicum.skills.explore.potential import Potential
from practicum.skills.explore.prediction import ForwardModel
from practicum.skills.explore.states import abstract_state

__all__ = ["ForwardModel", "Novelty", "Potential", "SelfConsistency", "abstract_state"]
