"""Accelerate: how a training run is spread over processes."""
