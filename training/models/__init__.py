"""Models: what learns and plays in process, by name, with the templates that training and play share."""

from practicum.training.models.loading import OWN_NAMES, Loaded, load

__all__ = ["OWN_NAMES", "Loaded", "load"]
