"""Agents: whoever picks the next call."""

from practicum.training.agents.agent import Agent, Decision, Learner, Successor, Tool
from practicum.training.agents.chat import ChatAgent
from practicum.training.agents.dummy_agent import DummyAgent
from practicum.training.agents.explorer import Explorer
from practicum.training.agents.inference import AgentInference
from practicum.training.agents.local import LocalAgent
from practicum.training.agents.named import AGENTS, AgentKind, agent_kind
from practicum.training.agents.playing import Playing, Use, play_episode
from practicum.training.agents.random_agent import RandomAgent
from practicum.training.agents.scripted import ScriptedAgent, scripted_agent
from practicum.training.agents.skilled import SkilledAgent

__all__ = [
    "AGENTS",
    "Agent",
    "AgentInference",
    "AgentKind",
    "ChatAgent",
    "Decision",
    "DummyAgent",
    "Explorer",
    "Learner",
    "LocalAgent",
    "Playing",
    "RandomAgent",
    "ScriptedAgent",
    "SkilledAgent",
    "Successor",
    "Tool",
    "Use",
    "agent_kind",
    "play_episode",
    "scripted_agent",
]
