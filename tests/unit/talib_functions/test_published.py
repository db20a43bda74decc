"""Values that others published."""

from itertools import chain

import numpy as np
import pytest

from barledger.indicators.talib import indicators

ALL = {one.name: one for one in indicators()}

# The 252 daily closes that TA-Lib's own regression tests are computed on.
_ROWS = """
91.5 94.815 94.375 95.095 93.78 94.625 92.53 92.75 90.315 92.47 96.125 97.25 98.5 89.875 91 92.815 89.155 89.345 91.625
89.875 88.375 87.625 84.78 83 83.5 81.375 84.44 89.25 86.375 86.25 85.25 87.125 85.815 88.97 88.47 86.875 86.815 84.875
84.19 83.875 83.375 85.5 89.19 89.44 91.095 90.75 91.44 89 91 90.5 89.03 88.815 84.28 83.5 82.69 84.75 85.655 86.19
88.94 89.28 88.625 88.5 91.97 91.5 93.25 93.5 93.155 91.72 90 89.69 88.875 85.19 83.375 84.875 85.94 97.25 99.875
104.94 106 102.5 102.405 104.595 106.125 106 106.065 104.625 108.625 109.315 110.5 112.75 123 119.625 118.75 119.25
117.94 116.44 115.19 111.875 110.595 118.125 116 116 112 113.75 112.94 116 120.5 116.62 117 115.25 114.31 115.5 115.87
120.69 120.19 120.75 124.75 123.37 122.94 122.56 123.12 122.56 124.62 129.25 131 132.25 131 132.81 134 137.38 137.81
137.88 137.25 136.31 136.25 134.63 128.25 129 123.87 124.81 123 126.25 128.38 125.37 125.69 122.25 119.37 118.5 123.19
123.5 122.19 119.31 123.31 121.12 123.37 127.37 128.5 123.87 122.94 121.75 124.44 122 122.37 122.94 124 123.19 124.56
127.25 125.87 128.86 132 130.75 134.75 135 132.38 133.31 131.94 130 125.37 130.13 127.12 125.19 122 125 123 123.5 120.06
121 117.75 119.87 122 119.19 116.37 113.5 114.25 110 105.06 107 107.87 107 107.12 107 91 93.94 93.87 95.5 93 94.94 98.25
96.75 94.81 94.37 91.56 90.25 93.94 93.62 97 95 95.87 94.06 94.62 93.75 98 103.94 107.87 106.06 104.5 105 104.19 103.06
103.42 105.27 111.87 116 116.62 118.28 113.37 109 109.7 109.25 107 109.19 110 109.2 110.12 108 108.62 109.75 109.81 109
108.75 107.87
"""
DAILY = np.array(list(chain.from_iterable(map(float, row.split()) for row in _ROWS.splitlines())))
# The closes of StockCharts ChartSchool's example of RSI.
CHARTSCHOOL = np.array(
    [
        *(44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931),
        *(46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521),
        *(45.7137, 46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672, 43.4205, 42.6628, 43.1314),
    ]
)


def test_there_are_as_many_closes_as_the_library_has() -> None:
    assert len(DAILY) == 252


def test_the_rsi_of_the_library_s_own_tests() -> None:
    (rsi,) = ALL["rsi"].compute(DAILY, timeperiod=14)
    assert np.isnan(rsi[:14]).all()
    np.testing.assert_allclose(rsi[[14, 15, 16, 251]], [49.14, 52.32, 46.07, 49.63], atol=0.01)


def test_the_cmo_of_the_library_s_own_tests() -> None:
    (cmo,) = ALL["cmo"].compute(DAILY, timeperiod=14)
    assert cmo[14] == pytest.approx(-1.70, abs=0.01)


@pytest.mark.parametrize(("fast", "slow"), [(12, 26), (26, 12)])
def test_the_macd_of_the_library_s_own_tests(fast: int, slow: int) -> None:
    lines = ALL["macd"].compute(DAILY, fastperiod=fast, slowperiod=slow, signalperiod=9)
    assert all(np.isnan(line[:33]).all() for line in lines)
    np.testing.assert_allclose([line[33] for line in lines], [-1.9738, -2.7071, -1.9738 + 2.7071], atol=0.01)


def test_the_rsi_of_chartschool() -> None:
    (rsi,) = ALL["rsi"].compute(CHARTSCHOOL, timeperiod=14)
    np.testing.assert_allclose(rsi[14:18], [70.53, 66.32, 66.55, 69.41], atol=0.01)
    np.testing.assert_allclose(rsi[30:], [37.30, 33.08, 37.77], atol=0.05)
