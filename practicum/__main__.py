"""`python -m practicum` is the `practicum` command."""

from practicum.mcp_server.cli.app import main

main()
