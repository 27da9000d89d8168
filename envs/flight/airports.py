"""Airports: where they are, what their city is called and what the clock says there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

EARTH_RADIUS_KM = 6371.0


@dataclass(frozen=True, slots=True)
class Airport:
    """One airport."""

    code: str
    """IATA code."""
    city: str
    latitude: float
    """Degrees, north positive."""
    longitude: float
    """Degrees, east positive."""
    zone: str
    """IANA name of its time zone."""


_TABLE = (
    Airport("ADD", "Addis Ababa", 8.98, 38.80, "Africa/Addis_Ababa"),
    Airport("AKL", "Auckland", -37.01, 174.79, "Pacific/Auckland"),
    Airport("AMS", "Amsterdam", 52.31, 4.76, "Europe/Amsterdam"),
    Airport("ARN", "Stockholm", 59.65, 17.92, "Europe/Stockholm"),
    Airport("ATH", "Athens", 37.94, 23.94, "Europe/Athens"),
    Airport("ATL", "Atlanta", 33.64, -84.43, "America/New_York"),
    Airport("AUH", "Abu Dhabi", 24.43, 54.65, "Asia/Dubai"),
    Airport("BCN", "Barcelona", 41.30, 2.08, "Europe/Madrid"),
    Airport("BER", "Berlin", 52.36, 13.50, "Europe/Berlin"),
    Airport("BKK", "Bangkok", 13.69, 100.75, "Asia/Bangkok"),
    Airport("BNE", "Brisbane", -27.38, 153.12, "Australia/Brisbane"),
    Airport("BOG", "Bogota", 4.70, -74.15, "America/Bogota"),
    Airport("BOM", "Mumbai", 19.09, 72.87, "Asia/Kolkata"),
    Airport("BOS", "Boston", 42.36, -71.01, "America/New_York"),
    Airport("BRU", "Brussels", 50.90, 4.48, "Europe/Brussels"),
    Airport("BUD", "Budapest", 47.44, 19.26, "Europe/Budapest"),
    Airport("CAI", "Cairo", 30.12, 31.41, "Africa/Cairo"),
    Airport("CDG", "Paris", 49.01, 2.55, "Europe/Paris"),
    Airport("CPH", "Copenhagen", 55.62, 12.66, "Europe/Copenhagen"),
    Airport("CPT", "Cape Town", -33.97, 18.60, "Africa/Johannesburg"),
    Airport("DEL", "Delhi", 28.57, 77.10, "Asia/Kolkata"),
    Airport("DEN", "Denver", 39.86, -104.67, "America/Denver"),
    Airport("DFW", "Dallas", 32.90, -97.04, "America/Chicago"),
    Airport("DOH", "Doha", 25.27, 51.61, "Asia/Qatar"),
    Airport("DUB", "Dublin", 53.42, -6.27, "Europe/Dublin"),
    Airport("DXB", "Dubai", 25.25, 55.36, "Asia/Dubai"),
    Airport("EWR", "Newark", 40.69, -74.17, "America/New_York"),
    Airport("EZE", "Buenos Aires", -34.82, -58.54, "America/Argentina/Buenos_Aires"),
    Airport("FCO", "Rome", 41.80, 12.25, "Europe/Rome"),
    Airport("FRA", "Frankfurt", 50.03, 8.57, "Europe/Berlin"),
    Airport("GRU", "Sao Paulo", -23.44, -46.47, "America/Sao_Paulo"),
    Airport("GVA", "Geneva", 46.24, 6.11, "Europe/Zurich"),
    Airport("HEL", "Helsinki", 60.32, 24.96, "Europe/Helsinki"),
    Airport("HKG", "Hong Kong", 22.31, 113.91, "Asia/Hong_Kong"),
    Airport("HND", "Tokyo", 35.55, 139.78, "Asia/Tokyo"),
    Airport("HNL", "Honolulu", 21.32, -157.92, "Pacific/Honolulu"),
    Airport("IAH", "Houston", 29.98, -95.34, "America/Chicago"),
    Airport("ICN", "Seoul", 37.46, 126.44, "Asia/Seoul"),
    Airport("IST", "Istanbul", 41.28, 28.75, "Europe/Istanbul"),
    Airport("JFK", "New York", 40.64, -73.78, "America/New_York"),
    Airport("JNB", "Johannesburg", -26.14, 28.25, "Africa/Johannesburg"),
    Airport("KEF", "Reykjavik", 63.99, -22.61, "Atlantic/Reykjavik"),
    Airport("KUL", "Kuala Lumpur", 2.75, 101.71, "Asia/Kuala_Lumpur"),
    Airport("LAS", "Las Vegas", 36.08, -115.15, "America/Los_Angeles"),
    Airport("LAX", "Los Angeles", 33.94, -118.41, "America/Los_Angeles"),
    Airport("LHR", "London", 51.47, -0.46, "Europe/London"),
    Airport("LIM", "Lima", -12.02, -77.11, "America/Lima"),
    Airport("LIS", "Lisbon", 38.77, -9.13, "Europe/Lisbon"),
    Airport("MAD", "Madrid", 40.47, -3.56, "Europe/Madrid"),
    Airport("MAN", "Manchester", 53.35, -2.28, "Europe/London"),
    Airport("MEL", "Melbourne", -37.67, 144.84, "Australia/Melbourne"),
    Airport("MEX", "Mexico City", 19.44, -99.07, "America/Mexico_City"),
    Airport("MIA", "Miami", 25.79, -80.29, "America/New_York"),
    Airport("MUC", "Munich", 48.35, 11.79, "Europe/Berlin"),
    Airport("MXP", "Milan", 45.63, 8.72, "Europe/Rome"),
    Airport("NBO", "Nairobi", -1.32, 36.93, "Africa/Nairobi"),
    Airport("NCE", "Nice", 43.66, 7.22, "Europe/Paris"),
    Airport("ORD", "Chicago", 41.98, -87.90, "America/Chicago"),
    Airport("OSL", "Oslo", 60.19, 11.10, "Europe/Oslo"),
    Airport("PEK", "Beijing", 40.08, 116.58, "Asia/Shanghai"),
    Airport("PER", "Perth", -31.94, 115.97, "Australia/Perth"),
    Airport("PRG", "Prague", 50.10, 14.26, "Europe/Prague"),
    Airport("PTY", "Panama City", 9.07, -79.38, "America/Panama"),
    Airport("PVG", "Shanghai", 31.14, 121.81, "Asia/Shanghai"),
    Airport("SCL", "Santiago", -33.39, -70.79, "America/Santiago"),
    Airport("SEA", "Seattle", 47.45, -122.31, "America/Los_Angeles"),
    Airport("SFO", "San Francisco", 37.62, -122.38, "America/Los_Angeles"),
    Airport("SIN", "Singapore", 1.36, 103.99, "Asia/Singapore"),
    Airport("SYD", "Sydney", -33.95, 151.18, "Australia/Sydney"),
    Airport("TPE", "Taipei", 25.08, 121.23, "Asia/Taipei"),
    Airport("VIE", "Vienna", 48.11, 16.57, "Europe/Vienna"),
    Airport("WAW", "Warsaw", 52.17, 20.97, "Europe/Warsaw"),
    Airport("YUL", "Montreal", 45.47, -73.74, "America/Toronto"),
    Airport("YVR", "Vancouver", 49.19, -123.18, "America/Vancouver"),
    Airport("YYZ", "Toronto", 43.68, -79.63, "America/Toronto"),
    Airport("ZRH", "Zurich", 47.46, 8.55, "Europe/Zurich"),
)

AIRPORTS = {airport.code: airport for airport in _TABLE}
"""Every airport by its IATA code, in the order of the codes."""


@cache
def zone(code: str) -> ZoneInfo:
    """The time zone of an airport."""
    return ZoneInfo(AIRPORTS[code].zone)


@cache
def distance_km(one: str, other: str) -> float:
    """Great-circle distance between two airports, by the haversine formula."""
    a, b = AIRPORTS[one], AIRPORTS[other]
    lat1, lat2 = math.radians(a.latitude), math.radians(b.latitude)
    half_lat = (lat2 - lat1) / 2
    half_lon = math.radians(b.longitude - a.longitude) / 2
    h = math.sin(half_lat) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(h))
