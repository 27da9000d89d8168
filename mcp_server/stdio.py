"""Serving over stdin and stdout: one client, one process. Only protocol leaves by stdout."""

from __future__ import annotations

from mcp.server.stdio import stdio_server

from practicum.mcp_server.server import PracticumServer


async def serve_stdio(server: PracticumServer) -> None:
    """Serve until the client closes its end."""
    async with stdio_server() as (read_stream, write_stream):
        await server.run(read_stream, write_stream, server.create_initialization_options())
