"""Links that have an editor add the server when they are opened."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from practicum.envs.errors import UsageError
from practicum.mcp_server.install.clients import Client


def links(client: Client, name: str, entry: Mapping[str, Any]) -> tuple[str, str]:
    """A link for this machine, and one over the web that a page can carry.

    Raises:
        UsageError: the client has none.
    """
    if client.name == "vscode":
        query = f"name={quote(name, safe='')}&config={_quoted(entry)}"
        return (
            f"vscode:mcp/install?{_quoted({'name': name, **entry})}",
            f"https://insiders.vscode.dev/redirect/mcp/install?{query}",
        )
    if client.name == "cursor":
        config = quote(base64.b64encode(_compact(entry).encode()).decode(), safe="")
        query = f"name={quote(name, safe='')}&config={config}"
        return (
            f"cursor://anysphere.cursor-deeplink/mcp/install?{query}",
            f"https://cursor.com/en/install-mcp?{query}",
        )
    raise UsageError(f"{client.title} opens no links; vscode and cursor do")


def _compact(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _quoted(value: Mapping[str, Any]) -> str:
    return quote(_compact(value), safe="")
