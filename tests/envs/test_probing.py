"""What the contract test looks for is found, and nothing else."""

from practicum.envs.probing import leaks


def test_the_secret_is_looked_for_in_texts_and_whole_values_but_not_among_public_names():
    secret = {
        "script": "open sesame",
        "gold": [{"name": "look"}],
        "price": 7,
        "short": "yes",
        "code": {"a": "tool"},
    }
    assert list(leaks(secret, {"x": "they say open sesame!"}, frozenset())) == ["script"]
    assert list(leaks(secret, ["yes", 7, "look", {"deep": [{"name": "look"}]}], frozenset({"look"}))) == [
        "gold"
    ]
    assert list(leaks(secret, ["a tool"], frozenset({"tool"}))) == []


def test_a_number_of_a_secret_is_looked_for_under_its_own_key_alone():
    secret = {
        "price": 41800,
        "fare": 12.34,
        "stops": [1055, 1056],
        "deep": {"code": 4711},
        "few": 7,
        "on": True,
    }

    def told(shown):
        return list(leaks(secret, shown, frozenset()))

    assert told({"total": 41800, "note": ["41800", 12.34], "other": [1055]}) == []
    assert told({"few": 7, "price": 418}) == []
    assert told([{"price": 41800}]) == ["price"]
    assert told({"fare": 12.34, "stops": 1056}) == ["fare", "stops"]
    assert told({"here": {"code": 4711}}) == ["deep"]
