"""Specs of TA-Lib's functions give what TA-Lib gives."""

import numpy as np
import pandas as pd
import pytest
import talib

from barledger.errors import IndicatorNotFound, InvalidSpec, ParameterInvalid, ParameterUnknown
from barledger.indicators.frame import calculate
from walks import Floats, walk

BARS = walk(11, 500)
FRAME = pd.DataFrame(BARS, index=pd.date_range("2024-01-01", periods=500, freq="1min", tz="UTC"))
OPEN, HIGH, LOW, CLOSE, VOLUME = (BARS[name] for name in ("open", "high", "low", "close", "volume"))

SPECS: dict[str, Floats] = {
    "rsi(9)": talib.RSI(CLOSE, 9),
    "sma(rsi(14), 9)": talib.SMA(talib.RSI(CLOSE, 14), 9),
    "ema(volume, 50)": talib.EMA(VOLUME, 50),
    "ma(20, t3)": talib.MA(CLOSE, 20, matype=8),
    "ma(20, matype=rma)": talib.MA(CLOSE, 20, matype=13),
    "bbands(20, 2.5).upper": talib.BBANDS(CLOSE, 20, 2.5, 2.5)[0],
    "bbands(20, 2.5).lowerband": talib.BBANDS(CLOSE, 20, 2.5, 2.5)[2],
    "bollinger(period=10, nbdevdn=1).lower": talib.BBANDS(CLOSE, 10, 2, 1)[2],
    "stoch(14, 3, ema, 3, wma).d": talib.STOCH(HIGH, LOW, CLOSE, 14, 3, 1, 3, 2)[1],
    "macd.histogram": talib.MACD(CLOSE)[2],
    "macd(fast=5, slow=20).signal": talib.MACD(CLOSE, 5, 20)[1],
    "aroon(25).up": talib.AROON(HIGH, LOW, 25)[1],
    "heikin_ashi.open": talib.HA(OPEN, HIGH, LOW, CLOSE)[0],
    "supertrend(7, 2).trend": np.where(np.arange(500) < 7, np.nan, talib.SUPERTREND(HIGH, LOW, CLOSE, 7, 2)[1]),
    "donchian(10).middle": talib.DONCHIAN(HIGH, LOW, 10)[1],
    "correl(close, volume, 20)": talib.CORREL(CLOSE, VOLUME, 20),
    "mavp(close, periods, 3, 20, ema)": talib.MAVP(CLOSE, BARS["periods"], 3, 20, 1),
    "obv": talib.OBV(CLOSE, VOLUME),
    "hl2": talib.MEDPRICE(HIGH, LOW),
    "max(high, 55)": talib.MAX(HIGH, 55),
    "engulfing": np.where(np.arange(500) < 2, np.nan, talib.CDLENGULFING(OPEN, HIGH, LOW, CLOSE)),
}


@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_gives_what_the_library_gives(spec: str) -> None:
    np.testing.assert_array_equal(calculate(spec, FRAME)[spec].to_numpy(), SPECS[spec])


def test_several_outputs_are_columns_by_their_short_names() -> None:
    found = calculate(["macd", "bbands(20, 2)", "rsi"], FRAME)
    wanted = ["macd.macd", "macd.signal", "macd.histogram"]
    wanted += ["bbands(20, 2).upper", "bbands(20, 2).middle", "bbands(20, 2).lower", "rsi"]
    assert list(found.columns) == wanted


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        ("rsi(1)", ParameterInvalid, "timeperiod of rsi cannot be 1"),
        ("rsi(100001)", ParameterInvalid, "timeperiod of rsi cannot be 100001"),
        ("ma(20, alma)", ParameterInvalid, "matype of ma cannot be 'alma'"),
        ("t3(5, 1.5)", ParameterInvalid, "vfactor of t3 cannot be 1.5"),
        ("rsi(lenght=14)", ParameterUnknown, "rsi has no parameter 'lenght'"),
        ("macd.hisotgram", ParameterUnknown, "macd has no output 'hisotgram'"),
        ("obv(14)", InvalidSpec, "obv takes 0 parameters"),
        ("rsii(14)", IndicatorNotFound, "did you mean rsi"),
    ],
)
def test_what_cannot_be_meant_is_refused(spec: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        calculate(spec, FRAME)


def test_no_bars_give_no_values() -> None:
    for spec in ("rsi", "macd.macd", "obv", "engulfing", "add"):
        assert calculate(spec, FRAME.iloc[:0])[spec].tolist() == []
