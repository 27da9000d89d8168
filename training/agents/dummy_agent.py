"""DummyAgent: the smallest agent there is, to try a world or a wire with."""

from practicum.training.agents.random_agent import RandomAgent

DummyAgent = RandomAgent
"""Another name of `RandomAgent`: it knows nothing, and each of its calls fits the tool's schema."""
