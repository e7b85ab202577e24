"""Stretto: a trade execution orchestrator. See docs/architecture.md for the map."""

import os
from pathlib import Path

__version__ = "0.1.0"

_KEPT_BYTES = 1 << 24
_NEEDS_AVX512 = frozenset({"skylakex", "cooperlake", "sapphirerapids"})


def _settle_linear_algebra() -> None:
    """Say how OpenBLAS may work; this has to happen before numpy is first imported.

    One thread: a book has one writer on one core, more would only contend with it. And no kernels
    that this processor cannot run: OpenBLAS obeys OPENBLAS_CORETYPE and dies of an illegal
    instruction. Results do not depend on either (see ``core.correlations.factors``).
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if os.environ.get("OPENBLAS_CORETYPE", "").lower() in _NEEDS_AVX512:
        cpu = Path("/proc/cpuinfo")
        if cpu.exists() and "avx512f" not in cpu.read_text(errors="replace"):
            del os.environ["OPENBLAS_CORETYPE"]


def _keep_freed_memory() -> None:
    """Let the process keep the pages that it frees, for the next plan needs as many.

    The allocator of glibc raises what it keeps to the size of the largest block that was ever freed
    (mallopt(3), ``M_MMAP_THRESHOLD``). One block that nobody touches costs nothing, and saves
    hundreds of page faults in every plan. Elsewhere it changes nothing.
    """
    bytes(_KEPT_BYTES)


_settle_linear_algebra()
_keep_freed_memory()
