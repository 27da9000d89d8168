"""The world: airports, airlines, the timetable and what its numbers must obey."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest

from practicum.envs.flight.airlines import HUBS, services
from practicum.envs.flight.airports import AIRPORTS, distance_km
from practicum.envs.flight.timetable import departures, timetable


def test_there_are_at_least_60_real_looking_airports():
    assert len(AIRPORTS) >= 60
    for code, airport in AIRPORTS.items():
        assert re.fullmatch(r"[A-Z]{3}", code)
        assert code == airport.code
        assert -60 < airport.latitude < 70
        assert -180 <= airport.longitude <= 180
        assert ZoneInfo(airport.zone)


@pytest.mark.parametrize("code", AIRPORTS)
def test_the_clock_of_an_airport_fits_its_longitude(code):
    """Solar time and clock time differ by less than three hours and a half anywhere on this list."""
    winter = dt.datetime(2026, 1, 15, 12, tzinfo=ZoneInfo(AIRPORTS[code].zone)).utcoffset()
    assert abs(winter.total_seconds() / 3600 - AIRPORTS[code].longitude / 15) < 3.5


@pytest.mark.parametrize(
    ("route", "km"),
    [(("SFO", "MAD"), 9333), (("LHR", "JFK"), 5540), (("SYD", "AKL"), 2164), (("FRA", "SIN"), 10262)],
)
def test_distances_are_great_circles(route, km):
    assert distance_km(*route) == pytest.approx(km, rel=0.005)
    assert distance_km(*route) == distance_km(*reversed(route))


def test_hubs_are_airports():
    assert {hub for hubs in HUBS.values() for hub in hubs} <= set(AIRPORTS)


def test_every_route_is_served_with_distinct_flight_numbers():
    for origin in list(AIRPORTS)[::5]:
        for destination in AIRPORTS:
            if origin != destination:
                ids = [departure.id for departure in departures(origin, destination)]
                assert len(ids) == len(set(ids)) >= 8


def test_services_have_up_to_two_stops_and_start_or_end_at_none_of_them():
    for service in services("SFO", "MAD"):
        assert 0 <= service.stops <= 2
        assert not {"SFO", "MAD"} & set(service.via)
        assert service.km >= distance_km("SFO", "MAD") - 1e-6


@pytest.mark.parametrize(
    "route", [("SFO", "MAD"), ("MAD", "SFO"), ("AKL", "HNL"), ("LHR", "CDG"), ("SIN", "JFK")]
)
@pytest.mark.parametrize("date", ["2025-10-26", "2026-03-08", "2026-07-01"])  # two of them change the clocks
def test_local_times_agree_with_duration_and_time_zones(route, date):
    origin, destination = route
    for flight in timetable(7, origin, destination, date).by_id.values():
        leaves = _moment(date, flight.depart, origin)
        clock, shift = re.fullmatch(r"(\d\d:\d\d)([+-]\d)?", flight.row["arrive"]).groups()
        day = dt.date.fromisoformat(date) + dt.timedelta(days=int(shift or 0))
        arrives = _moment(day.isoformat(), clock, destination)
        assert arrives - leaves == dt.timedelta(minutes=flight.departure.service.minutes)


def _moment(date, clock, code):
    local = dt.datetime.fromisoformat(f"{date}T{clock}").replace(tzinfo=ZoneInfo(AIRPORTS[code].zone))
    return local.astimezone(dt.UTC)


def test_arrivals_can_be_a_day_later_or_earlier():
    later = [flight.row["arrive"] for flight in timetable(1, "SFO", "MAD", "2025-10-15").by_id.values()]
    assert any(arrive.endswith("+1") for arrive in later)
    earlier = [flight.row["arrive"] for flight in timetable(1, "AKL", "HNL", "2025-10-15").by_id.values()]
    assert any(arrive.endswith("-1") for arrive in earlier)


def test_a_timetable_follows_from_seed_route_and_day_alone():
    arguments = (3, "SFO", "MAD", "2025-10-15")
    first = timetable(*arguments)
    timetable.cache_clear()
    assert timetable(*arguments) == first
    assert timetable(4, *arguments[1:]) != first
    assert timetable(*arguments[:3], "2025-10-16") != first


def test_flights_keep_their_number_and_time_from_day_to_day():
    one, other = (timetable(3, "SFO", "MAD", day).by_id for day in ("2025-10-14", "2025-10-15"))
    shared = set(one) & set(other)
    assert len(shared) > 10
    assert all(one[flight_id].depart == other[flight_id].depart for flight_id in shared)


def test_results_cannot_spoil_the_shared_timetable(visit):
    site = visit()
    site.call("search_flights").result["flights"][0]["price"] = 0
    assert visit().call("search_flights").result["flights"][0]["price"] > 0
