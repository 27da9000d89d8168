"""The `practicum` command, one file a group of commands."""
