"""Gymnasium's environments, and worlds in wrappers, served to clients."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from gymnasium import spaces
from mcp.client import Client

from practicum.envs import UsageError, find
from practicum.envs.check import check
from practicum.envs.lint import lint_tool
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import PracticumServer
from practicum.memory import Sessions, Store, replay_all
from tests.mcp_server.clients import MODES, PARCELS, ask, call, http_client, over_http, refusal

Serve = Callable[..., PracticumServer]
pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mode", MODES)
async def test_a_gymnasium_environment_is_played_over_mcp_as_gymnasium_plays_it(
    serve: Serve, store: Store, mode: str
) -> None:
    inner = gymnasium.make("CartPole-v1")
    observation, _ = inner.reset(seed=11)
    async with Client(serve("gym:CartPole-v1"), mode=mode) as client:
        opened = await call(client, "open_session", env="gym:CartPole-v1", seed=11)
        assert opened["observation"] == observation.tolist()
        terminated = False
        while not terminated:
            observation, reward, terminated, _, _ = inner.step(1)
            body = await call(client, "act", action=1)
            assert (body["result"]["observation"], body["reward"]) == (observation.tolist(), reward)
            assert body["terminated"] is terminated
        assert body["outcome"]["return"] == body["turn"]
    assert all(report.agrees for report in replay_all(store))


async def test_a_refused_action_says_what_is_allowed_and_moves_nothing(serve: Serve) -> None:
    async with Client(serve("gym:Pendulum-v1")) as client:
        opened = await call(client, "open_session", seed=1)
        assert "'action.0' is 3" in await refusal(client, "act", action=[3])
        assert "less than or equal to 2" in await refusal(client, "act", action=[3])
        await refusal(client, "act", action=0.5)
        body = await call(client, "act", action=[0.5])
    bare = gymnasium.make("Pendulum-v1")
    assert opened["observation"] == bare.reset(seed=1)[0].tolist()
    assert body["result"]["observation"] == bare.step([0.5])[0].tolist()


async def test_a_drawing_is_in_the_first_observation_and_in_every_result(serve: Serve) -> None:
    async with Client(serve("gym:FrozenLake-v1", settings={"is_slippery": False})) as client:
        opened = await call(client, "open_session", seed=0)
        assert opened["observation"]["text"].startswith("<red:S>FFF")
        body = await call(client, "act", action=1)
        assert body["result"] == {"observation": 4, "text": "  (Down)\nSFFF\n<red:F>HFH\nFFFH\nHFFG"}


async def test_an_evaluation_shows_no_reward_in_the_result_either(serve: Serve) -> None:
    async with Client(serve("gym:CartPole-v1")) as client:
        await call(client, "open_session", purpose="evaluation")
        body = await call(client, "act", action=1)
    assert "reward" not in body
    assert list(body["result"]) == ["observation"]


@pytest.mark.parametrize("name", ["gym:CartPole", "gym:CartPole-v1", "CartPole", "CartPole-v1"])
async def test_a_session_is_opened_by_any_form_of_the_id(serve: Serve, name: str) -> None:
    async with Client(serve("gym:CartPole-v1", "gym:Taxi-v4")) as client:
        assert (await call(client, "open_session", env=name))["env"] == "gym:CartPole-v1"


async def test_several_worlds_with_the_same_tool_each_have_it_under_a_name_of_their_own(
    serve: Serve,
) -> None:
    async with Client(serve("gym:CartPole-v1", "gym:FrozenLake8x8-v1", "gym:Taxi-v4")) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        for name, env in (
            ("cart_pole_act", "gym:CartPole"),
            ("frozen_lake8x8_act", "gym:FrozenLake8x8"),
            ("taxi_act", "gym:Taxi"),
        ):
            tool = tools[name]
            assert lint_tool(name, tool.description or "", tool.input_schema) == []
            opened = await call(client, "open_session", env=env)
            assert opened["tools"] == [name]
            assert (await call(client, name, session_id=opened["session_id"], action=0))["turn"] == 1
        assert "act" not in tools


class Still(gymnasium.Env[Any, Any]):
    """Stays as it is."""

    action_space = spaces.Dict({"turn": spaces.Discrete(3), "push": spaces.Box(0, 1, ())})
    observation_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        return 0, {}

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
        return int(action["turn"] > 0), float(action["push"]), False, False, {}


@pytest.fixture
def far() -> Any:
    """Ids that are spelt unlike tools are."""
    names = ["practicum-test/Far.Away-v2", "practicum-test/Far-Away-v2", "7Seas-v0", f"{'Long' * 15}-v0"]
    for name in names:
        gymnasium.register(name, entry_point=Still)
    yield [f"gym:{name}" for name in names]
    for name in names:
        del gymnasium.registry[name]


async def test_names_that_tools_cannot_have_are_made_into_names_that_they_can(
    serve: Serve, far: list[str]
) -> None:
    async with Client(serve(*far)) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools if tool.name.endswith("_act")]
    assert tools[:3] == ["practicum_test_far_away_act", "practicum_test_far_away2_act", "e7_seas_act"]
    assert len(tools) == len(set(tools)) == 4


async def test_an_action_of_parts_has_an_argument_for_each_and_none_of_the_servers(
    serve: Serve, far: list[str]
) -> None:
    async with Client(serve(far[0])) as client:
        await call(client, "open_session")
        body = await call(client, "act", action_turn=2, push=0.5, turn=1)
        assert (body["turn"], body["result"], body["reward"]) == (1, {"observation": 1}, 0.5)


async def test_an_endpoint_of_its_own_has_a_namespace_in_its_address(
    practise: Callable[..., Practice], far: list[str]
) -> None:
    async with over_http(practise(far[0])) as (url, _):
        async with http_client(f"{url}/mcp") as client:
            opened = await call(client, "open_session", scoped=True)
        async with http_client(opened["url"], token=opened["token"]) as client:
            assert (await call(client, "act", action_turn=0, push=1))["reward"] == 1.0


SPINNER = '''
from practicum.envs import Outcome, ToolEnv, action

class Spinner(ToolEnv[dict]):
    """Spin."""

    name = "spinner"

    def begin(self):
        return {}

    @action
    def spin(self, turn: int) -> int:
        """Spin.

        Args:
            turn: How far.
        """
        return turn

    def is_done(self):
        return False

    def outcome(self):
        return Outcome(False)
'''


def test_an_action_with_an_argument_of_the_servers_is_not_served(serve: Serve, tmp_path: Path) -> None:
    place = tmp_path / "spinner.py"
    place.write_text(SPINNER)
    with pytest.raises(UsageError, match="spin: the argument 'turn' is the server's own; rename it"):
        serve(f"{place}:Spinner")
    [finding] = check(find(f"{place}:Spinner"))
    assert finding.message.startswith("spin: the argument 'turn' is the server's own")


# Wrappers -----------------------------------------------------------------------------------------------

NOISY = f"{PARCELS}+failing=0.4+lost=0.2+step_limit=12"


async def played(client: Client, session_id: str, turns: range) -> list[dict[str, Any]]:
    return [await ask(client, "look", session_id=session_id, turn=turn) for turn in turns]


async def test_a_wrapped_session_goes_on_in_another_process_and_replays(serve: Serve, store: Store) -> None:
    async with Client(serve(NOISY)) as client:
        whole = (await call(client, "open_session", seed=5))["session_id"]
        expected = await played(client, whole, range(1, 13))
        parted = (await call(client, "open_session", seed=5))["session_id"]
        answers = await played(client, parted, range(1, 6))
    async with Client(serve(NOISY)) as client:
        answers += await played(client, parted, range(6, 13))
    assert [{**each, "session_id": whole} for each in answers] == expected
    assert answers[-1]["truncated"] is True
    assert sum("error" in each for each in answers) >= 2
    assert all(report.agrees for report in replay_all(store))


async def test_a_fork_of_a_wrapped_session_is_wrapped(serve: Serve, store: Store) -> None:
    async with Client(serve(NOISY)) as client:
        old = (await call(client, "open_session", seed=5))["session_id"]
        answers = await played(client, old, range(1, 13))
        new = (await call(client, "open_session", from_session=old, at_turn=4))["session_id"]
        again = await played(client, new, range(5, 13))
    assert [{**each, "session_id": old} for each in again] == answers[4:]
    assert Sessions(store).get(new, None).env == NOISY  # type: ignore[union-attr]  # it is there


async def test_a_wrapped_and_a_bare_session_share_one_log(serve: Serve) -> None:
    async with Client(serve(f"{PARCELS}+failing=1")) as client:
        failing = (await call(client, "open_session", seed=5))["session_id"]
        assert "failed on its way" in await refusal(client, "look", session_id=failing)
    async with Client(serve(PARCELS)) as client:
        bare = (await call(client, "open_session", seed=5))["session_id"]
        await call(client, "look", session_id=bare)
        assert "failed on its way" in await refusal(client, "look", session_id=failing)


async def test_the_time_budget_of_a_served_world_truncates_and_replays(serve: Serve, store: Store) -> None:
    async with Client(serve(f"{PARCELS}+time_budget=1e-9")) as client:
        await call(client, "open_session")
        body = await call(client, "look")
    assert (body["truncated"], body["terms"]) == (True, {"step": -0.01})
    assert body["outcome"]["success"] is False
    assert all(report.agrees for report in replay_all(store))
