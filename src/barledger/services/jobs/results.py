"""Results in files: each job that makes some has a folder in the data folder."""

import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from barledger.errors import JobFileNotFound, StoreUnwritable

_FOLDER: Final = "jobs"
_UNFINISHED: Final = ".unfinished-"


def jobs_folder(home: Path) -> Path:
    """Return where the folders of all jobs are."""
    return home.expanduser().absolute() / _FOLDER


@contextmanager
def written(folder: Path) -> Iterator[Path]:
    """Give a folder to write into, whose files become the job's at the end; raises `StoreUnwritable`.

    A process that died, or that somebody took for dead, leaves nothing in the job's own folder.
    """
    beside = folder.with_name(f"{_UNFINISHED}{folder.name}-{uuid.uuid4().hex[:8]}")
    try:
        beside.mkdir(parents=True, mode=0o700)
        yield beside
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    except OSError as error:
        raise StoreUnwritable(url=str(folder), detail=error.strerror or str(error)) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def files_of(folder: Path) -> dict[str, Any]:
    """Return the files of a job with their sizes, and on which machine they are."""
    found = sorted(one for one in folder.iterdir() if one.is_file())
    return {"files": [{"name": one.name, "bytes": one.stat().st_size} for one in found], "host": socket.gethostname()}


def file_of(folder: Path, result: Any, name: str) -> Path:
    """Return a file that a job's result names; raises `JobFileNotFound`."""
    known = {one["name"] for one in result.get("files", ())}
    path = folder / name
    if name not in known or not path.is_file():
        raise JobFileNotFound(job=folder.name, file=name, host=str(result.get("host", "another machine")))
    return path


def remove(home: Path, job_ids: list[str]) -> None:
    """Remove the files of jobs that are forgotten, and what dead processes left of them."""
    folder = jobs_folder(home)
    for job_id in job_ids:
        shutil.rmtree(folder / job_id, ignore_errors=True)
        for left in folder.glob(f"{_UNFINISHED}{job_id}-*"):
            shutil.rmtree(left, ignore_errors=True)
