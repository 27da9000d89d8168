"""AgentInference: agents from a checkpoint, in two calls."""

from __future__ import annotations

from pathlib import Path

from practicum.training.agents.local import LocalAgent
from practicum.training.models import load
from practicum.training.models.writer import Writer, WriterSettings
from practicum.training.transcripts import INSTRUCTION


class AgentInference:
    """A checkpoint that plays.

    Args:
        writer: the loaded model.
    """

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    @classmethod
    def from_pretrained(
        cls, checkpoint: str | Path, *, settings: WriterSettings | None = None
    ) -> AgentInference:
        """Load a checkpoint.

        Args:
            checkpoint: a folder that training has written, or any name that `load` takes.
            settings: how it writes; greedily, held to the tools' schemas, by default.

        Raises:
            UsageError: as `load`.
        """
        return cls(Writer(load(str(checkpoint)), settings))

    def create_agent(self, system_prompt: str = INSTRUCTION, *, seed: int = 0) -> LocalAgent:
        """An agent that plays with the checkpoint; agents may be made by the dozen, they share the model.

        Args:
            system_prompt: what the model is told first; `{instruction}` in it stands for the task's.
            seed: of what is drawn, at a temperature above 0.
        """
        return LocalAgent(self.writer, seed=seed, system=system_prompt)
