"""Availability: whether bars are there, and why those that are not are missing."""

from barledger.services.availability.report import (
    EXCUSED,
    FETCHABLE,
    Availability,
    Gaps,
    Missing,
    Reason,
    Undecided,
)
from barledger.services.availability.service import DataAvailabilityService
from barledger.services.availability.strip import Cell

__all__ = [
    "EXCUSED",
    "FETCHABLE",
    "Availability",
    "Cell",
    "DataAvailabilityService",
    "Gaps",
    "Missing",
    "Reason",
    "Undecided",
]
