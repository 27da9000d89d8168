"""Redact: nothing that is printed of a session holds its secrets, and ordinary sessions lose nothing else."""

from __future__ import annotations

import html
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.memory import REDACTED, Log, SessionStart, nothing_hidden, redactor_of
from practicum.memory.redact import LEAST, Redactor
from practicum.training.agents import play_episode, scripted_agent
from tests.memory.conftest import VAULT
from tests.memory.steps import a_step

KEY = "open-sésame \"4\" 'all'"


@pytest.mark.parametrize("seed", range(12))
def test_an_ordinary_flight_session_is_printed_as_it_was_but_for_the_card_token(sessions, begin, seed):
    session_id, episode = begin(seed, env="flight-v1")
    play_episode(episode, scripted_agent("flight", seed=seed))
    session = sessions.get(session_id, None)
    redactor = redactor_of(sessions, session)
    token = session.task.params.get("card_token", "tok_4242424242")
    for step in sessions.steps(session_id):
        for value in (step.arguments, step.result, step.error, step.outcome):
            assert json.dumps(redactor.value(value)) == json.dumps(value).replace(token, REDACTED)
    told = session.task.instruction
    assert redactor.text(told) == told.replace(token, REDACTED)


def test_what_was_given_for_a_marked_argument_is_hidden_wherever_the_session_says_it_again(sessions, begin):
    session_id, episode = begin(env=VAULT)
    episode.act("say", {"json_text": json.dumps({"note": f"try {KEY}"})})
    episode.act("unlock", {"key": KEY, "spares": ["spare-one"]})
    episode.act("unlock", {"key": ["wrong-type-1"]})
    redactor = redactor_of(sessions, sessions.get(session_id, None))
    steps = list(sessions.steps(session_id))
    assert redactor.value(steps[0].result) == {"note": f"try {REDACTED}"}
    assert redactor.value(steps[1].arguments) == {"key": REDACTED, "spares": REDACTED}
    assert redactor.value(steps[1].result) == {
        "tried": [REDACTED],
        "spares": REDACTED,
        REDACTED: "does not turn",
        "pin": REDACTED,
    }
    assert redactor.text("spare-one and wrong-type-1") == f"{REDACTED} and {REDACTED}"


def test_what_the_parameters_hold_under_a_marked_name_is_hidden_before_it_is_given(sessions, begin):
    session_id, _ = begin(env=VAULT, settings={"key": "sesame-open", "told": "Say sesame-open to it."})
    session = sessions.get(session_id, None)
    redactor = redactor_of(sessions, session)
    assert redactor.text(session.task.instruction) == f"Say {REDACTED} to it."
    assert redactor.value(session.task.params)["key"] == REDACTED
    assert nothing_hidden(sessions, session).text(session.task.instruction) == "Say sesame-open to it."


@pytest.mark.parametrize("key", ["7", "abc"])
def test_a_short_secret_is_hidden_under_its_name_and_shreds_no_text(sessions, begin, key):
    session_id, episode = begin(env=VAULT)
    step = episode.act("unlock", {"key": key, "pin": 7})
    redactor = redactor_of(sessions, sessions.get(session_id, None))
    assert redactor.value(step.arguments) == {"key": REDACTED, "pin": REDACTED}
    assert redactor.text("abc is no flight 7") == "abc is no flight 7"
    assert redactor.value([7, 77]) == [7, 77]


def test_a_secret_number_is_hidden_as_a_number_and_in_texts(sessions, begin):
    session_id, episode = begin(env=VAULT)
    episode.act("unlock", {"pin": 48213})
    redactor = redactor_of(sessions, sessions.get(session_id, None))
    assert redactor.value([48213, 48213.0, 48214, True]) == [REDACTED, REDACTED, 48214, True]
    assert redactor.text("pin 48213 does not fit") == f"pin {REDACTED} does not fit"


def test_a_long_secret_is_hidden_where_a_message_has_cut_it():
    key = "".join(chr(ord("a") + n % 23) for n in range(100))
    redactor = Redactor(values=[key])
    assert (
        redactor.text(f"'code' is '{key[:56]}..., expected integer")
        == f"'code' is '{REDACTED}..., expected integer"
    )
    assert redactor.text(key * 3) == REDACTED


def test_a_secret_given_with_spaces_around_it_is_hidden_where_it_stands_without_them():
    assert Redactor(values=[" sesame-open\n"]).text("(sesame-open)") == f"({REDACTED})"


def test_secrets_that_overlap_are_hidden_together():
    redactor = Redactor(values=["abcdef", "defghi"])
    assert redactor.text("xabcdefghix") == f"x{REDACTED}x"


def test_no_member_is_lost_when_keys_become_the_same():
    redactor = Redactor(values=["first-key", "second-key"])
    shown = redactor.value({"first-key": 1, "second-key": 2, REDACTED: 3})
    assert sorted(shown.values()) == [1, 2, 3]
    assert all(name.startswith(REDACTED) for name in shown)


def test_a_session_whose_world_is_gone_still_hides_its_marked_arguments(store, sessions, begin, tmp_path):
    place = tmp_path / "vault_env.py"
    place.write_text(Path(VAULT.rpartition(":")[0]).read_text(encoding="utf-8"), encoding="utf-8")
    session_id, episode = begin(env=f"{place}:Vault")
    episode.act("unlock", {"key": "sesame-open"})
    place.unlink()
    assert redactor_of(sessions, sessions.get(session_id, None)).text("sesame-open") == REDACTED


def test_a_session_of_an_unknown_world_is_printed_with_what_looks_like_a_credential_hidden(
    log, sessions, begin
):
    _, episode = begin(env=VAULT)
    start = SessionStart(id="a" * 32, env="nowhere-v1", task=episode.task)
    log.start(start)
    session = sessions.get(start.id, None)
    assert session.marks is None
    assert redactor_of(sessions, session).text("password=hunter2") == f"password={REDACTED}"


def test_a_million_characters_with_many_secrets_are_fine():
    redactor = Redactor(values=[f"secret number {n}" for n in range(200)])
    shown = redactor.text("a secret number 7 and more. " * 40_000)
    assert "number" not in shown
    assert shown.count(REDACTED) == 40_000


def test_a_text_that_begins_like_a_long_secret_again_and_again_is_read_once():
    many = 5_000_000
    assert Redactor(values=["a" * 32 + "b" * many]).text("a" * many) == REDACTED


# Any secret, anywhere ----------------------------------------------------------------------------------

ODD = "§Жß漢 '\"\\\n\t\x07\u200b<>&%/{}xyzXYZ"
keys = st.text(ODD, min_size=LEAST, max_size=80)
places = st.recursive(
    st.sampled_from(["{}", "say {} now", "{}{}", "<{}>"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "{}", "b {}"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def filled(place, key):
    if isinstance(place, str):
        return place.replace("{}", key)
    if isinstance(place, list):
        return [filled(part, key) for part in place]
    return {filled(name, key): filled(part, key) for name, part in place.items()}


def texts(value):
    if isinstance(value, str):
        yield value
    for part in (
        [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from texts(part)


WRITTEN = {
    "as it is": lambda said: said,
    "as JSON": json.dumps,
    "as JSON of today": lambda said: json.dumps(said, ensure_ascii=False),
    "as Python": repr,
    "as Python among quotes": lambda said: repr(f'it\'s "{said}"') if isinstance(said, str) else "",
    "as HTML": lambda said: html.escape(str(said)) if isinstance(said, str) else "",
    "as an address": lambda said: quote(said) if isinstance(said, str) else "",
}


def forms_of(key):
    among_quotes = repr(f"'\"{key}")[4:-1]
    return key, json.dumps(key)[1:-1], repr(key)[1:-1], among_quotes, html.escape(key), quote(key)


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
@given(key=keys, place=places, in_list=st.booleans())
def test_no_value_of_a_marked_argument_is_in_anything_that_is_redacted(written, key, place, in_list):
    redactor = Redactor(["key"], [[key] if in_list else key])
    shown = redactor.value(written(filled(place, key)))
    for text in texts(shown):
        left = text.replace(REDACTED, "\0")
        assert not [form for form in forms_of(key) if form in left]


@given(value=places)
def test_without_secrets_nothing_changes(value):
    said = filled(value, "plain words")
    assert Redactor(["key"], ["another-secret"]).value(said) == said


def test_the_log_itself_keeps_everything(store, begin):
    log = Log(store)
    session_id, episode = begin(env=VAULT)
    episode.act("unlock", {"key": "sesame-open"})
    log.append(session_id, a_step(turn=2))
    assert "sesame-open" in store.read("SELECT arguments FROM steps WHERE turn = 1")[0]["arguments"]
