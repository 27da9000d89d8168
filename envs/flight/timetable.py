"""The timetable: the flights of a route and day, computed from (seed, route, day) and shared by sessions."""

from __future__ import annotations

import datetime as dt
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np

from practicum.envs.flight.airlines import Service, services
from practicum.envs.flight.airports import zone

FIRST_DAY, LAST_DAY = dt.date(2025, 1, 1), dt.date(2027, 12, 31)
"""The days on which flights can be searched."""

Fare = Literal["light", "standard", "flex"]
FARES: tuple[Fare, ...] = ("light", "standard", "flex")

_STOPS_FACTOR = (1.0, 0.88, 0.74)
_FEWEST_FLIGHTS = 8
_OPERATES = 0.85
"""Share of the departures that a day has."""


@dataclass(frozen=True, slots=True)
class Departure:
    """What a flight is on every day: the same number at the same time of day."""

    id: str
    """Airline code and number, such as IB6123."""
    service: Service
    minute: int
    """Local minute of the day at which it leaves."""
    base_price: float


class Flight(NamedTuple):
    """A flight on its day, as one seed has it."""

    departure: Departure
    depart: str
    """Local time at the origin, HH:MM."""
    fare: Fare
    price: int
    """As it is listed."""
    raised_price: int
    """What it costs once the price has changed between search and payment."""
    sold_out_luck: float
    """It is sold out where the task's probability is above this."""
    change_luck: float
    """Its price changes where the task's probability is above this."""
    row: dict[str, Any]
    """The row that agents see; shared, never changed."""

    @property
    def id(self) -> str:
        """Airline code and number."""
        return self.departure.id

    @property
    def stops(self) -> int:
        """Number of stops."""
        return len(self.departure.service.via)

    @property
    def airline(self) -> str:
        """Code of the airline."""
        return self.departure.service.airline


class Timetable(NamedTuple):
    """The flights of a route and day."""

    cheapest_first: tuple[Flight, ...]
    shuffled: tuple[Flight, ...]
    by_id: dict[str, Flight]


@lru_cache(maxsize=2048)
def timetable(seed: int, origin: str, destination: str, date: str) -> Timetable:
    """The flights of a route and day in the world of a seed.

    Args:
        seed: of the world.
        origin: IATA code.
        destination: IATA code.
        date: ISO date between `FIRST_DAY` and `LAST_DAY`.
    """
    flown = schedule(origin, destination, date)
    day = dt.date.fromisoformat(date).toordinal()
    random = np.random.default_rng((seed, _number(origin + destination), day))
    demand = 0.8 + 0.5 * float(random.random())
    luck = random.random((len(flown), 7)).tolist()
    flown_today = [
        (_flight(departure, depart, arrive, demand, draws), draws[5])
        for (departure, depart, arrive), draws in zip(flown, luck, strict=True)
        if draws[6] < _OPERATES or len(flown) <= _FEWEST_FLIGHTS
    ]
    flights = [flight for flight, _ in flown_today]
    return Timetable(
        cheapest_first=tuple(sorted(flights, key=lambda flight: (flight.price, flight.id))),
        shuffled=tuple(flight for flight, _ in sorted(flown_today, key=lambda pair: pair[1])),
        by_id={flight.id: flight for flight in flights},
    )


def _flight(departure: Departure, depart: str, arrive: str, demand: float, draws: list[float]) -> Flight:
    price = round(departure.base_price * demand * (0.82 + 0.4 * draws[0]))
    service = departure.service
    return Flight(
        departure=departure,
        depart=depart,
        fare=FARES[int(draws[1] * 3)],
        price=price,
        raised_price=price + max(1, round(price * (0.03 + 0.12 * draws[2]))),
        sold_out_luck=draws[3],
        change_luck=draws[4],
        row={
            "id": departure.id,
            "price": price,
            "depart": depart,
            "arrive": arrive,
            "stops": len(service.via),
            "airline": service.airline,
        },
    )


@lru_cache(maxsize=2048)
def schedule(origin: str, destination: str, date: str) -> tuple[tuple[Departure, str, str], ...]:
    """The departures of a route with the local times at which they leave and arrive on a day."""
    day = dt.datetime.combine(dt.date.fromisoformat(date), dt.time(), tzinfo=zone(origin))
    flown = departures(origin, destination)
    return tuple((departure, *_clock(day, departure, destination)) for departure in flown)


def _clock(day: dt.datetime, departure: Departure, destination: str) -> tuple[str, str]:
    leaves = day.replace(hour=departure.minute // 60, minute=departure.minute % 60)
    flown = dt.timedelta(minutes=departure.service.minutes)
    arrives = (leaves.astimezone(dt.UTC) + flown).astimezone(zone(destination))
    days = (arrives.date() - leaves.date()).days
    return f"{leaves:%H:%M}", f"{arrives:%H:%M}" + (f"{days:+d}" if days else "")


@lru_cache(maxsize=1024)
def departures(origin: str, destination: str) -> tuple[Departure, ...]:
    """The departures of a route, the same on every day and for every seed."""
    offered = services(origin, destination)
    start = _number(destination + origin)
    found: list[Departure] = []
    for service in offered:
        for _ in range(_times_a_day(service, len(offered))):
            number = 100 + (start + 37 * len(found)) % 9000
            found.append(_departure(service, number))
    return tuple(found)


def _times_a_day(service: Service, services_offered: int) -> int:
    usual = (3 if service.km < 1500 else 2, 2, 1)[service.stops]
    return max(usual, -(-_FEWEST_FLIGHTS // services_offered))


def _departure(service: Service, number: int) -> Departure:
    flight_id = f"{service.airline}{number}"
    key = _number(flight_id)
    price = (45 + 0.075 * service.km) * _STOPS_FACTOR[service.stops] * (0.85 + key % 31 / 100)
    return Departure(flight_id, service, 330 + key // 31 % 214 * 5, price)


def _number(text: str) -> int:
    """A number that a text always has."""
    return zlib.crc32(text.encode())
