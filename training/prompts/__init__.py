"""Prompts: system messages by the names of their files."""
