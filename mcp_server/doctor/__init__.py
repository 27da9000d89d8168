"""Looks at an installation: what works, what is missing, and what to do about it."""

from practicum.mcp_server.doctor.finding import Finding
from practicum.mcp_server.doctor.looks import Asked, findings

__all__ = ["Asked", "Finding", "findings"]
