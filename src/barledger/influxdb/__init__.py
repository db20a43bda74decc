"""InfluxDB's HTTP dialect, the one that 1.x and 2.x share: requests, refusals, names on the wire, answers.

It knows nothing of how barledger lays out its own bars: the store does, and the source for other people's tables does
not have to.
"""
