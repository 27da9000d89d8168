"""The world: actions, state, rewards, tasks, episodes and the built-in environments.

Importing this package registers the built-in environments with Gymnasium, by name alone.
"""

from practicum.envs.actions import Action, Secret, ToolCall, action
from practicum.envs.core import ToolEnv
from practicum.envs.domains import DomainProfile, register_domain
from practicum.envs.episodes import Episode, ListRecorder, Opening, Recorder, Step
from practicum.envs.errors import ActionError, UsageError
from practicum.envs.records import Record
from practicum.envs.registry import environments, find, make, register, register_gymnasium_ids
from practicum.envs.rewards import Outcome, RewardTable
from practicum.envs.tasks import Task, TaskSet

__all__ = [
    "Action",
    "ActionError",
    "DomainProfile",
    "Episode",
    "ListRecorder",
    "Opening",
    "Outcome",
    "Record",
    "Recorder",
    "RewardTable",
    "Secret",
    "Step",
    "Task",
    "TaskSet",
    "ToolCall",
    "ToolEnv",
    "UsageError",
    "action",
    "environments",
    "find",
    "make",
    "register",
    "register_domain",
]

register_gymnasium_ids()
