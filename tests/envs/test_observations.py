"""What any Gymnasium environment shows is plain JSON and plain text."""

import json

import numpy as np
import pytest
from gymnasium import spaces

from practicum.envs import Episode
from practicum.envs.check import check
from practicum.envs.gymnasium_env import wrap_gymnasium
from practicum.envs.observations import observation_as_json, without_escape_codes

OBSERVED = [
    spaces.Dict({"where": spaces.Discrete(9), "seen": spaces.Box(-1, 1, (2, 3))}),
    spaces.Tuple([spaces.Discrete(9), spaces.Tuple([spaces.MultiBinary(2)])]),
    spaces.Graph(spaces.Box(0, 1, (2,)), spaces.Discrete(4)),
    spaces.Graph(spaces.Discrete(3), None),
    spaces.Sequence(spaces.Dict({"a": spaces.Box(0, 1, (2,))})),
    spaces.Sequence(spaces.Box(0, 1, (2,)), stack=True),
    spaces.OneOf([spaces.Discrete(2), spaces.Box(0, 1, (2,))]),
    spaces.Text(8),
    spaces.Box(0, 255, (2, 2, 3), np.uint8),
    spaces.MultiDiscrete([[2, 3], [4, 5]]),
]


@pytest.mark.parametrize("space", OBSERVED, ids=lambda space: repr(space)[:40])
def test_an_observation_of_any_space_is_plain_json(echo, space):
    env_class = wrap_gymnasium(echo(spaces.Discrete(2), space))
    episode = Episode(env_class(), env_class.make_task(3))
    step = episode.act("act", {"action": 1})
    for shown in (episode.opening.observation, step.result["observation"]):
        assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    space.seed(3)
    assert episode.opening.observation == observation_as_json(space.sample())
    assert check(env_class) == []


def test_a_graph_is_its_nodes_and_edges_and_a_choice_its_number_and_value():
    graph = spaces.GraphInstance(np.array([[0.5], [1.5]]), np.array([3]), np.array([[0, 1]]))
    assert observation_as_json(graph) == {"nodes": [[0.5], [1.5]], "edges": [3], "edge_links": [[0, 1]]}
    assert observation_as_json((np.int64(1), np.array([2, 3]))) == [1, [2, 3]]


def test_numbers_that_json_does_not_have_are_text():
    seen = observation_as_json({"a": np.array([1.0, np.inf, -np.inf, np.nan]), 2: np.float32("inf")})
    assert seen == {"a": [1.0, "inf", "-inf", "nan"], "2": "inf"}


def test_what_belongs_to_no_space_is_an_error_that_names_it():
    with pytest.raises(TypeError, match="holds <object object at"):
        observation_as_json({"a": [object()]})


def test_colours_are_told_in_words():
    assert without_escape_codes("\x1b[34;1mR\x1b[0m:\x1b[43m \x1b[0m\x1b[2J") == "<blue:R>:<yellow: >"
    assert without_escape_codes("\x1b[1mbold\x1b[0m") == "bold"
