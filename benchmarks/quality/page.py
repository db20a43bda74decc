"""The page of figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.quality.vendor import Pair


def written(
    pairs: Sequence[Pair],
    errors: Mapping[str, Sequence[tuple[Any, Any]]],
    clean: Mapping[str, Sequence[Any]],
    shares: Sequence[tuple[str, str, str, float]],
    count: int,
) -> str:
    """Return the page."""
    return "\n".join(
        [
            "# How well errors within a series are found",
            "",
            "Made by `make quality` (`python -m benchmarks.quality`). A finding counts from a confidence of 0.5 on; it",
            "is *certain* from 0.95 on. How each kind is found, and how confidence is made, is in",
            "[detection](detection.md).",
            "",
            *_vendor(pairs),
            *_shares(shares),
            *_errors(errors, count),
            *_clean(clean, count),
        ]
    )


def _vendor(pairs: Sequence[Pair]) -> list[str]:
    lines = [
        "## A vendor's real errors",
        "",
        "Wrong answers of one vendor with their published corrections, and three of its answers without a fault (test data",
        "of yfinance, Apache-2.0). *Off* is the largest relative difference between our corrected frame and the published",
        "one, over all cells. The method was made with these files at hand: they show that it does them, not more.",
        "",
        "| file | expected | found | confidence | factor | published | off |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in pairs:
        told = ", ".join(one.told) or "nothing"
        factor = "" if one.factor is None else f"{one.factor:.6g}"
        published = "" if np.isnan(one.published) else f"{one.published:g}"
        off = "" if one.kind == "clean" else f"{one.worst:.0e}" if one.worst else "0"
        lines.append(f"| {one.name} | {one.kind} | {told} | {one.confidence:.2f} | {factor} | {published} | {off} |")
    return [*lines, ""]


def _shares(shares: Sequence[tuple[str, str, str, float]]) -> list[str]:
    lines = [
        "## Real splits that nobody told of",
        "",
        "The sample's shares as traded, without events or Adj Close. All are real splits of 2:1 but 2000-09-29, when Apple",
        "fell to 0.48 of its price by itself.",
        "",
        "| share, vintage | day | volume | confidence |",
        "|---|---|---|---|",
    ]
    lines += [f"| {name} | {day} | {what} | {sure:.2f} |" for name, day, what, sure in shares]
    return [*lines, ""]


def _errors(errors: Mapping[str, Sequence[tuple[Any, Any]]], count: int) -> list[str]:
    lines = [
        "## Errors made here",
        "",
        f"{count} cases of each kind, by a seed that the method was not made with: into windows of 12 to 600 real bars (the",
        "sample's shares, the vendor's clean and corrected answers) and random ones, in shuffled order. *Corrected*: every",
        "price of the corrected frame within 1e-5, Adj Close within 1e-3, volume within 1 % and dividends within 3 % of the",
        "frame as it was before. The ways in which errors are made are those that the method was made with, and so are most of",
        "the series: other errors, and other series, may fare worse. *Factor*: the median relative error of the factor. *Others*: likely findings of other",
        "kinds, for each case.",
        "",
        "| error | kind | found | rightly named | certain | corrected | factor | others |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for results in errors.values():
        case = results[0][0]
        scores = [one for _, one in results]
        others = Counter(kind for one in scores for kind in one.others)
        told = ", ".join(f"{kind} {number / count:.2f}" for kind, number in others.most_common(2)) or "none"
        off = [one.factor_off for one in scores if one.factor_off is not None]
        factor = f"{np.median(off):.0e}" if off and np.median(off) > 1e-12 else "0" if off else ""
        lines.append(
            f"| {case.name} | {case.kind} | {_share(one.found for one in scores)} | {_share(one.named for one in scores)} | "
            f"{_share(one.confidence >= 0.95 for one in scores)} | {_share(one.corrected for one in scores)} | {factor} | {told} |"
        )
    return [*lines, "", *NOTES, ""]


def _clean(clean: Mapping[str, Sequence[Any]], count: int) -> list[str]:
    lines = [
        "## Series without a fault",
        "",
        f"{count} of each kind, by the same seed: how many have a likely finding, how many a certain one, and of what kind.",
        "",
        "| series | with a likely finding | with a certain one | kinds |",
        "|---|---|---|---|",
    ]
    for name, scores in clean.items():
        kinds = Counter(kind for one in scores for kind in set(one.others))
        told = ", ".join(f"{kind} {number}" for kind, number in kinds.most_common(3)) or "none"
        likely, certain = _share(bool(one.others) for one in scores), _share(bool(one.certain) for one in scores)
        lines.append(f"| {name.replace('_', ' ')} | {likely} | {certain} | {told} |")
    return [*lines, ""]


def _share(values: Any) -> str:
    return f"{100 * np.mean(list(values)):.0f} %"


NOTES = [
    "What is hard, and why:",
    "",
    "- a dividend of a hundredth, from which Adj Close was made as well, leaves no trace but its size beside the others;",
    "- a large dividend that never was looks like one in another unit: prices show neither, and a hundredth of it could",
    "  have been paid. Only its rhythm tells, if the series has one;",
    "- of two equal dividends in one week, both in Adj Close, either can be the copy where the price does not tell;",
    "- a dividend that stands at another row than its step in Adj Close: if its fall is lost in the noise, Adj Close could",
    "  be the one that is displaced;",
    "- weeks as traded: within the week of a split neither gap nor range tells, and small ratios are ordinary moves;",
    "- a split of 1.3:1 in a file of 20 rows is hardly more than what a share moves in a bad week.",
]
