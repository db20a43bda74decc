"""The ledger keeps the promises: revisions, snapshots, digests and the audit log, in SQL."""
