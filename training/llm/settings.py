"""ModelSettings: which chat model is asked, where it is served, and how long to wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from practicum.envs.errors import UsageError
from practicum.training.llm.chat_model import ModelUnavailable

NO_KEY = "EMPTY"
"""What a server is sent that wants no key."""
CONTEXT_TOKENS = 32_000
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104  # compared with, never bound


@dataclass(frozen=True)
class Api:
    """How servers are spoken to, and where the API's own is."""

    own_url: str
    url_variable: str
    """Name of the environment variable that names another server."""
    key_variable: str


OPENAI = Api("https://api.openai.com/v1", "OPENAI_BASE_URL", "OPENAI_API_KEY")
"""Chat completions, which most servers speak."""
ANTHROPIC = Api("https://api.anthropic.com", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY")
"""Messages."""
ANTHROPIC_PREFIX = "anthropic:"
"""What stands before the name of a model that is asked by Anthropic's API."""


@dataclass(frozen=True)
class ModelSettings:
    """A chat model on a server that speaks OpenAI's chat completions or Anthropic's Messages API."""

    model: str = "gpt-4o"
    """As the server names it, with `anthropic:` before it where that API is meant."""
    base_url: str | None = None
    """Such as `http://localhost:8000/v1`; where None, what `OPENAI_BASE_URL` (or `ANTHROPIC_BASE_URL`) names,
    or the API's own server."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; `OPENAI_API_KEY` (or `ANTHROPIC_API_KEY`) where
    None."""
    temperature: float = 0.0
    max_tokens: int = 16384
    """Of one answer. A server that has less room than that is asked again without this limit."""
    max_retries: int = 3
    """Tries after the first, where the server is busy, fails or cannot be reached."""
    timeout: float = 180.0
    """Seconds that a server may be silent, in each try."""
    context_tokens: int = CONTEXT_TOKENS
    """About as much of a conversation as an agent shows the model; less where its server says so."""
    free: bool = False
    """Whether a model in this process may write anything; else its calls are held to the tools' schemas."""

    @property
    def api(self) -> Api:
        """How its server is spoken to."""
        return ANTHROPIC if self.model.startswith(ANTHROPIC_PREFIX) else OPENAI

    @property
    def served_name(self) -> str:
        """The model, as its server names it."""
        return self.model.removeprefix(ANTHROPIC_PREFIX)

    @property
    def key_variable(self) -> str:
        """Name of the environment variable that holds the key."""
        return self.api_key_env or self.api.key_variable

    def url(self, variables: Mapping[str, str]) -> str:
        """Where the server is.

        Raises:
            UsageError: that is no URL of a server.
        """
        api = self.api
        url = (self.base_url or variables.get(api.url_variable) or api.own_url).rstrip("/")
        try:
            address = urlsplit(url)
            is_server = address.scheme in ("http", "https") and bool(address.hostname)
        except ValueError:
            is_server = False
        if not is_server:
            raise UsageError(f"{url!r} is no URL of a model server; expected http://127.0.0.1:8000/v1")
        return url

    def key(self, variables: Mapping[str, str]) -> str:
        """The key; `EMPTY` for a server on this machine where none is set.

        Raises:
            ModelUnavailable: none is set, and the server is elsewhere; or it is no key.
        """
        if found := key_in(variables, self.key_variable):
            return found
        url = self.url(variables)
        if urlsplit(url).hostname in LOCAL_HOSTS:
            return NO_KEY
        raise ModelUnavailable(
            f"{self.model} at {shown_url(url)} needs a key: set {self.key_variable} in the environment "
            f"({NO_KEY} where the server wants none), or name another variable"
        )


def key_in(variables: Mapping[str, str], name: str) -> str:
    """The key that a variable holds; empty where there is none.

    Raises:
        ModelUnavailable: what it holds is no key.
    """
    found = variables.get(name, "").strip()
    if not (found.isascii() and found.isprintable()):
        raise ModelUnavailable(f"{name} holds characters that no key has; copy it anew")
    return found


def shown_url(url: str) -> str:
    """A URL without a password or a query in it."""
    address = urlsplit(url)
    return address._replace(netloc=address.netloc.rpartition("@")[2], query="", fragment="").geturl()
