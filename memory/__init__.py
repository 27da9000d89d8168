"""What happened: the append-only log of sessions in one SQLite file, replay, fork and forget."""

from practicum.memory.batches import EPISODE_OVER, SessionEnded, TurnTaken
from practicum.memory.forget import Tombstones, forget
from practicum.memory.fork import fork
from practicum.memory.log import Log, LogUnavailable, SessionRecorder
from practicum.memory.recall import PastSession, PastTask, rebuild_index, recall, sessions_like
from practicum.memory.redact import REDACTED, FindRedactor, InClear, Redactor, nothing_hidden, redactor_of
from practicum.memory.replay import Divergence, ReplayReport, play_calls, rebuild, replay, replay_all
from practicum.memory.sessions import Outline, Session, Sessions
from practicum.memory.starts import Purpose, SessionStart, TooManyOpen, new_session_id
from practicum.memory.store import Store, default_path
from practicum.memory.tokens import hash_token, new_token

__all__ = [
    "EPISODE_OVER",
    "REDACTED",
    "Divergence",
    "FindRedactor",
    "InClear",
    "Log",
    "LogUnavailable",
    "Outline",
    "PastSession",
    "PastTask",
    "Purpose",
    "Redactor",
    "ReplayReport",
    "Session",
    "SessionEnded",
    "SessionRecorder",
    "SessionStart",
    "Sessions",
    "Store",
    "Tombstones",
    "TooManyOpen",
    "TurnTaken",
    "default_path",
    "forget",
    "fork",
    "hash_token",
    "new_session_id",
    "new_token",
    "nothing_hidden",
    "play_calls",
    "rebuild",
    "rebuild_index",
    "recall",
    "redactor_of",
    "replay",
    "replay_all",
    "sessions_like",
]
