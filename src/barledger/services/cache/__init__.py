"""DataCacheService and the commit and read protocol beneath it."""

from barledger.services.cache.service import DataCacheService

__all__ = ["DataCacheService"]
