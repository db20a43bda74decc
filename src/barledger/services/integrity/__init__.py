"""DataIntegrityService: is it still what the source says, and what is done about it."""

from barledger.services.integrity.service import DataIntegrityService

__all__ = ["DataIntegrityService"]
