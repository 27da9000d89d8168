"""Retail tasks: made, checked and tested."""

from practicum.training.tasks.configs import TauBenchConfig
from practicum.training.tasks.files import make_file
from practicum.training.tasks.pipeline import Attempt, Pipeline, Recipe, Statistics, generate
from practicum.training.tasks.programs import (
    PipelineConfig,
    TaskConfigurationPipeline,
    TauBenchOpenAIGenerator,
)
from practicum.training.tasks.records import TaskRecord, read_records, write_records
from practicum.training.tasks.testing import run
from practicum.training.tasks.validation import validate, validate_all

__all__ = [
    "Attempt",
    "Pipeline",
    "PipelineConfig",
    "Recipe",
    "Statistics",
    "TaskConfigurationPipeline",
    "TaskRecord",
    "TauBenchConfig",
    "TauBenchOpenAIGenerator",
    "generate",
    "make_file",
    "read_records",
    "run",
    "validate",
    "validate_all",
    "write_records",
]
