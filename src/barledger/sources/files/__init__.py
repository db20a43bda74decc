"""The files source: bars from CSV, Parquet and Arrow files of any size."""

from barledger.sources.files.source import FilesSource

__all__ = ["FilesSource"]
