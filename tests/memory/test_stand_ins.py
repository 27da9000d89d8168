"""Stand-ins: what looks like a secret in the place of each secret, the same wherever that stood."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from practicum.memory.stand_ins import StandIns, kept_in

secrets = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=6, max_size=40).filter(
    lambda text: sum(character.isalnum() for character in text) >= 6
)


@given(secrets, st.text(max_size=20), st.text(max_size=20))
@example("tok_2281834556", "The card token is ", ".")
def test_a_secret_stands_nowhere_and_its_stand_in_everywhere(secret, before, after):
    hidden = StandIns({"token"}, [secret], seed="task")
    stand_in = hidden.value({"token": secret})["token"]
    assert stand_in != secret
    assert len(stand_in) == len(secret)
    text = hidden.text(f"{before} {secret} {after}")
    assert secret not in text
    assert stand_in in text
    assert stand_in in hidden.text(f"again {secret}")


def test_the_same_seed_gives_the_same_and_another_gives_another():
    def of(seed):
        return StandIns({"token"}, ["tok_2281834556"], seed=seed).text("tok_2281834556")

    assert of("a") == of("a") != of("b")


def test_nothing_of_a_secret_is_in_its_stand_in_but_its_form():
    one, other = (
        StandIns(set(), [secret], seed="a").text(secret) for secret in ("tok_2281834556", "tok_9999999999")
    )
    assert one == other
    assert one.startswith("tok_")
    assert one.removeprefix("tok_").isdecimal()


def test_digits_stay_digits_and_letters_letters_so_that_copying_can_be_learned():
    found = StandIns(set(), ["Ab12-cD/34"], seed="a").text("Ab12-cD/34")
    assert [c.isdigit() for c in found] == [c.isdigit() for c in "Ab12-cD/34"]
    assert [c.isupper() for c in found] == [c.isupper() for c in "Ab12-cD/34"]
    assert found[4] == "-"
    assert found[7] == "/"


def test_a_number_stays_a_number_of_as_many_digits():
    hidden = StandIns({"pin"}, [902144], seed="a")
    shown = hidden.value({"pin": 902144, "other": 902144})
    assert shown["pin"] == shown["other"] != 902144
    assert len(str(shown["pin"])) == 6
    assert hidden.text("pin 902144") == f"pin {shown['pin']}"


def test_zeros_alone_have_a_stand_in_too():
    assert StandIns({"pin"}, ["0000"], seed="a").value({"pin": "0000"})["pin"] != "0000"


def test_lists_and_objects_keep_their_form():
    hidden = StandIns({"card"}, [{"number": "tok_12345678", "tries": 1234}], seed="a")
    shown = hidden.value({"card": {"number": "tok_12345678", "tries": 1234, "old": ["tok_12345678", None]}})
    assert shown["card"]["number"] == shown["card"]["old"][0] != "tok_12345678"
    assert isinstance(shown["card"]["tries"], int)


def test_what_only_looks_like_a_credential_has_one_stand_in_too():
    key = "sk-abcdefghij0123456789"
    hidden = StandIns(set(), [], seed="a")
    first, second = hidden.text(f"use {key}"), hidden.text(f"used {key} twice")
    assert key not in first + second
    assert first.removeprefix("use ") in second
    assert first.startswith("use sk-")


def test_a_secret_that_was_cut_has_the_beginning_of_its_stand_in():
    secret = "a1" * 40
    hidden = StandIns(set(), [secret], seed="a")
    assert hidden.text(f"got {secret[:50]}…") == f"got {hidden.text(secret)[:50]}…"


def test_a_secret_within_a_larger_credential_keeps_its_stand_in():
    hidden = StandIns(set(), ["hunter2222"], seed="a")
    assert hidden.text("hunter2222") in hidden.text('password="hunter2222.x"')


def test_values_under_the_names_of_credentials_are_found_in_json():
    body = {"api_key": "abc1234", "user": {"Password": 'x y"z', "monkey": "12345"}, "tokens": 99, "cvv": 123}
    assert list(kept_in(json.dumps(body))) == ["abc1234", 'x y"z', 123]
    assert list(kept_in(json.dumps(body, ensure_ascii=False, separators=(",", ":")))) == [
        "abc1234",
        'x y"z',
        123,
    ]
    assert list(kept_in('{"ünï": "İ", "api_key": "abc1234"}')) == ["abc1234"]
    assert list(kept_in('["api_key", "abc1234"]')) == []
