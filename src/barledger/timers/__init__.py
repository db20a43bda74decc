"""Timers: what wakes the runner of the schedule."""
