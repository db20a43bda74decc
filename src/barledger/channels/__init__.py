"""Channels: how a notice reaches people. `contract` says what one promises, `file` is the one to read first."""
