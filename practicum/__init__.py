"""Practicum: a practice ground for tool-using agents, served over the Model Context Protocol."""

__version__ = "0.1.0"
