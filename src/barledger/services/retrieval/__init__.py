"""DataRetrievalService, in modules by noun."""

from barledger.services.retrieval.service import DataRetrievalService

__all__ = ["DataRetrievalService"]
