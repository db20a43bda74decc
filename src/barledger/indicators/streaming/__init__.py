"""Streaming: indicators that go on bar by bar, equal to the batch bit for bit.

`Live` is one object for one or several specs; below it a `Handle` for each indicator, TA-Lib's own or one with a state
of ours, and above it `services.indicators.live`, which opens one on stored history and follows a series with it.
"""
