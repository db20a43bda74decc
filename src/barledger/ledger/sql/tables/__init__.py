"""The ledger's tables. Times and revisions are ns since the epoch; digests are 32 bytes."""
