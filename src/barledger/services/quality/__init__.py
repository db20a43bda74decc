"""Quality: how good bars are, by five metrics, and whether they are still what they were."""

from barledger.services.quality.budget import VerificationBudget
from barledger.services.quality.report import LibraryQuality, QualityHistory, QualityReport, Summary
from barledger.services.quality.service import QualityService
from barledger.services.quality.verifying import Advance, LibraryVerification

__all__ = [
    "Advance",
    "LibraryQuality",
    "LibraryVerification",
    "QualityHistory",
    "QualityReport",
    "QualityService",
    "Summary",
    "VerificationBudget",
]
