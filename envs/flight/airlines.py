"""Airlines: where their hubs are, and so which routes they can serve with how many stops."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, permutations

from practicum.envs.flight.airports import distance_km

HUBS: dict[str, tuple[str, ...]] = {
    "AA": ("DFW", "MIA", "ORD", "JFK", "LAX"),
    "AC": ("YYZ", "YUL", "YVR"),
    "AF": ("CDG", "NCE"),
    "AI": ("DEL", "BOM"),
    "AM": ("MEX",),
    "AV": ("BOG",),
    "AY": ("HEL",),
    "AZ": ("FCO", "MXP"),
    "BA": ("LHR", "MAN"),
    "CA": ("PEK", "PVG"),
    "CM": ("PTY",),
    "CX": ("HKG",),
    "DL": ("ATL", "JFK", "BOS", "SEA", "LAX"),
    "EI": ("DUB",),
    "EK": ("DXB",),
    "ET": ("ADD",),
    "EY": ("AUH",),
    "FI": ("KEF",),
    "IB": ("MAD", "BCN"),
    "JL": ("HND",),
    "KE": ("ICN",),
    "KL": ("AMS",),
    "LA": ("SCL", "GRU", "LIM"),
    "LH": ("FRA", "MUC", "BER"),
    "LO": ("WAW",),
    "LX": ("ZRH", "GVA"),
    "MH": ("KUL",),
    "MS": ("CAI",),
    "NH": ("HND",),
    "NZ": ("AKL",),
    "OS": ("VIE",),
    "QF": ("SYD", "MEL", "BNE", "PER"),
    "QR": ("DOH",),
    "SA": ("JNB", "CPT"),
    "SK": ("CPH", "ARN", "OSL"),
    "SN": ("BRU",),
    "SQ": ("SIN",),
    "TG": ("BKK",),
    "TK": ("IST",),
    "TP": ("LIS",),
    "UA": ("SFO", "DEN", "EWR", "IAH", "ORD"),
}
"""Hub airports by airline code."""

RANGE_KM = 15_300.0
"""The longest leg that is flown without a stop."""
SPEED_KMH = 850.0
GROUND_MIN = 35
"""Minutes that every leg takes beyond cruising."""
CONNECTION_MIN = 95
"""Minutes between two legs."""
MOST_SERVICES = 14
"""Services kept of a route, the least roundabout of each number of stops first."""


@dataclass(frozen=True, slots=True)
class Service:
    """A way in which an airline serves a route."""

    airline: str
    via: tuple[str, ...]
    """Airports of the stops, in order."""
    km: float
    """Length of all legs together."""
    minutes: int
    """From door to door, connections included."""

    @property
    def stops(self) -> int:
        """Number of stops."""
        return len(self.via)


@lru_cache(maxsize=2048)
def services(origin: str, destination: str) -> tuple[Service, ...]:
    """How a route is served; never empty."""
    direct = distance_km(origin, destination)
    found: list[Service] = []
    for airline, hubs in HUBS.items():
        if direct <= RANGE_KM and (origin in hubs or destination in hubs):
            found.append(_service(airline, origin, (), destination))
        found += _through_hubs(airline, origin, destination, direct)
    if direct <= RANGE_KM and not any(service.stops == 0 for service in found):
        nearest_airline = min(found, key=_roundabout).airline if found else "LH"
        found.append(_service(nearest_airline, origin, (), destination))
    return _varied(found)


def _through_hubs(airline: str, origin: str, destination: str, direct: float) -> list[Service]:
    """The airline's best service with one stop and its best with two, where they are no great detour."""
    hubs = [hub for hub in HUBS[airline] if hub not in (origin, destination)]
    best: list[Service] = []
    for stops, detour in ((1, 1.7), (2, 1.9)):
        all_ways = [_service(airline, origin, via, destination) for via in permutations(hubs, stops)]
        short = [way for way in all_ways if way.km <= detour * direct + 600]
        ways = [way for way in short if _flyable(origin, way.via, destination)]
        if ways:
            best.append(min(ways, key=_roundabout))
    return best


def _varied(found: list[Service]) -> tuple[Service, ...]:
    """At most `MOST_SERVICES`, a third of them with two stops at most, the least roundabout first."""
    found.sort(key=_roundabout)
    two = [service for service in found if service.stops == 2][: MOST_SERVICES // 3]
    fewer = [service for service in found if service.stops < 2][: MOST_SERVICES - len(two)]
    return tuple(fewer + two)


def _roundabout(service: Service) -> tuple[float, str]:
    return service.km, service.airline


def _flyable(origin: str, via: tuple[str, ...], destination: str) -> bool:
    return all(distance_km(a, b) <= RANGE_KM for a, b in _legs(origin, via, destination))


def _service(airline: str, origin: str, via: tuple[str, ...], destination: str) -> Service:
    km = sum(distance_km(a, b) for a, b in _legs(origin, via, destination))
    ground = GROUND_MIN * (len(via) + 1) + CONNECTION_MIN * len(via)
    return Service(airline, via, km, 5 * round(km / SPEED_KMH * 12) + ground)


def _legs(origin: str, via: tuple[str, ...], destination: str) -> list[tuple[str, str]]:
    stations = (origin, *via, destination)
    return list(pairwise(stations))
