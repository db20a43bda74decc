"""Files to read."""

from pathlib import Path

import pytest

from layouts import Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file and give its path."""

    def writing(content: str | bytes, name: str = "bars.csv") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return writing
