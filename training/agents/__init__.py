"""Agents: whoever picks the next call."""

from practicum.training.agents.agent import Agent, Decision, Tool, play_episode
from practicum.training.agents.random_agent import RandomAgent
from practicum.training.agents.scripted import ScriptedAgent, scripted_agent

__all__ = ["Agent", "Decision", "RandomAgent", "ScriptedAgent", "Tool", "play_episode", "scripted_agent"]
