"""The ingestion service: `service` is what callers use; the other modules have one noun each."""

from barledger.services.ingestion.service import Budget, DataIngestionService, Entry, IngestionReport, add

__all__ = ["Budget", "DataIngestionService", "Entry", "IngestionReport", "add"]
