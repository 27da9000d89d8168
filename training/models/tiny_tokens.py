"""Tokens of the tiny base: whole words of flight and retail pages, single characters for the rest."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from practicum.training.models.templates import END, MARKS, PAD, fit_tiny

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_CODES = """
AA AC AF AI AM AV AY AZ BA CA CM CX DL EI EK ET EY FI IB JL KE KL LA LH LO LX MH MS NH NZ OS QF QR SA SK SN SQ
TG TK TP UA
""".split()  # noqa: SIM905  # a list of 41 is no easier to read
"""Airlines, one token each: what a flight's id begins with."""
_JOINTS = ('{"', '": "', '", "', '"}', '": ', "{}", ", ", ": ", "; ", ". ", '", "', '": [', '"]')
"""What stands between the parts of JSON and of sentences."""


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of the tiny base; any text can be encoded, and decodes to itself.

    A word of the list is one token, with the blank before it where there is one; so are hours and minutes of
    a time of day, codes of airlines, and the joints of JSON. Everything else is written byte by byte.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = tiny_words()
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    vocabulary = {mark: number for number, mark in enumerate(MARKS)}
    for text in [*sorted(pre_tokenizers.ByteLevel.alphabet()), *_spelled(_entries(words))]:
        vocabulary.setdefault(text, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_pattern(words)), behavior="isolated"), byte_level]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(MARKS))
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, clean_up_tokenization_spaces=False
    )
    return fit_tiny(made)


def tiny_words() -> list[str]:
    """The words that are one token each, with and without a blank before them."""
    return files(__package__).joinpath("tiny_words.txt").read_text(encoding="utf-8").split()


def _entries(words: list[str]) -> list[str]:
    times = [f"{hour:02d}:" for hour in range(24)] + [f"{minute:02d}" for minute in range(0, 60, 5)]
    return [*_JOINTS, *times, *_CODES, *(form for word in words for form in (word, f" {word}"))]


def _spelled(texts: list[str]) -> list[str]:
    """Texts of ASCII in the alphabet of byte-level tokens."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = bytes_to_unicode()
    return ["".join(letters[byte] for byte in text.encode()) for text in texts]


def _pattern(words: list[str]) -> str:
    """What is cut out as one piece: the entries, each only where it stands for itself, and any character."""
    longest_first = sorted(words, key=len, reverse=True)
    joints = "|".join(map(re.escape, sorted(_JOINTS, key=len, reverse=True)))
    known = "|".join(map(re.escape, longest_first))
    codes = "|".join(_CODES)
    return (
        rf"{joints}|(?: |(?<!\w))(?:{known})(?![A-Za-z0-9_])|(?<![A-Za-z])(?:{codes})(?![A-Za-z])"
        r"|(?<!\d)\d\d:(?=\d\d(?!\d))|(?<=\d\d:)\d[05](?!\d)|[\s\S]"
    )
