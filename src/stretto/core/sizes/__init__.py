"""Prices and sizes of entries: rounding, limits, dispersion, totals."""
