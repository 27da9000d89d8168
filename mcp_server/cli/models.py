"""The options of chat models, which several commands share, and what they mean."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import Annotated, Any

import typer

from practicum.envs.tasks import LARGEST_INTEGER
from practicum.training.llm import ModelSettings, ModelShelf, Usage

PANEL = "Chat models"
DEFAULT = ModelSettings()
CUSTOMER = "chat"
"""The kind of customer that is a chat model."""

Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        rich_help_panel=PANEL,
        help="Its server; $OPENAI_BASE_URL or $ANTHROPIC_BASE_URL, or the API's own, by default.",
    ),
]
KeyVariable = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=PANEL,
        help="Environment variable that holds its key; $OPENAI_API_KEY by default, $ANTHROPIC_API_KEY for "
        "anthropic:MODEL.",
    ),
]
UserModel = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        rich_help_panel=PANEL,
        help="A chat model, MODEL or anthropic:MODEL, that is the customer where a world has one.",
    ),
]
Writer = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        rich_help_panel=PANEL,
        help="A chat model, MODEL or anthropic:MODEL, that does it; without one, rules do.",
    ),
]
Temperature = Annotated[
    float,
    typer.Option(
        min=0, rich_help_panel=PANEL, help="How freely models choose their words; not for Anthropic's."
    ),
]
MaxTokens = Annotated[
    int, typer.Option(min=1, max=LARGEST_INTEGER, rich_help_panel=PANEL, help="Of one answer.")
]
ContextTokens = Annotated[
    int,
    typer.Option(
        min=1, max=LARGEST_INTEGER, rich_help_panel=PANEL, help="Of an episode that a model is shown."
    ),
]
MaxRetries = Annotated[
    int, typer.Option(min=0, max=100, rich_help_panel=PANEL, help="Tries after one that failed.")
]
Timeout = Annotated[
    float, typer.Option(min=0.001, rich_help_panel=PANEL, help="Seconds that a server may be silent.")
]

Free = Annotated[
    bool,
    typer.Option(
        "--free",
        rich_help_panel=PANEL,
        help="A local: model may write anything; else its calls are held to the tools' schemas.",
    ),
]


@dataclass(frozen=True)
class ModelOptions:
    """The chat models that a command was given."""

    playing: ModelShelf
    """Those that play; their names stand with the agents."""
    customer: ModelShelf | None = None
    """The one that is the customer, if one is."""

    def hired(self, settings: list[str] | None) -> list[str]:
        """The settings of an environment, with the model as its customer where one was given.

        Raises:
            UsageError: the model cannot be opened.
        """
        return hired(self.customer, settings)

    def tell_usage(self) -> None:
        """Say on stderr what each model took."""
        _tell(self.playing.used)
        if self.customer is not None:
            _tell(self.customer.used, " as the customer")


def hired(customer: ModelShelf | None, settings: list[str] | None) -> list[str]:
    """The settings of an environment, with a model as its customer where one is given.

    Raises:
        UsageError: the model cannot be opened.
    """
    if customer is None:
        return settings or []
    from practicum.training.agents.chat_customer import hire

    hire(customer.model(), CUSTOMER)
    return [*(settings or ()), f"customer={CUSTOMER}"]


Command = Callable[..., None]


def takes_models(command: Command) -> Command:
    """Give a command the options of chat models; it gets them in one, as its parameter `models`."""
    return _taking(command, "models", _models)


def takes_customer(command: Command) -> Command:
    """Give a command the options of a model as customer; it gets it as its parameter `customer`, or None."""
    return _taking(command, "customer", _customer)


def takes_writer(command: Command) -> Command:
    """Give a command the options of one chat model; it gets its shelf as its parameter `writer`, or None."""
    return _taking(command, "writer", _writer)


def _taking(command: Command, name: str, declare: Callable[..., Any]) -> Command:
    """A command with the options of a declaration in place of the parameter that gets what this makes."""
    own = inspect.signature(command, eval_str=True)
    declared = inspect.signature(declare, eval_str=True).parameters
    taken = [parameter for parameter in own.parameters.values() if parameter.name != name]
    taken += declared.values()

    @wraps(command)
    def run(**given: Any) -> None:
        made = declare(**{option: given.pop(option) for option in declared})
        command(**given, **{name: made})

    run.__signature__ = own.replace(parameters=taken)  # type: ignore[attr-defined]  # read by typer
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in taken}
    return run


def _customer(
    user_model: UserModel = None,
    user_base_url: Url = None,
    user_api_key_env: KeyVariable = None,
) -> ModelShelf | None:
    """Declare the options; typer makes them from this signature."""
    if user_model is None:
        return None
    return ModelShelf(ModelSettings(user_model, user_base_url, user_api_key_env))


def _writer(
    model: Writer = None,
    base_url: Url = None,
    api_key_env: KeyVariable = None,
    temperature: Temperature = DEFAULT.temperature,
    max_tokens: MaxTokens = DEFAULT.max_tokens,
    max_retries: MaxRetries = DEFAULT.max_retries,
    timeout: Timeout = DEFAULT.timeout,
) -> ModelShelf | None:
    """Declare the options; typer makes them from this signature."""
    if model is None:
        return None
    settings = ModelSettings(model, base_url, api_key_env, temperature, max_tokens, max_retries, timeout)
    return ModelShelf(settings)


def _models(
    base_url: Url = None,
    api_key_env: KeyVariable = None,
    user_model: UserModel = None,
    user_base_url: Url = None,
    user_api_key_env: KeyVariable = None,
    temperature: Temperature = DEFAULT.temperature,
    max_tokens: MaxTokens = DEFAULT.max_tokens,
    context_tokens: ContextTokens = DEFAULT.context_tokens,
    max_retries: MaxRetries = DEFAULT.max_retries,
    timeout: Timeout = DEFAULT.timeout,
    free: Free = DEFAULT.free,
) -> ModelOptions:
    """Declare the options; typer makes them from this signature."""
    alike: dict[str, Any] = {
        "temperature": temperature,
        "max_tokens": max_tokens,
        "context_tokens": context_tokens,
        "max_retries": max_retries,
        "timeout": timeout,
    }
    playing = ModelSettings(base_url=base_url, api_key_env=api_key_env, free=free, **alike)
    customer = _customer(user_model, user_base_url, user_api_key_env)
    return ModelOptions(ModelShelf(playing), customer and ModelShelf(replace(customer.settings, **alike)))


def _tell(used: Mapping[str, Usage], role: str = "") -> None:
    for name, usage in used.items():
        tokens = f"{usage.prompt_tokens:,} tokens read and {usage.completion_tokens:,} written"
        typer.echo(f"{name}{role}: {usage.calls:,} calls, {tokens}, {usage.seconds:.1f} s", err=True)
