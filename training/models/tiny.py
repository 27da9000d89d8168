"""The tiny base: a language model of 0.9 M parameters, made on the spot from a seed, that copies and chooses.

`Lfm2ForCausalLM`: short convolutions and attention. Its first layers begin wired for copying (`_wire`), so
that a warm-up of minutes is enough; from weights without order, copying takes several times as many tokens.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from practicum.training.models.copying import Exercises
from practicum.training.models.failures import telling
from practicum.training.models.templates import MARKS
from practicum.training.models.tiny_tokens import tiny_tokenizer, tiny_words
from practicum.training.models.warm_up import Schedule, warm_up

if TYPE_CHECKING:
    import torch
    from transformers import Lfm2ForCausalLM, PreTrainedTokenizerFast

RECIPE = 1
"""Version of all that the weights follow from: words, wiring, exercises, schedule."""
SEED = 0
WIDTH, HEADS, ATTENTION = 128, 4, "full_attention"
LAYERS = ("conv", ATTENTION, "conv", ATTENTION, ATTENTION)
LONGEST = 8192
"""Tokens that its positions reach."""
Progress = Callable[[int, int, float], object]
"""Told of each step of the warm-up: its number, of how many, and its loss."""


def tiny_base(
    cache: Path,
    *,
    schedule: Schedule | None = None,
    progress: Progress = lambda step, steps, loss: None,
) -> tuple[Lfm2ForCausalLM, PreTrainedTokenizerFast]:
    """The tiny base, warmed up; made once and then read from a folder.

    Args:
        cache: where the folder is kept, under a name with the recipe's version.
        schedule: of the warm-up, where it is not to be the recipe's own.
        progress: told of the warm-up, where there is one.

    Raises:
        UsageError: the disk is full.
    """
    from transformers import Lfm2ForCausalLM

    folder = cache / f"tiny-{RECIPE}"
    if not (folder / "model.safetensors").is_file():
        with telling("the tiny base"):
            _make(folder, schedule or Schedule(), progress)
    return Lfm2ForCausalLM.from_pretrained(folder), tiny_tokenizer()


def _make(folder: Path, schedule: Schedule, progress: Progress) -> None:
    """Warm a model up and put it in place whole; another process that was quicker wins."""
    model, tokenizer = tiny_random(SEED)
    warm_up(
        model,
        exercises(tokenizer, SEED),
        schedule,
        progress=lambda step, loss: progress(step, schedule.steps, loss),
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}-"))
    try:
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
        os.rename(made, folder)  # noqa: PTH104  # Path.rename would do the same
    except OSError:
        if not (folder / "model.safetensors").is_file():
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def tiny_random(seed: int) -> tuple[Lfm2ForCausalLM, PreTrainedTokenizerFast]:
    """The same model before its warm-up: wired, but taught nothing. For tests of mechanics."""
    import torch
    from transformers import Lfm2ForCausalLM

    tokenizer = tiny_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Lfm2ForCausalLM(_config(tokenizer))
        _wire(model, torch.Generator().manual_seed(seed))
    return model.eval(), tokenizer


def exercises(tokenizer: PreTrainedTokenizerFast, seed: int) -> Exercises:
    """What the warm-up teaches."""
    words = [word for word in tiny_words() if word.islower() and len(word) > 2]
    return Exercises(
        lambda text: list(tokenizer(text, add_special_tokens=False)["input_ids"]),
        vocabulary=len(tokenizer),
        words=words,
        special=len(MARKS),
        seed=seed,
    )


def _config(tokenizer: PreTrainedTokenizerFast) -> object:
    from transformers import Lfm2Config

    return Lfm2Config(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        block_auto_adjust_ff_dim=False,
        num_hidden_layers=len(LAYERS),
        layer_types=list(LAYERS),
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=LONGEST,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=True,
    )


_CODE, _BEFORE, _EARLIER = slice(1, 41), slice(48, 88), slice(88, 128)
"""Where in the width the token itself stands, the token before it, and the one before that."""
_SIZE = 40
_NOISE, _SCALE = 0.004, 0.12
"""Of the weights that are not wired, and of embeddings."""
_GATE, _HANDED = 0.2, 0.6
"""Of the convolution's gates, which are then about open, and of what it hands on, as loud as the token."""
_SHARP, _LOUD = 3.0, 10.0
"""Of attention, and of what the copying head writes."""


def _wire(model: Lfm2ForCausalLM, random: torch.Generator) -> None:
    """Let the first two layers copy: find where the last two tokens stood before, and say what followed them.

    The first convolution hands each token on to the next two places; the first attention looks for the places
    that were handed the present tokens, and writes what stands there (an induction head, Olsson et al. 2022).
    The rest begins as small noise.
    """
    import torch

    with torch.no_grad():
        embedding = _noise(random, model.config.vocab_size, WIDTH)
        embedding[:, _CODE] = torch.randn(len(embedding), _SIZE, generator=random) * _SCALE
        embedding[:, 0] = 3 * _SCALE  # a constant, which opens the convolution's gates
        model.model.embed_tokens.weight.copy_(embedding)
        _wire_convolution(model.model.layers[0].conv, random)
        _wire_attention(model.model.layers[1].self_attn, random)


def _wire_convolution(layer: torch.nn.Module, random: torch.Generator) -> None:
    import torch

    one = torch.eye(_SIZE)
    gates_and_input = _noise(random, 3 * WIDTH, WIDTH)  # rows: gate before, gate after, input
    gates_and_input[: 2 * WIDTH, 0] += _GATE
    written = _noise(random, WIDTH, WIDTH)
    kernel = _noise(random, WIDTH, 1, 3)  # (channel, 1, two tokens ago to now)
    for place, ago in ((_BEFORE, 1), (_EARLIER, 2)):
        gates_and_input[2 * WIDTH :][place, _CODE] += one
        kernel[place, 0, 2 - ago] += 1
        written[place, place] += one * _SCALE * _HANDED
    layer.in_proj.weight.copy_(gates_and_input)
    layer.conv.weight.copy_(kernel)
    layer.out_proj.weight.copy_(written)


def _wire_attention(layer: torch.nn.Module, random: torch.Generator) -> None:
    """Queries read the last two tokens, keys the two before; both only where positions turn slowly."""
    import torch

    size = WIDTH // HEADS
    slow = [
        head * size + half + place
        for head in range(HEADS)
        for half in (0, size // 2)
        for place in range(size // 4, size // 2)
    ]
    turns = torch.randn(2, len(slow), _SIZE, generator=random) / _SIZE**0.5
    queries, keys = _noise(random, WIDTH, WIDTH), _noise(random, WIDTH, WIDTH)
    for turn, asked, held in zip(turns, (_CODE, _BEFORE), (_BEFORE, _EARLIER), strict=True):
        queries[slow, asked] += turn
        keys[slow, held] += turn
    read = torch.randn(WIDTH, _SIZE, generator=random) / WIDTH**0.5
    values, written = _noise(random, WIDTH, WIDTH), _noise(random, WIDTH, WIDTH)
    values[:, _CODE] += read
    written[_CODE] += torch.linalg.pinv(read) * _SCALE * _LOUD
    for name, weight in {"q": queries, "k": keys, "v": values, "out": written}.items():
        getattr(layer, f"{name}_proj").weight.copy_(weight)
    layer.q_layernorm.weight.fill_((2 * _SHARP) ** 0.5)
    layer.k_layernorm.weight.fill_((2 * _SHARP) ** 0.5)


def _noise(random: torch.Generator, *shape: int) -> torch.Tensor:
    import torch

    return torch.randn(*shape, generator=random) * _NOISE
