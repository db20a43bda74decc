"""The machine and the versions that a run's figures belong to."""

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_PACKAGES: Final = ("barledger", "numpy", "pandas", "pyarrow", "arcticdb", "polars", "influxdb-client")


def facts() -> dict[str, str]:
    """Return what may matter for speed, and nothing that names the machine."""
    found = {
        "cores": str(os.cpu_count()),
        "processor": _from_proc("/proc/cpuinfo", "model name") or platform.machine(),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "load before the run": f"{os.getloadavg()[0]:.1f} (of this and other work; ratios bear it, times do not)",
        "python": f"{platform.python_version()}, {_origin()}",
    }
    found |= {package: _version(package) for package in _PACKAGES}
    return found | {"influxd": _influxd()}


def _origin() -> str:
    """Return whose interpreter it is: that of a system is optimised by a profile, which makes Python a fifth faster."""
    return "the system's own" if sys.base_prefix == "/usr" else "not the system's own"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _memory() -> str:
    kilobytes = _from_proc("/proc/meminfo", "MemTotal").split(" ")[0]
    return f"{int(kilobytes) / 2**20:.0f} GiB" if kilobytes else "unknown"


def _from_proc(path: str, key: str) -> str:
    file = Path(path)
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def _influxd() -> str:
    binary = shutil.which("influxd")
    if binary is None:
        return "not installed"
    told = subprocess.run([binary, "version"], capture_output=True, text=True, check=False).stdout.split()
    return next((word for word in told if word[:1] in {"v", "1", "2"} and "." in word), "unknown")
