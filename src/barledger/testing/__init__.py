"""Contracts that every store, ledger and source must pass, for the authors of plug-ins.

Inherit a suite, give it the fixture that it asks for, and run it with pytest::

    from barledger.testing import StoreContract

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self):
            return MyStore(...)
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "LedgerContract": "barledger.testing.ledger",
    "SourceContract": "barledger.testing.source",
    "StoreContract": "barledger.testing.store",
    "StoreMachine": "barledger.testing.stateful",
}

__all__ = ["LedgerContract", "SourceContract", "StoreContract", "StoreMachine"]


def __getattr__(name: str) -> Any:
    """Import a suite when it is first used, because pytest and hypothesis are needed for it."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)
