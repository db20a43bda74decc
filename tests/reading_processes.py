"""Processes that read from a server, and share what they keep."""

import multiprocessing
from pathlib import Path

from barledger.remote.opening import open_remote
from barledger.settings import Settings


def read_again_and_again(url: str, key: str, folder: Path, wanted: str, failed: "multiprocessing.Queue[str]") -> None:
    try:
        settings = Settings(remote_cache_dir=folder, remote_cache=150_000)
        with open_remote(url, key=key, settings=settings) as remote:
            for at in range(60):
                remote.bars("IBM", "1d", last=1 + at % 40)
                found = remote.bars("AAPL", "1d").digest
                if found != wanted:
                    failed.put(f"{found} is not {wanted}")
    except Exception as error:  # noqa: BLE001 - whatever it is, the test tells
        failed.put(repr(error))
