"""Discrepancies: kept, shown, decided, applied and undone."""

from barledger.services.discrepancies.workflow import Workflow

__all__ = ["Workflow"]
