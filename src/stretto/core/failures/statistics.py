"""Running statistics of submits and acknowledgements, in integers.

Feed the health score of DESIGN §4.3. Knows nothing of accounts or venues.
"""

from __future__ import annotations

from stretto.core.values import NS_PER_MS, PPM

_RELIABILITY_SHARE = 16
_QUANTILE_STEPS = 100


def reliability_after(reliability: int, success: bool) -> int:
    """Exponentially weighted share of good submits (1e-6) after one more, which weighs 1/16."""
    return reliability + ((PPM if success else 0) - reliability) // _RELIABILITY_SHARE


def latency_after(p95_ns: int, latency_ns: int) -> int:
    """Running 95th percentile of a latency (ns) after one more observation.

    Stochastic quantile estimation (Robbins and Monro 1951): up by 19 steps when above, down by one
    when below, which rests where one in twenty lies above. The first observation is taken whole.
    """
    if p95_ns == 0:
        return max(1, latency_ns)
    step = max(p95_ns // _QUANTILE_STEPS, NS_PER_MS // 10)
    if latency_ns > p95_ns:
        return min(latency_ns, p95_ns + 19 * step)
    return max(1, latency_ns, p95_ns - step)
