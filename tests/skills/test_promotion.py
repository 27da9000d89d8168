"""Promotion: what one principal's sessions taught, for everybody, without what only few have seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.envs import UsageError, find
from practicum.memory import Store, forget
from practicum.skills.constants import constants_of, declared, for_everybody
from practicum.skills.language import BadSkill, Skill
from practicum.skills.learning import learn
from practicum.skills.library import Library
from practicum.skills.naming import free_name
from practicum.skills.promotion import promote
from tests.skills.buying import KIOSK, buy, steps_of, train_seeds
from tests.skills.kiosk_env import Kiosk

EMPTY = {"type": "object", "properties": {}, "additionalProperties": False}
PAY = {"do": "call", "id": "pay", "tool": "pay", "args": {"card_token": {"param": "card_token"}}}


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    with closing(Store.open(tmp_path / "practicum.db")) as opened:
        yield opened


@pytest.fixture
def library(store) -> Library:
    return Library(store)


HERS = free_name("buy_ware", (), principal="ann")


def the_skill(library: Library, principal: str = "ann"):
    [entry] = [each for each in library.entries(principal) if each.principal == principal]
    return entry


def learned(store: Store, *principals: str, **how) -> None:
    for number, principal in enumerate(principals):
        for seed in train_seeds(8, first=100 * number):
            buy(store, seed, principal, **how)
    learn(store)


def skill_with(*body) -> Skill:
    return Skill("skill_x", 1, "kiosk", 1, EMPTY, body)


def wrap(paper) -> dict:
    return {"do": "call", "id": "wrap", "tool": "wrap", "args": {"paper": paper}}


def find_ware(ware) -> dict:
    return {"do": "call", "id": "find_ware", "tool": "find_ware", "args": {"ware": ware}}


def test_a_skill_without_constants_is_everybodys_once_it_is_verified_again(store, library):
    learned(store, "ann")
    assert promote(library, the_skill(library)).name == HERS
    [entry] = library.entries("bob")
    assert entry.shared
    assert library.history(HERS)[-1].kind == "promoted"
    with pytest.raises(UsageError, match="promoted already"):
        promote(library, entry)


def test_only_what_is_published_is_promoted(store, library):
    learned(store, "ann")
    entry = the_skill(library)
    library.quarantine(entry.skill, "by hand")
    with pytest.raises(UsageError, match="is quarantined"):
        promote(library, library.get(HERS, "ann"))
    assert library.entries("bob") == []


def test_a_skill_that_fails_in_the_world_as_it_is_now_is_not_promoted(store, library, monkeypatch):
    learned(store, "ann")
    monkeypatch.setattr(find(KIOSK), "in_basket", "bag")
    with pytest.raises(UsageError, match="is not promoted"):
        promote(library, the_skill(library))
    assert library.entries("bob") == []


def test_a_constant_that_the_environment_declares_is_no_secret(store, library):
    learned(store, "ann", wrapping="green")
    assert "green" in [each.value for each in constants_of(the_skill(library).skill)]
    assert promote(library, the_skill(library)).name == HERS


def test_a_constant_of_one_principal_becomes_an_argument_of_a_skill_with_another_name():
    skill = skill_with(find_ware({"const": "dates"}), PAY)
    [constant] = constants_of(skill)
    seen = {constant.place: {"ann", "bob"}}
    everybodys = for_everybody(skill, Kiosk, seen)
    assert "dates" not in str(everybodys.as_json())
    assert everybodys.body[0]["args"]["ware"] == {"param": "ware_2"}
    assert everybodys.params["required"] == ["ware_2"]


def test_a_constant_that_three_principals_have_used_stays():
    skill = skill_with(find_ware({"const": "dates"}), PAY)
    [constant] = constants_of(skill)
    assert for_everybody(skill, Kiosk, {constant.place: {"ann", "bob", "cid"}}) is skill


def test_a_private_constant_in_a_rule_is_refused_without_being_told():
    rule = {
        "do": "if",
        "cond": {
            "on": {"eq": [{"ref": "find_ware", "path": "/note"}, {"const": "open sesame"}]},
            "yes": [True],
            "no": [False],
        },
        "then": [PAY],
    }
    with pytest.raises(BadSkill, match=r"holds a value at body/1/cond/on/eq/1") as refused:
        for_everybody(skill_with(find_ware({"param": "ware"}), rule), Kiosk, {})
    assert "sesame" not in str(refused.value)


SECRET = st.from_regex(r"[^\W_][\w .:$-]{9,29}", fullmatch=True)


@given(secret=SECRET, seen=st.sets(st.sampled_from(["ann", "bob"])))
def test_no_constant_of_fewer_than_three_principals_is_ever_in_what_everybody_sees(secret, seen):
    one = {"const": secret}
    guard = {"on": {"ref": "find_ware", "path": "/note"}, "yes": [secret], "no": []}
    places = [
        find_ware(one),
        wrap({"fmt": secret + "x", "of": []}),
        {"do": "if", "cond": guard, "then": []},
        {
            "do": "switch",
            "on": {"ref": "find_ware", "path": "/note"},
            "cases": [{"is": [secret], "body": []}],
        },
        {"do": "select", "id": "row", "from": one, "where": [{"eq": [{"col": "a"}, one]}]},
        wrap({"told": "/note", "form": secret + " {a}"}),
        wrap({"word": 1, "of": one}),
        wrap({"lookup": [["a", secret], [secret, "b"]], "of": {"param": "ware"}}),
    ]
    for place in places:
        skill = skill_with(place)
        everywhere = {each.place: seen for each in constants_of(skill)}
        try:
            shown = str(for_everybody(skill, Kiosk, everywhere).as_json())
        except BadSkill as error:
            shown = str(error)
        assert secret not in shown


def test_a_control_field_is_the_environments_own_word():
    status = {"eq": [{"ref": "pay", "path": "/status"}, {"const": "paid"}]}
    said, other = (
        constants_of(replace(skill_with(PAY), post=(post,)))[0]
        for post in (status, {"eq": [{"ref": "pay", "path": "/note"}, {"const": "paid"}]})
    )
    assert declared(said, Kiosk)
    assert not declared(other, Kiosk)


def test_a_promoted_skill_goes_when_fewer_than_three_principals_are_left_behind_its_constant(store, library):
    people = ("ann", "bob", "cid")
    ids = {who: [buy(store, seed, who) for seed in train_seeds(8)] for who in people}
    skill = replace(skill_with(find_ware({"const": "dates"})), description="Finds dates.")
    [constant] = constants_of(skill)
    witnesses = {constant.place: [each for who in people for each in ids[who]]}
    library.add(skill, "ann", witnesses=witnesses)
    library.verified(skill, hits=20, misses=0, about={})
    library.publish(skill)
    library.promote(skill)
    forget(store, ids["bob"][:7])
    assert len(library.entries("bob")) == 1
    assert forget(store, ids["bob"][7:]).skills == ("skill_x version 1",)
    assert library.entries("bob") == []


def test_everybody_buys_with_what_was_promoted(store, library):
    learned(store, "ann")
    promote(library, the_skill(library))
    [entry] = library.shown("bob", "kiosk")
    assert steps_of(entry.skill, 5001)[-1].outcome["success"]
