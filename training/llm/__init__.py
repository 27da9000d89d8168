"""Chat models: a language model that answers messages, by words or by calling tools."""

from practicum.training.llm.anthropic_chat import AnthropicChat
from practicum.training.llm.chat_model import (
    ChatModel,
    ContextTooLong,
    Message,
    ModelFailed,
    ModelUnavailable,
    Reply,
    ToolRequest,
    Usage,
    function_tool,
    tool_answer,
)
from practicum.training.llm.model_shelf import ModelShelf, open_model
from practicum.training.llm.openai_chat import OpenAIChat
from practicum.training.llm.scripted_chat import ScriptedChat
from practicum.training.llm.settings import CONTEXT_TOKENS, ModelSettings

__all__ = [
    "CONTEXT_TOKENS",
    "AnthropicChat",
    "ChatModel",
    "ContextTooLong",
    "Message",
    "ModelFailed",
    "ModelSettings",
    "ModelShelf",
    "ModelUnavailable",
    "OpenAIChat",
    "Reply",
    "ScriptedChat",
    "ToolRequest",
    "Usage",
    "function_tool",
    "open_model",
    "tool_answer",
]
