"""Stores keep rows in layers; which row is the truth is decided above them."""
