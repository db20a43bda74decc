"""Benchmarks: ratios against peers and limits, through the public calls; ``python -m benchmarks`` runs them."""
