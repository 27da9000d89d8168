"""Redaction, as a person meets it: whatever a session says and wherever, no command prints its secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practicum.envs import find
from practicum.mcp_server.bindings import Binding
from practicum.mcp_server.calls import Caller
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.resources import transcript
from practicum.memory import Log, SessionStart, Store, new_session_id
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.clients import ROOT
from tests.memory.steps import a_step

VAULT = f"{ROOT / 'tests' / 'memory' / 'vault_env.py'}:Vault"
ODD = "§Жß漢 '\"\\\n\t<>&%{}XYZ"
keys = st.text(ODD, min_size=4, max_size=60).filter(lambda key: len(key.strip()) > 3)
places = st.recursive(
    st.sampled_from(["{}", "say {} now", "{}, {}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "{}", "b {}"]), inner),
    max_leaves=5,
)
GIVEN: dict[str, Any] = {
    "key": lambda key: {"key": key},
    "list": lambda key: {"key": [key]},
    "spares": lambda key: {"spares": ["some other", key]},
    "params": lambda key: {},
}


def filled(place: Any, key: str) -> Any:
    if isinstance(place, str):
        return place.replace("{}", key)
    if isinstance(place, list):
        return [filled(part, key) for part in place]
    return {filled(name, key): filled(part, key) for name, part in place.items()}


def log_session(store: Store, key: str, given_as: str, place: Any) -> str:
    """A session that has the key in its task, and everywhere in its turns."""
    params = {"note": filled("note {}", key)} | ({"key": key} if given_as == "params" else {})
    task = find(VAULT).make_task(1, told=filled("Open it with {}.", key), **params)
    start = SessionStart(id=new_session_id(), env=VAULT, task=task)
    log = Log(store)
    log.start(start)
    said = filled(place, key)
    log.append(start.id, a_step(1, tool="say", arguments={"json_text": json.dumps(said)}, result=said))
    log.append(start.id, a_step(2, tool="unlock", arguments=GIVEN[given_as](key), thought=f"or {key}?"))
    log.append(start.id, a_step(3, tool="say", result=None, error=f"no {said!r}; say {key}"))
    outcome = {"success": False, "violations": [f"{key}"], "why": said}
    log.append(start.id, a_step(4, tool="say", result=[said], truncated=True, outcome=outcome))
    return start.id


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(key=keys, given_as=st.sampled_from(sorted(GIVEN)), place=places)
def test_no_secret_is_in_anything_that_is_printed_of_any_session(
    practicum: Practicum, db: Path, key: str, given_as: str, place: Any
) -> None:
    store = Store.open(db)
    session_id = log_session(store, key, given_as, place)
    practice = Practice(store, {})
    caller = Caller()
    printed = [
        practicum("sessions", session_id).out,
        practicum("replay", session_id).out,
        practicum("sessions", "--json").out,
        json.dumps(json.loads(practicum("sessions", session_id, "--json").out), ensure_ascii=False),
        transcript(practice, Binding(caller), practice.session(caller, session_id)),
    ]
    store.close()
    for text in printed:
        left = text.replace("[redacted]", "\0")
        assert key.strip() not in left
        assert json.dumps(key.strip(), ensure_ascii=False)[1:-1] not in left
    db.unlink()
