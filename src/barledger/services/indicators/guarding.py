"""Guarding: whether other processes can import the script that is running without starting others in turn."""

import ast
import sys
from pathlib import Path
from types import FrameType

from barledger.errors import InvalidSetting

_NAME = "__name__"


def check_guarded() -> None:
    """Raise `InvalidSetting` if what runs now would run again in every other process, because these import the script.

    That is so for what a script does outside of functions and of ``if __name__ == "__main__":``. Nothing is imported
    of what has no file, such as a notebook or an interactive session.
    """
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    if main is None or path is None or _is_package(main):
        return
    frame = _running(vars(main), path)
    if frame is not None and not _is_guarded(Path(path), frame.f_lineno):
        raise InvalidSetting(
            setting="processes",
            reason=f"each would import {Path(path).name}, and ask for processes again at its line {frame.f_lineno}",
            advised=f"Put what the script does under `if {_NAME} == '__main__':`, or leave processes out.",
        )


def _is_package(main: object) -> bool:
    """Tell whether it is run by ``python -m package``: that is not imported again."""
    name = getattr(getattr(main, "__spec__", None), "name", None)
    return isinstance(name, str) and name.rpartition(".")[2] == "__main__"


def _running(module: object, path: str) -> FrameType | None:
    """Return where the script itself is, if it is what has led here."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - there is no other way to see who is calling
    while frame is not None:
        code = frame.f_code
        if code.co_name == "<module>" and frame.f_globals is module and code.co_filename == path:
            return frame
        frame = frame.f_back
    return None


def _is_guarded(script: Path, line: int) -> bool:
    """Tell whether a line stands under a condition on ``__name__``; what cannot be read may be."""
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return True
    return any(
        isinstance(node, ast.If) and _asks_for_name(node.test) and node.lineno <= line <= (node.end_lineno or line)
        for node in ast.walk(tree)
    )


def _asks_for_name(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == _NAME for node in ast.walk(test))
