"""Starts Practicum for an application that installed it as a bundle; src/server.py in it."""

import sys

from practicum.mcp_server.cli.app import main

sys.argv[:1] = ["practicum", "serve"]
main()
