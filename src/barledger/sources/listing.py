"""The listing: what there is to know of the registered sources without asking them for bars."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from inspect import Parameter, Signature, cleandoc, signature
from typing import Any, Final

from barledger.errors import BarledgerError
from barledger.sources.contract import SourceDeclaration
from barledger.sources.registry import GROUP

_REQUIREMENT: Final = re.compile(r"\s*([A-Za-z0-9._-]+)[^;]*;.*extra\s*==\s*['\"]([^'\"]+)['\"]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of a source; ``default`` is as Python writes it, None if it has to be given."""

    name: str
    default: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What there is to know of one source.

    ``help`` explains the options. ``package`` is what it needs beyond barledger's own requirements, and ``installed``
    that package's version, empty if it is not there. ``declaration`` is None where it depends on options that have to
    be given, and for a source that cannot be loaded, of which ``problem`` says why.
    """

    name: str
    about: str
    help: str = ""
    options: tuple[Option, ...] = ()
    package: str = ""
    installed: str = ""
    declaration: SourceDeclaration | None = None
    problem: str = ""


def list_sources() -> list[Listing]:
    """Return every registered source by name; one that cannot be loaded is listed with the reason."""
    return [_listed(entry) for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)]


def _listed(entry: EntryPoint) -> Listing:
    package = _package_of(entry)
    installed = _version_of(package)
    try:
        factory = entry.load()
    except Exception as error:  # noqa: BLE001 - whatever a plug-in raises, the others are listed
        problem = f"{type(error).__name__}: {error}"
        return Listing(name=entry.name, about="", package=package, installed=installed, problem=problem)
    options = tuple(_options(signature(factory)))
    declaration, problem = _declared(factory, options)
    return Listing(
        name=entry.name,
        about=cleandoc(factory.__doc__ or "").partition("\n")[0],
        help=cleandoc(getattr(factory.__init__, "__doc__", None) or "").partition("\n\n")[2],
        options=options,
        package=package,
        installed=installed,
        declaration=declaration,
        problem=problem,
    )


def _options(taken: Signature) -> Iterator[Option]:
    """Give what a caller can choose; functions, such as clocks, are passed in by tests."""
    for one in taken.parameters.values():
        given = one.default is Parameter.empty or not callable(one.default)
        if given and one.kind not in {Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL}:
            yield Option(name=one.name, default=None if one.default is Parameter.empty else repr(one.default))


def _declared(factory: Any, options: tuple[Option, ...]) -> tuple[SourceDeclaration | None, str]:
    example = getattr(factory, "example", {})
    if any(option.default is None and option.name not in example for option in options):
        return None, ""
    try:
        made = factory(**example)
        declaration: SourceDeclaration = made.declaration
        made.close()
    except BarledgerError as error:
        return None, str(error)
    return declaration, ""


def _package_of(entry: EntryPoint) -> str:
    """Return what the extra that is called like the source requires, if there is such an extra."""
    required = (entry.dist.requires if entry.dist is not None else None) or []
    matches = (_REQUIREMENT.match(text) for text in required)
    return next((match[1] for match in matches if match is not None and match[2] == entry.name), "")


def _version_of(package: str) -> str:
    try:
        return version(package) if package else ""
    except PackageNotFoundError:
        return ""
