"""Where agents and people meet the system: MCP, HTTP and the command line. Translates; decides nothing."""
