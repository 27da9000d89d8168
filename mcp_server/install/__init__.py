"""Connects Practicum to the clients on a machine, by their own settings files."""

from practicum.mcp_server.install.clients import CLIENTS, Client, client_named, serving
from practicum.mcp_server.install.links import links
from practicum.mcp_server.install.machine import Machine
from practicum.mcp_server.install.settings import Change, add, block, entries, remove

__all__ = [
    "CLIENTS",
    "Change",
    "Client",
    "Machine",
    "add",
    "block",
    "client_named",
    "entries",
    "links",
    "remove",
    "serving",
]
