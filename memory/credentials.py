"""Credentials: what looks like a key, a token, a password or a card number, wherever it stands.

Forms of keys are those that their issuers publish; a card number has its issuer's digits and length and a
check digit that fits (Luhn, ISO/IEC 7812). Each expression reads a text once: none begins a second time
inside what it has read, none tries a part in two ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

_WORD = r"[A-Za-z0-9_-]"
_RARE = rf"(?={_WORD}*\d)"
"""Keys hold digits; long words with hyphens do not."""

_KEYS = re.compile(
    rf"""(?<!{_WORD})(?:
      (?:sk|rk|pk)[-_]{_RARE}{_WORD}{{16,}}             # OpenAI, Anthropic, Stripe
    | gh[pousr]_[A-Za-z0-9]{{20,}}                      # GitHub
    | github_pat_\w{{20,}}
    | glpat-{_WORD}{{16,}}                              # GitLab
    | (?:AKIA|ASIA)[0-9A-Z]{{16}}(?!{_WORD})            # Amazon
    | AIza{_WORD}{{30,}}                                # Google
    | xox[abeoprs]-{_WORD}{{10,}}                       # Slack
    | (?:hf|npm)_[A-Za-z0-9]{{30,}}                     # Hugging Face, npm
    | pypi-{_WORD}{{40,}}
    | eyJ{_WORD}{{5,}}\.eyJ{_WORD}{{5,}}(?:\.{_WORD}*)? # JSON Web Token, RFC 7519
    )""",
    re.VERBOSE,
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----(?:(?!-----END ).)*+(?:-----END [A-Z0-9 ]{0,40}-----)?",
    re.DOTALL,
)
_BEARER = re.compile(r"\bbearer[ \t]{1,4}([\w.~+/=-]{8,}+)", re.IGNORECASE)
# Under a sure name stands a credential whatever it looks like, under a likely one if it looks like one
_SURE_NAMES = r"pass(?:word|wd|phrase|code)|pwd|client[_-]?secret|secret"
_LIKELY_NAMES = (
    r"token|authorization|credentials?|(?:api|auth|access|account|private|secret|signing|encryption)[_-]?key"
)
_SAID = re.compile(
    rf"""(?:(?P<sure>{_SURE_NAMES})|{_LIKELY_NAMES})
    \\{{0,3}}["']?[ \t]{{0,4}}(?P<is>=|:)(?!=)[ \t]{{0,4}}\\{{0,3}}
    (?:"(?P<quoted>[^"\\\n]{{4,200}}+)\\{{0,3}}" | '(?P<apostrophes>[^'\\\n]{{4,200}}+)\\{{0,3}}'
     | ["']?(?:(?:bearer|basic)[ \t]{{1,4}})?(?P<bare>[^\s"'`,;&<>(){{}}\[\]]{{4,}}+)(?P<called>[(\[])?)""",
    re.IGNORECASE | re.VERBOSE,
)
_ADDRESS = re.compile(r"://[^\s/:@]{1,64}+:([^\s/@]{1,128}+)@")
_DIGITS = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){13,18}+(?![\w-])")
_ISSUED = re.compile(
    r"4\d{15}|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3(?:0[0-5]|[689])\d{11}|35\d{14}|6(?:011|4[4-9]|5|2)\d{12,16}"
)
"""Visa, Mastercard, American Express, Diners, JCB, Discover and UnionPay."""
_MARKS_OF_KEYS = (
    "k-",
    "k_",
    "gh",
    "glp",
    "akia",
    "asia",
    "aiza",
    "xox",
    "hf_",
    "npm_",
    "pypi",
    "eyj",
    "---b",
)
"""Each match of `_KEYS` and `_PRIVATE_KEY` holds one of them, in small letters."""
_WORDS_OF_NAMES = ("pass", "pwd", "secret", "token", "authorization", "credential", "key")
"""Each name of `_SAID` holds one of them."""
_DIGITS_ALONE = {ord(" "): None, ord("-"): None, **dict.fromkeys(map(ord, "123456789"), "0")}
_MANY_DIGITS = "0" * 14
"""What is left of a match of `_DIGITS`."""
_SURE = re.compile(rf"(?:.*[^a-z])?(?:{_SURE_NAMES}|cvv|cvc)", re.DOTALL)
_LIKELY = re.compile(rf"(?:.*[^a-z])?(?:{_LIKELY_NAMES})", re.DOTALL)
_INNER_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
SHORT = 40
"""Texts of so few characters come again and again, and are looked at once."""
LONG = 20
"""A token of so many characters needs no digit to be taken for one."""


def spans(text: str) -> Iterable[tuple[int, int]]:
    """Where credentials stand in a text, first and past-the-last character; they may overlap."""
    return _spans_of_short(text) if len(text) <= SHORT else _spans(text)


@lru_cache(maxsize=8192)
def _spans_of_short(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(_spans(text))


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where they stand; most texts lack what an expression begins with, and are not read by it."""
    plain = text.casefold()
    if _holds(plain, _MARKS_OF_KEYS):
        for pattern in (_KEYS, _PRIVATE_KEY):
            yield from (found.span() for found in pattern.finditer(text))
    if "bearer" in plain:
        yield from (found.span(1) for found in _BEARER.finditer(text) if _is_random(found[1]))
    if _holds(plain, _WORDS_OF_NAMES):
        said = (found for found in _SAID.finditer(text) if _is_credential(found))
        yield from (found.span(found.lastgroup or 0) for found in said)
    yield from (found.span(1) for found in _ADDRESS.finditer(text))
    if not text.isascii() or _MANY_DIGITS in text.translate(_DIGITS_ALONE):
        yield from (found.span() for found in _DIGITS.finditer(text) if is_card(found[0]))


def _holds(text: str, parts: tuple[str, ...]) -> bool:
    for part in parts:  # noqa: SIM110  # `any` takes three times as long
        if part in text:
            return True
    return False


def _is_credential(said: re.Match[str]) -> bool:
    """Whether what is said after a name and `=` or `:` is one; after `password:` may stand any word.

    What is called is code. The expression reads on over it: from each name in it anew, a text would take
    the square of its length.
    """
    if said["called"] is not None:
        return False
    is_given = said["is"] == "=" or said["bare"] is None
    return (said["sure"] is not None and is_given) or _is_random(said[said.lastgroup or 0])


def is_card(digits: str) -> bool:
    """Whether digits, with or without spaces and hyphens, are a payment card's number."""
    bare = digits.replace(" ", "").replace("-", "")
    return _ISSUED.fullmatch(bare) is not None and _luhn(bare) % 10 == 0


def _luhn(digits: str) -> int:
    doubled = "0246813579"
    pairs = enumerate(reversed(digits))
    return sum(int(doubled[int(digit)] if place % 2 else digit) for place, digit in pairs)


def is_kept_under(name: str, value: str | float) -> bool:
    """Whether a member of a JSON object is a credential by its name and its look: `api_key`, `dbPassword`."""
    plain = _INNER_CAPITAL.sub("_", name).lower()
    if _SURE.fullmatch(plain):
        return value != ""
    return _LIKELY.fullmatch(plain) is not None and _is_random(str(value))


def _is_random(value: str) -> bool:
    """Whether a token's value looks like one: a word alone may be anything."""
    return len(value) >= LONG or (len(value) >= 4 and any(map(str.isdigit, value)))
