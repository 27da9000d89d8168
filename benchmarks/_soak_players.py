"""Players of the soak: each plays flight with an agent of its own and knows what every answer must be."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR

from benchmarks._soak_servers import Server
from benchmarks._soak_wires import Body, Call, Connect, Refused
from practicum.envs import Episode, Step, find
from practicum.training.agents import Agent, Decision, RandomAgent, Tool, scripted_agent

FLIGHT = find("flight")
TOOLS = [Tool.of(action) for action in FLIGHT.actions.values()]
COMPARED = ("turn", "error", "result", "reward", "terms", "terminated", "truncated")
CHANCES = {"duplicate": 0.08, "cancel": 0.04, "garbage": 0.04, "leave": 0.02}
"""Of each turn."""
SEEDS = 64
"""Tasks that are played, few enough for the flights of all of them to fit into the world's caches."""
CANCEL_S = 0.02
"""The longest that a call runs before it is given up."""


class Broken(Exception):  # noqa: N818  # named for what happened
    """A promise was broken."""


@dataclass
class Tally:
    """What happened, over all players."""

    calls: Counter[str] = field(default_factory=Counter)
    """Acknowledged calls, by wire."""
    mischief: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    """Answers lost or put off, by kind."""
    broken: list[str] = field(default_factory=list)
    acknowledged: dict[str, int] = field(default_factory=dict)
    """The last acknowledged turn of each session."""


class Game:
    """One session, its agent, and a twin world that is asked the same."""

    def __init__(self, seed: int, agent: Agent, opened: Body) -> None:
        self.session_id = str(opened["session_id"])
        self.twin = Episode(FLIGHT(), FLIGHT.make_task(seed))
        self._agent = agent
        self.decision: Decision | None = None
        """The call that is to be made, until it has been acknowledged."""
        self.expected: Step | None = None
        observation = self.twin.opening.observation
        if "more" not in opened and opened["observation"] != observation:
            raise Broken(f"session {self.session_id} of seed {seed} began with another observation")
        agent.begin(str(opened["instruction"]), observation, TOOLS)
        self._last: tuple[Any, str | None] = (observation, None)

    def next(self) -> tuple[Decision, Step]:
        """The next call, and what it must answer; the same ones until `settle`."""
        if self.decision is None:
            self.decision = self._agent.decide(*self._last)
            self.expected = self.twin.play(self.decision.tool, self.decision.arguments)
        assert self.expected is not None
        return self.decision, self.expected

    def settle(self) -> None:
        """The call has been acknowledged."""
        assert self.expected is not None
        self._last = (self.expected.result, self.expected.error)
        self.decision = None

    @property
    def over(self) -> bool:
        """Whether the last acknowledged call ended the episode."""
        return self.twin.over and self.decision is None


class Player:
    """One client, which plays one session after the other.

    Args:
        name: of its wire, for the count.
        connect: makes a connection.
        tally: where it counts.
        seed: of its draws and tasks.
        server: the one that it plays on, where others play too.
    """

    def __init__(
        self, name: str, connect: Connect, tally: Tally, *, seed: int, server: Server | None = None
    ) -> None:
        self.name = name
        self._connect = connect
        self.tally = tally
        self.random = random.Random(seed)
        self.server = server
        self._game: Game | None = None

    async def play(self, stop: anyio.Event) -> None:
        """Play until told to stop; connect again whenever the connection is lost."""
        while not stop.is_set():
            try:
                async with self._connect() as call:
                    await self.turns(call, stop)
            except* Broken as found:
                self.tally.broken += [str(each) for each in leaves(found)]
                self._game = None
            except* Exception as found:  # noqa: BLE001  # whatever a transport raises whose server was killed
                self.tally.errors.update(_name(each) for each in leaves(found))
                self.tally.broken += [str(each) for each in leaves(found) if _is_internal(each)]
                await anyio.sleep(self.random.uniform(0.05, 0.5))

    async def turns(self, call: Call, stop: anyio.Event) -> None:
        """Play turns on one connection until it is time to leave it."""
        while not stop.is_set() and not self._chance("leave"):
            if self._game is None or self._game.over:
                self._game = await self.begin(call)
            await self.turn(call, self._game)

    async def begin(self, call: Call) -> Game:
        """Open a session."""
        seed = self.random.randrange(SEEDS)
        opened = await call("open_session", {"env": "flight", "seed": seed})
        if "session_id" not in opened:
            raise Refused(0, str(opened))
        self.tally.acknowledged[str(opened["session_id"])] = 0
        return Game(seed, self.agent(seed), opened)

    def agent(self, seed: int) -> Agent:
        """A scripted agent that slips now and then, or a random one."""
        return RandomAgent(seed) if self._chance_of(0.3) else scripted_agent("flight", seed=seed, noise=0.3)

    async def turn(self, call: Call, game: Game) -> None:
        """One turn: maybe some mischief first, then the call, then maybe the same call again."""
        decision, expected = game.next()
        arguments = {**decision.arguments, "session_id": game.session_id, "turn": expected.turn}
        if self._chance("garbage"):
            await self._send_garbage(call)
        if self._chance("cancel"):
            with anyio.move_on_after(self.random.uniform(0, CANCEL_S)):
                await call(decision.tool, arguments)
        body = await call(decision.tool, arguments)
        if not self.agrees(game, body):
            return
        if self._chance("duplicate"):
            again = await call(decision.tool, arguments)
            if "turn" in again and again != body:
                raise Broken(f"session {game.session_id} turn {expected.turn}: a repeat answered {again}")

    def agrees(self, game: Game, body: Body) -> bool:
        """Take an answer; False where the call was put off and is to be made again."""
        assert game.expected is not None
        if "turn" not in body:
            self.tally.errors[_kind(str(body.get("error")))] += 1
            return False
        for name in COMPARED:
            cut = "more" in body and name == "result"
            wanted = round(game.expected.reward, 6) if name == "reward" else getattr(game.expected, name)
            if not cut and body.get(name) != wanted:
                where = f"session {game.session_id} turn {game.expected.turn}"
                raise Broken(f"{where}: {name} is {body.get(name)}, not {wanted}")
        self.tally.calls[self.name] += 1
        self.tally.acknowledged[game.session_id] = game.expected.turn
        if self.server is not None:
            self.server.answered += 1
        game.settle()
        return True

    async def _send_garbage(self, call: Call) -> None:
        tool, arguments = self.random.choice(GARBAGE)
        try:
            body = await call(tool, arguments)
        except (MCPError, Refused):
            return
        if "error" not in body or "turn" in body:
            raise Broken(f"garbage was answered with {body}")

    def _chance(self, mischief: str) -> bool:
        found = self._chance_of(CHANCES[mischief])
        self.tally.mischief[mischief] += found
        return found

    def _chance_of(self, probability: float) -> bool:
        return self.random.random() < probability


GARBAGE: tuple[tuple[str, Body], ...] = (
    ("no_such_tool", {}),
    ("search_flights", {"session_id": "f" * 32}),
    ("search_flights", {"session_id": 7}),
    ("open_session", {"env": "nowhere"}),
    ("open_session", {"seed": "x" * 100_000}),
    ("get_session", {"session_id": "\0", "turn": -1}),
)


class ScopedPlayer(Player):
    """A player whose sessions have endpoints of their own; a lost answer is looked up, not sent again.

    Args:
        ask: connects to the server's common endpoint, where sessions are opened.
        connect_to: connects to a session's own endpoint, by address and token.
        others: as for `Player`.
    """

    def __init__(
        self,
        name: str,
        ask: Connect,
        tally: Tally,
        *,
        seed: int,
        server: Server,
        connect_to: Callable[[str, str], Any],
    ) -> None:
        super().__init__(name, ask, tally, seed=seed, server=server)
        self._connect_to = connect_to
        self._place: tuple[str, str] | None = None

    async def turns(self, call: Call, stop: anyio.Event) -> None:
        """Open a session where there is none, and play it on its own endpoint."""
        if self._game is None or self._game.over or self._place is None:
            self._game = await self.begin(call)
        async with self._connect_to(*self._place) as own:  # type: ignore[misc]  # set by begin
            while not stop.is_set() and not self._game.over and not self._chance("leave"):
                await self.turn(own, self._game)

    async def begin(self, call: Call) -> Game:
        """Open a session with an endpoint."""
        seed = self.random.randrange(SEEDS)
        opened = await call("open_session", {"env": "flight", "seed": seed, "scoped": True})
        if "session_id" not in opened:
            raise Refused(0, str(opened))
        self._place = (str(opened["url"]), str(opened["token"]))
        self.tally.acknowledged[str(opened["session_id"])] = 0
        return Game(seed, self.agent(seed), opened)

    async def turn(self, call: Call, game: Game) -> None:
        """One turn, unless it was played before its answer was lost."""
        again = game.decision is not None
        decision, expected = game.next()
        if again and (await call("get_session", {}))["turn"] >= expected.turn:
            body = await call("get_session", {"turn": expected.turn})
            self.agrees(game, {name: body[name] for name in body if name not in ("tool", "arguments")})
            return
        self.agrees(game, await call(decision.tool, dict(decision.arguments)))


def leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    """The exceptions in a group, however deep they lie."""
    found: list[BaseException] = []
    for each in group.exceptions:
        found += leaves(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found


def _name(error: BaseException) -> str:
    return str(error)[:200] if isinstance(error, MCPError | Refused) else type(error).__name__


def _is_internal(error: BaseException) -> bool:
    """Whether a server answered that it failed, which is a bug of its own."""
    return isinstance(error, Refused) and error.code == INTERNAL_ERROR


def _kind(error: str) -> str:
    for words in ("locked", "busy", "no session", "has ended", "several processes"):
        if words in error:
            return f"put off: {words}"
    return f"put off: {error[:60]}"
