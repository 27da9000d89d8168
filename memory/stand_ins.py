"""Stand-ins: something in place of each secret that looks like it, the same wherever the secret stood.

`Redactor` writes `[redacted]`, which is right to read and wrong to learn from: a model that is to copy a card
token from the instruction into a call must see one. A stand-in has digits for digits and letters for letters.
It is drawn from a seed and the order of the secrets, never from a secret itself, so that nothing can be found
out by trying. What tells the kind of a key, as `tok_` or `sk-`, stays.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import count
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from practicum.memory.credentials import is_kept_under
from practicum.memory.redact import LEAST, REDACTED, Redactor, forms_of, scalars_in
from practicum.memory.rows import load

_KIND = re.compile(r"[A-Za-z]{2,6}[_-](?=.{8})", re.DOTALL)
"""What a key begins with that tells whose it is."""
_WORDS = ("pass", "pwd", "secret", "cvv", "cvc", "token", "authorization", "credential", "key")
"""Each name of a credential holds one of them."""
_VALUE = re.compile(r'"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*)')


class StandIns(Redactor):
    """Puts stand-ins in the places of the secrets of one session.

    Args:
        names: of arguments and parameters that are secret.
        values: that are secret wherever they stand, in the order of their stand-ins.
        seed: the same gives the same stand-ins.
    """

    def __init__(self, names: Collection[str], values: Iterable[Any], *, seed: str) -> None:
        known = list(values)
        super().__init__(names, known)
        self._seed = seed
        self._drawn = count()
        self._pairs: dict[str, str] = {}
        """Each secret that was given, in all its forms, with its stand-in."""
        self._made: dict[str, str] = {}
        for text in dict.fromkeys(str(part) for value in known for part in scalars_in(value)):
            pairs = zip(forms_of(text), forms_of(self._new(text)), strict=False)
            self._pairs |= {form: other for form, other in pairs if form not in self._pairs}
        self._longest_first = sorted((form for form in self._pairs if len(form) >= LEAST), key=len)[::-1]

    def in_place_of(self, secret: Any) -> Any:
        """The stand-in of a secret: of a list or an object one for each of its parts."""
        if isinstance(secret, str):
            return self._text(secret)
        if isinstance(secret, Mapping):
            return {name: self.in_place_of(part) for name, part in secret.items()}
        if isinstance(secret, list | tuple):
            return [self.in_place_of(part) for part in secret]
        if isinstance(secret, int | float) and not isinstance(secret, bool):
            return self._number(secret)
        return REDACTED

    def _number(self, secret: float) -> Any:
        """A number for a number; one that is a text's stand-in too may be none, and is that text."""
        stand_in = self._text(repr(secret))
        try:
            return load(stand_in)
        except ValueError:
            return stand_in

    def _text(self, text: str) -> str:
        if text in self._pairs:
            return self._pairs[text]
        if text not in self._made:
            self._made[text] = self._made_of(text)
        return self._made[text]

    def _made_of(self, text: str) -> str:
        """The stand-in of the beginning of a secret, of a text with one in it, or of another secret."""
        for form in self._longest_first:
            if form.startswith(text):
                return self._pairs[form][: len(text)]
            if form in text:
                before, _, after = text.partition(form)
                return self._made_of(before) + self._pairs[form] + self._made_of(after)
        return self._new(text)

    def _new(self, text: str) -> str:
        drawn = (_drawn(text, f"{self._seed} {number}") for number in self._drawn)
        return next(each for each in drawn if each != text or not _can_differ(text))


def _can_differ(text: str) -> bool:
    return any(character.isdecimal() or character.isalpha() for character in text)


def _drawn(text: str, seed: str) -> str:
    kind = _KIND.match(text)
    kept = kind.end() if kind else 0
    stream = hashlib.shake_256(seed.encode("utf-8", "replace")).digest(len(text))
    return text[:kept] + "".join(map(_like, text[kept:], stream[kept:]))


def _like(character: str, byte: int) -> str:
    """A character of the same kind; no digit becomes 0, so that a number keeps its length."""
    if character.isdecimal():
        return str(1 + byte % 9)
    if character.isupper():
        return ascii_uppercase[byte % 26]
    return ascii_lowercase[byte % 26] if character.isalpha() else character


def kept_in(text: str) -> Iterator[Any]:
    """What a JSON text holds under the names of credentials, `"api_key": "…"`; equal members once."""
    plain = text.lower() if text.isascii() else "".join(map(_small, text))
    ends = {text.find('"', place) for word in _WORDS for place in _places(word, plain)}
    found = ((end, _VALUE.match(text, end)) for end in sorted(ends - {-1}))
    members = ((text[text.rfind('"', 0, end) + 1 : end], value[1]) for end, value in found if value)
    for name, value in dict.fromkeys(members):
        read = load(value)
        if is_kept_under(name, read):
            yield read


def _places(word: str, text: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + 1)


def _small(character: str) -> str:
    """The small letter, where there is one of the same length."""
    small = character.lower()
    return small if len(small) == 1 else character
