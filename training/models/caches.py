"""Caches: a model's states of several episodes, put side by side to write together and taken apart again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def new_cache(model: PreTrainedModel) -> Any:
    """An empty cache of the model's own kind."""
    from transformers import DynamicCache

    return DynamicCache(config=model.config)


def is_mergeable(cache: Any) -> bool:
    """Whether its layers are plain attention or short convolutions, which can be put side by side."""
    return all(_is_attention(layer) or _is_convolution(layer) for layer in cache.layers)


def merged(model: PreTrainedModel, caches: Sequence[Any], lengths: Sequence[int]) -> Any:
    """One cache of several episodes, the shorter ones filled up with zeros on the left.

    Args:
        model: whose caches they are.
        caches: one an episode, one row each.
        lengths: tokens in each.
    """
    import torch

    whole, longest = new_cache(model), max(lengths)
    for layer, parts in zip(whole.layers, zip(*(c.layers for c in caches), strict=True), strict=True):
        if _is_convolution(layer):
            _set_convolution(layer, torch.cat([part.conv_states[0] for part in parts]))
        else:
            keys = [_filled(part.keys, longest - n) for part, n in zip(parts, lengths, strict=True)]
            values = [_filled(part.values, longest - n) for part, n in zip(parts, lengths, strict=True)]
            _set_attention(layer, torch.cat(keys), torch.cat(values))
    return whole


def alone(model: PreTrainedModel, cache: Any, row: int, length: int) -> Any:
    """The cache of one episode, its last `length` tokens."""
    own = new_cache(model)
    for layer, part in zip(own.layers, cache.layers, strict=True):
        if _is_convolution(layer):
            _set_convolution(layer, part.conv_states[0][row : row + 1].clone())
        else:
            keys, values = (states[row : row + 1, :, -length:] for states in (part.keys, part.values))
            _set_attention(layer, keys.clone(), values.clone())
    return own


def _is_attention(layer: Any) -> bool:
    from transformers.cache_utils import DynamicLayer

    return type(layer) is DynamicLayer


def _is_convolution(layer: Any) -> bool:
    """Whether it keeps one window of inputs and no recurrent state."""
    from transformers.cache_utils import LinearAttentionLayer

    return type(layer) is LinearAttentionLayer and not any(layer.is_recurrent_states_initialized.values())


def _filled(states: torch.Tensor, missing: int) -> torch.Tensor:
    """States of (1, heads, tokens, size) with zeros for `missing` tokens before them."""
    import torch

    return torch.nn.functional.pad(states, (0, 0, missing, 0))


def _set_attention(layer: Any, keys: torch.Tensor, values: torch.Tensor) -> None:
    layer.lazy_initialization(keys, values)
    layer.keys, layer.values = keys, values


def _set_convolution(layer: Any, states: torch.Tensor) -> None:
    layer.lazy_initialization(conv_states=states)
    layer.conv_states[0], layer.has_previous_state[0] = states, True
