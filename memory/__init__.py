"""What happened: the append-only log of sessions in one SQLite file, replay, fork and forget."""

from practicum.memory.batches import EPISODE_OVER, SessionEnded, TurnTaken
from practicum.memory.forget import Tombstones, forget
from practicum.memory.fork import fork
from practicum.memory.log import Log, LogUnavailable, SessionRecorder
from practicum.memory.replay import Divergence, ReplayReport, play_calls, rebuild, replay, replay_all
from practicum.memory.sessions import Session, Sessions
from practicum.memory.starts import Purpose, SessionStart, new_session_id
from practicum.memory.store import Store, default_path
from practicum.memory.tokens import hash_token, new_token

__all__ = [
    "EPISODE_OVER",
    "Divergence",
    "Log",
    "LogUnavailable",
    "Purpose",
    "ReplayReport",
    "Session",
    "SessionEnded",
    "SessionRecorder",
    "SessionStart",
    "Sessions",
    "Store",
    "Tombstones",
    "TurnTaken",
    "default_path",
    "forget",
    "fork",
    "hash_token",
    "new_session_id",
    "new_token",
    "play_calls",
    "rebuild",
    "replay",
    "replay_all",
]
