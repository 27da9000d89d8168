"""A session that was open before the trouble began: it must go on untouched, with the right answers."""

from __future__ import annotations

import subprocess
from pathlib import Path

from practicum.envs import Episode, find
from tests.faults.wires import Wire, call, open_session
from tests.mcp_server.clients import ROOT, command

CALLS = (("search_flights", {}), ("filter_results", {"max_stops": 1}), ("restart", {}))


class Bystander:
    """Plays flight beside the trouble, and knows from an episode of its own what the answers must be."""

    def __init__(self, wire: Wire, seed: int = 4) -> None:
        self._wire = wire
        self._seed = seed
        self._begins()
        self.goes_on()

    def _begins(self) -> None:
        flight = find("flight")
        self._twin = Episode(flight(), flight.make_task(self._seed))
        self.session_id = str(open_session(self._wire, env="flight", seed=self._seed)["session_id"])

    def goes_on(self) -> None:
        """Play one more turn; it must be answered as if nothing had happened."""
        if self._twin.over:  # by its step limit
            self._begins()
        tool, arguments = CALLS[self._twin.turn % len(CALLS)]
        expected = self._twin.play(tool, arguments)
        turn = expected.turn
        body = call(self._wire, tool, session_id=self.session_id, turn=turn, **arguments)
        assert (body["turn"], body.get("result"), body.get("error")) == (
            turn,
            expected.result,
            expected.error,
        )


def assert_replays(db: Path) -> None:
    """Every session in the file plays again as it was, in a process of its own."""
    replay = subprocess.run(
        command("replay", "--all", "--json", "--db", str(db)), capture_output=True, text=True, cwd=ROOT
    )
    assert replay.returncode == 0, replay.stdout[-2000:] + replay.stderr[-2000:]
