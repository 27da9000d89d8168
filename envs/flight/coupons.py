"""Coupons: a seeded few per world, each with a rule, one per booking."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from practicum.envs.flight.airlines import services

_WORDS = ("SAVE", "FLY", "SKY", "TRIP", "AUTUMN", "EARLY", "CLUB")
_STREAM = 0xC0
"""Keeps the draws of coupons apart from those of the timetable."""


@dataclass(frozen=True, slots=True)
class Coupon:
    """A code that takes a percentage off."""

    code: str
    percent: int
    minimum: int = 0
    """The least price that it is good for."""
    airline: str = ""
    """The only airline that it is good for; empty for all."""

    def fits(self, price: int, airline: str) -> bool:
        """Whether the rule allows it."""
        return price >= self.minimum and self.airline in ("", airline)

    def off(self, price: int) -> int:
        """What it takes off, rounded down to a whole amount."""
        return price * self.percent // 100

    def __str__(self) -> str:
        text = f"Coupon {self.code}: {self.percent}% off"
        if self.minimum:
            text += f" prices of {self.minimum} or more"
        return text + (f" on {self.airline} flights" if self.airline else "")


@lru_cache(maxsize=4096)
def coupons(seed: int, origin: str, destination: str) -> tuple[Coupon, ...]:
    """The coupons of a seed's world, none to three, made for its route."""
    random = np.random.default_rng((seed, _STREAM))
    airlines = sorted({service.airline for service in services(origin, destination)})
    words = random.permutation(len(_WORDS))
    return tuple(_coupon(_WORDS[word], airlines, random) for word in words[: int(random.integers(4))])


def _coupon(word: str, airlines: list[str], random: np.random.Generator) -> Coupon:
    percent = 5 * int(random.integers(1, 5))
    minimum = 100 * int(random.integers(1, 9)) if random.random() < 0.4 else 0
    airline = airlines[int(random.integers(len(airlines)))] if random.random() < 0.4 else ""
    return Coupon(f"{word}{percent}", percent, minimum, airline)


def best_price(price: int, airline: str, offered: tuple[Coupon, ...]) -> int:
    """A price after the coupon that takes most off it, if one fits."""
    return price - max((coupon.off(price) for coupon in offered if coupon.fits(price, airline)), default=0)
