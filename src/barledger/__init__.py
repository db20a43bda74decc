"""barledger."""
