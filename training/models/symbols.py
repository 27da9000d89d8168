"""Symbols: the bytes that each token of a tokenizer stands for, so that a grammar can judge tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from practicum.training.models.grammar import Node, Symbols

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SPECIAL = 256
"""A special token is this and its id."""
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


@dataclass(frozen=True)
class Alphabet:
    """The tokens of a tokenizer as symbols."""

    tokens: tuple[Symbols, ...]
    """By id; empty for one that stands for nothing."""
    special: dict[str, int]
    """The symbol of each special token, by its text."""

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> Alphabet:
        """The alphabet of a tokenizer: byte-level, or with `▁` for blanks and `<0x0A>` for odd bytes."""
        added = {token.content: number for number, token in tokenizer.added_tokens_decoder.items()}
        special = {text: SPECIAL + number for text, number in added.items()}
        characters = _characters() if _is_byte_level(tokenizer) else None
        count = len(tokenizer)
        texts = tokenizer.convert_ids_to_tokens(range(count))
        tokens = (
            (SPECIAL + number,) if number in tokenizer.added_tokens_decoder else _bytes(text, characters)
            for number, text in enumerate(texts)
        )
        return cls(tuple(tokens), special)

    def symbols_of(self, text: str) -> Symbols:
        """A text as symbols, special tokens in it as one each."""
        if not self.special:
            return tuple(text.encode())
        parts = re.split("|".join(f"({re.escape(name)})" for name in self.special), text)
        found: list[int] = []
        for part in filter(None, parts):
            found += [self.special[part]] if part in self.special else part.encode()
        return tuple(found)

    def read(self, node: Node, token: int) -> Node | None:
        """What is left of a grammar after a token; None where it cannot come."""
        symbols = (
            self.tokens[token] if token < len(self.tokens) else ()
        )  # models may have more rows than tokens
        left: Node | None = node if symbols else None
        for symbol in symbols:
            if left is None:
                break
            left = left.after(symbol)
        return left


def _is_byte_level(tokenizer: PreTrainedTokenizerBase) -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    decoder = json.loads(backend.to_str()).get("decoder") if backend is not None else None
    return "ByteLevel" in json.dumps(decoder)


def _bytes(token: str, characters: Mapping[str, int] | None) -> Symbols:
    if characters is not None:
        return tuple(characters[character] for character in token)
    byte = _BYTE.fullmatch(token)
    return (int(byte[1], 16),) if byte else tuple(token.replace("▁", " ").encode())


def _characters() -> dict[str, int]:
    """The byte that each character of a byte-level token stands for (GPT-2's table)."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return {character: byte for byte, character in bytes_to_unicode().items()}
