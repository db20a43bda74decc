"""The audit log: reading it, signing it, proving it, and checking all of that."""

from barledger.services.audit.log import AuditLog, verify_audit, verify_evidence

__all__ = ["AuditLog", "verify_audit", "verify_evidence"]
