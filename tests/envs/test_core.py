"""A world of actions: what refusals take back, what results share, how episodes end and begin."""

import copy
import json
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from practicum.envs import (
    ActionError,
    DomainProfile,
    Episode,
    ListRecorder,
    Outcome,
    Record,
    RewardTable,
    Task,
    ToolCall,
    ToolEnv,
    UsageError,
    action,
    register_domain,
)
from practicum.envs.core import CHECK_AGAIN, plain
from practicum.envs.errors import EpisodeOver

register_domain(DomainProfile("test-core", ending_tools=frozenset({"submit"})))


@dataclass
class Bag(Record):
    coins: list[int]
    notes: dict[str, Any]


class Purse(ToolEnv[Bag]):
    """Fill the purse."""

    name = "purse"
    domain = "test-core"
    rewards = RewardTable(step=-0.1, refused=-0.5, found=0.2, solved=1.0, violation=-0.3)

    def begin(self, *, coins: int = 2) -> Bag:
        return Bag([int(coin) for coin in self.np_random.integers(10, size=coins)], {})

    def opening(self) -> Any:
        return self.state

    @action
    def find(self) -> int:
        """Find a coin."""
        coin = int(self.np_random.integers(10))
        self.state.coins.append(coin)
        self.earn("found")
        return coin

    @action
    def draw_and_fail(self) -> None:
        """Draw, change everything, and be refused."""
        self.np_random.integers(10)
        self.state.coins.clear()
        self.state.notes["x"] = {"deep": [1]}
        self.earn("found", 3)
        self.np_random.integers(10)
        self.state = Bag([], {})
        raise ActionError("nothing of that happened")

    @action(read_only=True)
    def peek(self) -> Bag:
        """Look, and try to change what is seen."""
        self.np_random.integers(10)
        self.state.coins.append(99)
        self.state = self.state
        return self.state

    @action
    def swap(self) -> str:
        """Put another bag in the place of this one."""
        self.state = Bag([7], {})
        return "swapped"

    @action
    def crash(self) -> None:
        """Break."""
        self.state.coins.clear()
        raise ZeroDivisionError

    @action
    def numbers(self) -> Any:
        """Give what NumPy gives."""
        return {"whole": np.int64(3), "real": np.float32(0.5), "flag": np.bool_(True), "row": np.arange(3)}

    @action
    def strange(self) -> Any:
        """Give what has no JSON form."""
        self.state.coins.clear()
        return object()

    @action
    def submit(self) -> str:
        """Say that it is done."""
        self.state.notes["done"] = True
        return "done"

    def is_done(self) -> bool:
        return "done" in self.state.notes

    def outcome(self) -> Outcome:
        total = sum(self.state.coins)
        return Outcome(total > 12, ("poor", "sad") if total <= 12 else ())


def fingerprint(env):
    return json.dumps([env.world(), str(env.np_random.bit_generator.state)])


def started(**options):
    env = Purse()
    env.reset(seed=1, options=options)
    return env


def test_a_refusal_puts_state_and_drawn_numbers_back():
    env, twin = started(), started()
    before = fingerprint(env)
    *_, info = env.step(ToolCall("draw_and_fail"))
    assert info["error"] == "nothing of that happened"
    assert info["terms"] == {"refused": -0.5, "step": -0.1}
    assert fingerprint(env) == before
    assert env.step(ToolCall("find"))[4]["result"] == twin.step(ToolCall("find"))[4]["result"]


def test_a_read_only_action_changes_nothing_even_when_it_tries():
    env = started()
    before = fingerprint(env)
    *_, info = env.step(ToolCall("peek"))
    assert info["read_only"]
    assert info["result"]["coins"][-1] == 99
    assert fingerprint(env) == before


def test_a_state_that_an_action_replaced_is_noted_as_well():
    env = started()
    env.step(ToolCall("swap"))
    before = fingerprint(env)
    env.step(ToolCall("draw_and_fail"))
    assert fingerprint(env) == before
    assert env.state.coins == [7]


def test_a_bug_in_an_action_is_raised_and_its_changes_taken_back():
    env = started()
    before = fingerprint(env)
    for tool, error in (("crash", ZeroDivisionError), ("strange", Exception)):
        with pytest.raises(error):
            env.step(ToolCall(tool))
        assert fingerprint(env) == before


def test_a_state_of_plain_dicts_is_taken_back_too():
    class Plain(Purse):
        """The same in plain dicts."""

        def begin(self):
            return {"coins": [1], "notes": {}}

        @action
        def fail(self) -> None:
            """Fail."""
            self.state["coins"].append(2)
            self.state["notes"]["x"] = 1
            raise ActionError("no")

    env = Plain()
    env.reset(seed=0)
    env.step(ToolCall("fail"))
    assert env.world() == {"coins": [1], "notes": {}}


def test_results_and_observations_are_plain_json_that_the_world_cannot_change_later():
    env = Purse()
    opening, _ = env.reset(seed=1)
    kept = copy.deepcopy(opening)
    env.step(ToolCall("find"))
    assert opening == kept
    assert type(opening["coins"]) is list
    assert env.step(ToolCall("numbers"))[4]["result"] == {
        "whole": 3,
        "real": 0.5,
        "flag": True,
        "row": [0, 1, 2],
    }


def test_an_observation_of_the_worlds_own_is_a_copy_too():
    class Watching(Purse):
        """Fill the purse and watch it."""

        def observe(self) -> Any:
            return self.state

    env = Watching()
    env.reset(seed=1)
    observation = env.step(ToolCall("find"))[0]
    kept = copy.deepcopy(observation)
    env.step(ToolCall("find"))
    assert observation == kept


def test_the_observation_is_the_last_result_or_refusal_and_renders_as_text():
    env = started()
    assert env.step(ToolCall("swap"))[0] == env.render() == "swapped"
    assert env.step(ToolCall("draw_and_fail"))[0] == "nothing of that happened"
    assert env.step(ToolCall("numbers"))[0]["whole"] == 3
    assert env.render() == '{"whole":3,"real":0.5,"flag":true,"row":[0,1,2]}'


def test_min_try_sends_the_first_final_answers_back():
    env = started(min_try=3)
    for _ in range(2):
        _, reward, terminated, _, info = env.step(ToolCall("submit"))
        assert (info["result"], reward, terminated) == (CHECK_AGAIN, -0.1, False)
        assert env.state.notes == {}
    assert env.step(ToolCall("submit"))[2]


def test_a_call_that_does_not_end_the_episode_is_no_final_answer():
    class Careful(Purse):
        def is_done(self):
            return super().is_done() and len(self.state.coins) > 1

    env = Careful()
    env.reset(options={"task": Task("purse", 1, 0), "min_try": 2})
    env.state.coins = [1]
    assert env.step(ToolCall("submit"))[4]["result"] != CHECK_AGAIN


def test_a_final_answer_with_bad_arguments_is_refused_and_uses_up_no_try():
    env = started(min_try=2)
    assert env.step(ToolCall("submit", {"x": 1}))[4]["error"] is not None
    assert env.step(ToolCall("submit"))[4]["result"] == CHECK_AGAIN


def test_the_end_earns_solved_or_a_violation_of_each_kind():
    rich, poor = started(), started()
    rich.state.coins = [20]
    poor.state.coins = []
    assert rich.step(ToolCall("submit"))[4]["terms"] == {"solved": 1.0, "step": -0.1}
    assert poor.step(ToolCall("submit"))[4]["terms"] == {"violation": -0.6, "step": -0.1}


def test_the_step_limit_truncates_with_an_outcome_and_without_earning_the_end():
    env = Purse()
    env.reset(options={"task": Task("purse", 1, 0, step_limit=2)})
    assert env.step(ToolCall("peek"))[2:4] == (False, False)
    *_, terminated, truncated, info = env.step(ToolCall("nonsense"))
    assert (terminated, truncated) == (False, True)
    assert isinstance(info["outcome"], Outcome)
    assert set(info["terms"]) == {"refused", "step"}
    with pytest.raises(EpisodeOver, match="reset"):
        env.step(ToolCall("peek"))


def test_a_world_can_cut_an_episode_off():
    class Closing(Purse):
        """Fill the purse before the shop closes."""

        def is_cut_off(self) -> bool:
            return len(self.state.coins) > 2

    env = Closing()
    env.reset(seed=0)
    assert env.step(ToolCall("find"))[2:4] == (False, True)


def test_an_unknown_action_is_refused_with_the_nearest():
    info = started().step(ToolCall("sumbit"))[4]
    assert "no action 'sumbit'; did you mean 'submit'?" in info["error"]


def test_an_unknown_reward_term_is_an_error_that_names_the_known_ones():
    with pytest.raises(KeyError, match="no reward term 'lost'; the table has step, refused"):
        started().earn("lost")


def test_a_table_without_step_and_refused_earns_nothing_for_them():
    class Free(Purse):
        """Fill the purse for free."""

        rewards: ClassVar[RewardTable] = RewardTable(found=1)

    env = Free()
    env.reset(seed=0)
    assert env.step(ToolCall("peek"))[1] == 0
    assert env.step(ToolCall("draw_and_fail"))[1] == 0
    assert env.step(ToolCall("submit"))[4]["terms"] == {}


def test_reset_shows_the_task_and_keeps_its_secret():
    task = replace(Purse.make_task(3, coins=4), secret={"script": "I am furious"})
    observation, info = Purse().reset(options={"task": task})
    assert info == {
        "task": {"env": "purse-v1", "seed": 3, "params": {"coins": 4}, "instruction": "Fill the purse."}
    }
    assert len(observation["coins"]) == 4
    assert "furious" not in json.dumps([observation, info])


def test_the_constructors_seed_and_settings_make_the_first_task_and_np_random_the_next():
    env, twin = Purse(seed=5, coins=3), Purse(seed=5, coins=3)
    assert env.reset()[0] == Purse().reset(options={"task": Purse.make_task(5, coins=3)})[0]
    twin.reset()
    assert env.reset() == twin.reset()
    assert env.task.seed != 5
    assert env.task.params == {"coins": 3}


def test_an_unknown_setting_is_a_usage_error_with_the_nearest():
    with pytest.raises(UsageError, match="purse-v1 has no setting 'coin'; did you mean 'coins'"):
        Purse(coin=3).reset(seed=0)


def test_a_generator_of_ones_own_is_put_back_on_refusal_as_well():
    env = started()
    env.np_random = np.random.Generator(np.random.MT19937(3))
    twin = np.random.Generator(np.random.MT19937(3))
    env.step(ToolCall("draw_and_fail"))
    assert env.step(ToolCall("find"))[4]["result"] == twin.integers(10)


def test_a_second_episode_begins_afresh():
    env = started()
    first = fingerprint(env)
    env.step(ToolCall("find"))
    env.step(ToolCall("submit"))
    env.reset(seed=1)
    assert fingerprint(env) == first


def test_every_quick_form_of_an_action_does_the_same():
    forms = (
        ToolCall("submit"),
        {"verb": list(Purse.actions).index("submit"), "payload": ""},
        {"tool": "submit"},
    )
    assert len({str(started().step(form)[:4]) for form in forms}) == 1


def test_what_is_no_call_at_all_is_a_refused_step():
    *_, info = started().step(17)
    assert "an action is a ToolCall" in info["error"]


def test_plain_shares_nothing_with_the_state():
    state = Bag([1], {"a": [2]})
    copied = plain(state)
    state.notes["a"].append(3)
    assert copied == {"coins": [1], "notes": {"a": [2]}}


def test_a_recorder_of_ones_own_gets_every_step(parcels):
    recorder = ListRecorder()
    episode = Episode(parcels(), parcels.make_task(0), recorder=recorder)
    steps = [episode.act("look"), episode.act("take_out", {"parcel": "P0"})]
    assert recorder.steps == steps
    assert recorder.opening == episode.opening
