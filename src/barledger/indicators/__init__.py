"""Indicators: specs, what they mean, and how they are computed on columns of bars."""
