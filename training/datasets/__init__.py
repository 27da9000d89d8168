"""Rows: what was played, as examples that a model learns from."""

from practicum.training.datasets.examples import Group, Label, Pair
from practicum.training.datasets.export import Order, export, export_again
from practicum.training.datasets.exporter import DatasetExporter
from practicum.training.datasets.files import read_groups, read_labels, read_pairs, read_rows
from practicum.training.datasets.formats import FORMATS, line
from practicum.training.datasets.making import from_log
from practicum.training.datasets.query import Query
from practicum.training.datasets.row import Row, Toolset
from practicum.training.datasets.scored import kept_scores
from practicum.training.datasets.selection import Selection, rows

__all__ = [
    "FORMATS",
    "DatasetExporter",
    "Group",
    "Label",
    "Order",
    "Pair",
    "Query",
    "Row",
    "Selection",
    "Toolset",
    "export",
    "export_again",
    "from_log",
    "kept_scores",
    "line",
    "read_groups",
    "read_labels",
    "read_pairs",
    "read_rows",
    "rows",
]
