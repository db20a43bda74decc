"""The six services, over stores, ledger and sources by their contracts alone."""
