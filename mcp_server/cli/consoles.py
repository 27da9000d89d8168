"""Where people are told things: results on stdout, remarks on stderr, with colours where there are any."""

from __future__ import annotations

from rich.console import Console

console = Console(stderr=False, highlight=False)
remarks = Console(stderr=True, highlight=False, soft_wrap=True)
