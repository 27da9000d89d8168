"""Settings of a run that makes or tests tasks, in one object: TauBenchConfig."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from practicum.envs.paths import at_home, is_folder
from practicum.envs.retail.scenarios import SCENARIOS
from practicum.envs.retail.world import SHIPPED
from practicum.training.llm import ChatModel, ModelSettings, OpenAIChat

ENVS_PATH = "envs/retail"
_KEY = "OPENAI_API_KEY"


@dataclass
class TauBenchConfig:
    """All settings with their defaults; assign what is to be another.

    Two models: the user model writes tasks and plays customers, the default model serves them.
    """

    envs_path: str = ENVS_PATH
    """Folder of users.json, orders.json and products.json."""
    user_model: str = "gpt-4o"
    user_api_key: str = ""
    """Empty: the variable OPENAI_API_KEY of the environment holds it; so with `default_api_key`."""
    user_base_url: str = "https://api.openai.com/v1"
    default_model: str = "vllm-a40-gpt-oss-120b"
    default_api_key: str = ""
    default_base_url: str = ""
    """Empty: the variable OPENAI_BASE_URL, or OpenAI's own server."""
    num_tasks: int = 10
    temperature: float = 0.0
    max_tokens: int = 16384
    """Of one answer."""
    max_retries: int = 3
    timeout: float = 180.0
    """Seconds that a server may be silent while tasks are made."""
    test_timeout: float = 180.0
    """Seconds that a server may be silent while tasks are tested."""
    max_workers: int = 2
    """Tasks that are tested at the same time."""
    output_dir: str = "tau_bench_results"
    save_visualizations: bool = True
    min_success_rate: float = 0.7
    min_action_recall: float = 0.6
    min_action_precision: float = 0.6
    scenario_keys: list[str] = field(default_factory=lambda: list(SCENARIOS))
    """The scenarios that tasks are spread over; others are left out."""

    def open_user_model(self) -> ChatModel:
        """The model that writes tasks and plays customers.

        Raises:
            UsageError: no key is set, the `openai` package is missing, or the URL is none.
        """
        return self._opened(self.user_model, self.user_base_url, self.user_api_key, self.timeout)

    def open_default_model(self) -> ChatModel:
        """The model that serves customers.

        Raises:
            UsageError: as `open_user_model`.
        """
        return self._opened(
            self.default_model, self.default_base_url, self.default_api_key, self.test_timeout
        )

    def _opened(self, model: str, base_url: str, api_key: str, timeout: float) -> ChatModel:
        settings = ModelSettings(
            model,
            base_url or None,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            max_retries=self.max_retries,
            timeout=timeout,
        )
        key = {_KEY: api_key} if api_key else {}
        return OpenAIChat(settings, variables={**os.environ, **key})


def folder_of(envs_path: str | Path) -> str:
    """The folder of a world as settings name it, empty for the shipped one.

    `envs/retail` means the shipped one wherever no such folder is at hand.

    Raises:
        UsageError: it is in the home of nobody.
    """
    path = at_home(Path(envs_path))
    if is_folder(path):
        return "" if not str(envs_path) or path.samefile(SHIPPED) else str(envs_path)
    return "" if path == Path(ENVS_PATH) else str(envs_path)
