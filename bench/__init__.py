"""Benchmarks: tables with medians, never a timed test. ``python -m bench`` runs them all."""

import stretto  # noqa: F401 - before numpy: it says how many threads linear algebra may use
