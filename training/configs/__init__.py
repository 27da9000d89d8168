"""Configs: the settings of training runs, their defaults and presets."""
