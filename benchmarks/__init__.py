"""Measurements: each script compares side by side in one run and ends with one line of JSON."""
