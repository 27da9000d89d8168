"""`python -m practicum` and `practicum`: the command line."""

from __future__ import annotations

from practicum.mcp_server.collecting import collection_paused


def main() -> None:
    """Load the commands, and run the one that is asked for."""
    with collection_paused():
        from practicum.mcp_server.cli.app import main as run
    run()


if __name__ == "__main__":
    main()
