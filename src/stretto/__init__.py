"""Stretto: a trade execution orchestrator. See docs/architecture.md for the map."""

import os

# A book has one writer on one core. Threads of the linear algebra library would only contend with
# it; this has to be said before numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
