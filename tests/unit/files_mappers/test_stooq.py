"""Files of Stooq."""

import numpy as np
import pytest

from barledger.errors import DataNotFound, MissingColumns, NaiveTimes
from layouts import Write, mapper_of, read, stamps

STOOQ_NAMES = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"


def stooq(*lines: str) -> str:
    return "\r\n".join([STOOQ_NAMES, *lines]) + "\r\n"


def test_a_file_of_stooq_needs_no_other_name(write: Write) -> None:
    path = write(
        stooq("AAPL.US,D,20240102,000000,1,2,0.5,1.5,100,0", "AAPL.US,D,20240103,000000,1,2,0.5,1.5,100,0"),
        "aapl.us.txt",
    )
    assert stamps(read(path)) == ["2024-01-02 00:00", "2024-01-03 00:00"]
    assert mapper_of(path) == "stooq"


def test_a_file_of_stooq_with_many_tickers_and_lengths_gives_what_is_asked(write: Write) -> None:
    lines = [
        f"{ticker},{period},{day},{time},1,2,0.5,{close},100,0"
        for ticker, close in (("AAPL.US", 1.25), ("IBM.US", 1.75))
        for day in ("20240102", "20240103")
        for period, time in (("D", "000000"), ("5", "153500"), ("5", "154000"))
    ]
    path = write(stooq(*lines), "all.txt")
    assert read(path, instrument="IBM").close.tolist() == [1.75] * 2
    found = read(path, "5m", instrument="AAPL", zone="Europe/Warsaw")
    assert stamps(found) == ["2024-01-02 14:35", "2024-01-02 14:40", "2024-01-03 14:35", "2024-01-03 14:40"]
    with pytest.raises(NaiveTimes):
        read(path, "5m")
    with pytest.raises(DataNotFound, match=r"has no bars of 1h, but of 5, D"):
        read(path, "1h", zone="UTC")
    with pytest.raises(DataNotFound, match="no MSFT in column '<TICKER>'"):
        read(path, instrument="MSFT")


def test_times_of_stooq_keep_their_leading_noughts(write: Write) -> None:
    path = write(stooq("EURUSD,5,20240102,000500,1,2,0.5,1.5,0,0", "EURUSD,5,20240102,093000,1,2,0.5,1.5,0,0"), "e.txt")
    assert stamps(read(path, "5m", instrument="EURUSD", zone="UTC")) == ["2024-01-02 00:05", "2024-01-02 09:30"]


def test_the_other_form_of_stooq(write: Write) -> None:
    path = write("Date,Open,High,Low,Close,Volume\r\n2024-01-02,1,2,0.5,1.5,100\r\n")
    assert len(read(path)) == len(read(path, mapper="stooq")) == 1
    index = write("Date,Open,High,Low,Close\r\n2024-01-02,1,2,0.5,1.5\r\n")
    with pytest.raises(MissingColumns, match="no column volume"):
        read(index)
    assert np.isnan(read(index, mapper="stooq").volume).all()
    polish = write("Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\r\n2024-01-02,1,2,0.5,1.5,100\r\n")
    assert read(polish).close.tolist() == [1.5]
