"""CorporateActionService: what happened to instruments, from sources, files and people."""

from barledger.services.actions.service import CorporateActionService

__all__ = ["CorporateActionService"]
