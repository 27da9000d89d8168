"""An environment in one file: parcels go into lockers.

Try `practicum check examples/parcel_lockers.py:ParcelLockers`.
"""

from __future__ import annotations

from dataclasses import dataclass

from practicum.envs import ActionError, Outcome, Record, RewardTable, ToolEnv, action


@dataclass
class Depot(Record):
    """What the world holds."""

    parcels: dict[str, int]
    """Size of each parcel, 1 to 3."""
    lockers: dict[str, int]
    """Size of each locker, 1 to 3."""
    stored: dict[str, str]
    """Locker by parcel."""


class ParcelLockers(ToolEnv[Depot]):
    """Store every parcel in a free locker that is at least as large."""

    name, version = "parcels", 1
    rewards = RewardTable(step=-0.01, refused=-0.05, stored=0.05, solved=1.0)

    def begin(self, *, parcels: int = 3) -> Depot:
        """Draw the sizes; lockers match the parcels one to one, in another order."""
        sizes = [int(size) for size in self.np_random.integers(1, 4, size=parcels)]
        lockers = [int(size) for size in self.np_random.permutation(sizes)]
        return Depot(
            parcels={f"P{i}": size for i, size in enumerate(sizes)},
            lockers={f"L{i}": size for i, size in enumerate(lockers)},
            stored={},
        )

    @action(read_only=True)
    def look(self) -> Depot:
        """Show every locker, every parcel, and what is stored where."""
        return self.state

    @action
    def store(self, parcel: str, locker: str) -> str:
        """Put a parcel into a locker.

        Args:
            parcel: Parcel id, such as P0.
            locker: Locker id, such as L2.
        """
        depot = self.state
        if parcel not in depot.parcels:
            raise ActionError(f"no parcel {parcel!r}; look lists them")
        if locker not in depot.lockers:
            raise ActionError(f"no locker {locker!r}; look lists them")
        if locker in depot.stored.values():
            raise ActionError(f"{locker} is taken; take_out frees it")
        if depot.lockers[locker] < depot.parcels[parcel]:
            size = depot.parcels[parcel]
            raise ActionError(f"{parcel} does not fit into {locker}; choose one of size {size} or more")
        if parcel in depot.stored:
            raise ActionError(f"{parcel} is in {depot.stored[parcel]} already")
        depot.stored[parcel] = locker
        self.earn("stored")
        return f"{parcel} is in {locker}; {len(depot.parcels) - len(depot.stored)} left"

    @action(destructive=True)
    def take_out(self, parcel: str) -> str:
        """Take a parcel out of its locker again.

        Args:
            parcel: Parcel id, such as P0.
        """
        if parcel not in self.state.stored:
            raise ActionError(f"{parcel!r} is in no locker")
        self.earn("stored", times=-1)
        return f"{parcel} is out of {self.state.stored.pop(parcel)}"

    def is_done(self) -> bool:
        """All parcels are stored."""
        return len(self.state.stored) == len(self.state.parcels)

    def outcome(self) -> Outcome:
        """Success when all parcels are stored."""
        return Outcome(success=self.is_done())
