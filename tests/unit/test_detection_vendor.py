"""Detection on a vendor's real errors, and on its answers without any."""

import numpy as np
import pandas as pd
import pytest

import barledger
from vendor import Label, labels

TOLERANCE = {"Volume": 1e-6, "Dividends": 1e-6}


@pytest.mark.parametrize("label", labels(clean=False), ids=str)
def test_a_wrong_answer_is_found_and_rightly_named(label: Label) -> None:
    report = barledger.inspect(label.wrong())
    likely = [one for one in report.findings if one.confidence >= 0.5]
    assert {one.kind for one in likely} == {label.kind}
    first = min(one.start for one in likely)
    last = max(one.end for one in likely)
    assert str(first.date()) == label.first
    assert str((last - pd.Timedelta(1, "ns")).date()) >= label.last
    assert label.factor is not None
    for one in likely:
        assert one.factor == pytest.approx(label.factor, rel=1e-3)


@pytest.mark.parametrize("label", labels(clean=False), ids=str)
def test_the_correction_is_the_published_one(label: Label) -> None:
    wrong, right = label.wrong(), label.right()
    corrected = barledger.inspect(wrong).corrected
    assert list(corrected.columns) == list(wrong.columns)
    pd.testing.assert_series_equal(corrected.iloc[:, 0], wrong.iloc[:, 0])
    for name in corrected.columns[1:]:
        np.testing.assert_allclose(
            corrected[name].to_numpy(float), right[name].to_numpy(float), rtol=TOLERANCE.get(name, 2e-6), err_msg=name
        )


@pytest.mark.parametrize("label", labels(clean=False), ids=str)
def test_what_is_corrected_is_not_found_again(label: Label) -> None:
    again = barledger.inspect(barledger.inspect(label.wrong()).corrected)
    assert [one for one in again.findings if one.confidence >= 0.5] == []


@pytest.mark.parametrize("label", labels(clean=False), ids=str)
def test_the_published_correction_has_no_likely_fault(label: Label) -> None:
    assert barledger.inspect(label.right()).ok


@pytest.mark.parametrize("label", labels(clean=True), ids=str)
def test_a_clean_answer_has_no_likely_fault(label: Label) -> None:
    report = barledger.inspect(label.wrong())
    assert report.ok, str(report)
    pd.testing.assert_frame_equal(report.corrected, label.wrong())


@pytest.mark.parametrize("label", labels(clean=False), ids=str)
def test_the_evidence_shows_the_bars_around(label: Label) -> None:
    finding = barledger.inspect(label.wrong()).findings[0]
    assert finding.evidence["bars"]
    assert finding.rule
