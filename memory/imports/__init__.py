"""Import: sessions that other systems recorded, read into the log."""

from practicum.memory.imports.dialogue import Dialogue, read_arguments
from practicum.memory.imports.protocol import Importer, checked, importers
from practicum.memory.imports.traces import RESPOND, Trace, TracedCall, Unreadable, read_result
from practicum.memory.imports.writing import Destination, Tally, destination, import_file

__all__ = [
    "RESPOND",
    "Destination",
    "Dialogue",
    "Importer",
    "Tally",
    "Trace",
    "TracedCall",
    "Unreadable",
    "checked",
    "destination",
    "import_file",
    "importers",
    "read_arguments",
    "read_result",
]
