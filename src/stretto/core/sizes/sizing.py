"""Size of one account's order: base, limits, dispersion, and the rounding of prices (DESIGN §4.5).

Dispersion limits concentration and the impact of equal orders; it is stated in the plan and counts
for no firm rule. Quantities are Decimal base units (lots x contract size). Must not know accounts
beyond their id, where a limit came from, or the market. Arithmetic is exact: it runs in a context
of its own, so that nothing outside can change a digit. ``total_size`` splits totals.
"""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, ROUND_DOWN, Context, Decimal
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from stretto.core.errors import check
from stretto.core.limits import DISPERSION_MAX, DISPERSION_MIN
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.values import PPM, ZERO, Side, draw, draw_below

# Wide enough for any product of three 28-digit numbers; costs nothing on short ones.
EXACT = Context(prec=240, rounding=ROUND_DOWN, Emin=MIN_EMIN, Emax=MAX_EMAX)
_HUNDRED = Decimal(100)
_PPM = Decimal(PPM)
# Steps and prices beyond these magnitudes are no market's; quantities saturate instead.
_STEP_EXPONENT_MAX = 18
_MULTIPLES_DIGITS_MAX = 30


class SizeLimits(Struct, frozen=True, kw_only=True):
    """What an order of one account may be, in base units.

    ``step`` is the lot step (> 0), ``minimum`` the smallest order (≥ 0), ``maximum`` the smallest
    of all limits the caller knows (position, margin, risk, firm, venue) and ``maximum_rule`` the
    name of the one that binds. A maximum may be 0 or negative: no room. ``dispersion_*`` bound the
    deviation from base, 1e-6 of it. Raises InvariantViolated.
    """

    step: Decimal
    minimum: Decimal
    maximum: Decimal
    maximum_rule: str = "lot_max"
    dispersion_min: int = DISPERSION_MIN
    dispersion_max: int = DISPERSION_MAX

    def __post_init__(self) -> None:
        finite = self.step.is_finite() and self.minimum.is_finite() and self.maximum.is_finite()
        check(finite, "size limits must be finite")
        check(
            self.step > 0 and abs(self.step.adjusted()) <= _STEP_EXPONENT_MAX,
            "the lot step must be positive and of a market's magnitude",
        )
        check(0 < self.dispersion_min < self.dispersion_max < PPM, "no band to disperse in")
        check(self.minimum >= 0, "the minimum lot must not be negative")

    @property
    def least(self) -> int:
        """The smallest allowed number of steps, at least 1."""
        return max(1, steps_up(self.minimum, self.step))

    @property
    def most(self) -> int:
        """The largest allowed number of steps; 0 where there is no room."""
        return steps_down(self.maximum, self.step)

    def quantity(self, steps: int) -> Decimal:
        """``steps`` lot steps in base units."""
        return EXACT.multiply(Decimal(steps), self.step)


class Counted(NamedTuple):
    """A size asked for, the smallest and the largest allowed, in lot steps."""

    steps: int
    least: int
    most: int


class Dispersal(StrEnum):
    """Whether a size was moved off its base, and if not, why."""

    DISPERSED = "dispersed"
    NO_MULTIPLE_IN_BAND = "no_multiple_in_band"
    LIMITS = "limits"
    NO_COUNTERPART = "no_counterpart"
    NOT_ASKED = "not_asked"


class Sized(Struct, frozen=True, kw_only=True, gc=False):
    """A size and how it came about, base units.

    ``requested`` is what the size mode asked for, ``base`` the same on the lot grid and clipped to
    the maximum (``clipped_by`` names the rule), ``size`` what is sent. ``variance_applied_ppm`` is
    the realised deviation (size - base) / base, truncated toward zero.
    """

    account_id: str
    requested: Decimal
    base: Decimal
    size: Decimal
    variance_applied_ppm: int
    dispersal: Dispersal
    clipped_by: str | None = None

    @property
    def reason(self) -> str:
        """What was done, in names: for example ``clipped_by:position_limit, dispersed``."""
        clipped = f"clipped_by:{self.clipped_by}, " if self.clipped_by is not None else ""
        return clipped + self.dispersal.value


def steps_down(value: Decimal, step: Decimal) -> int:
    """Whole steps in ``value``, exactly; 0 for a negative one; saturates at 1e30."""
    if value <= 0:
        return 0
    if value.adjusted() - step.adjusted() >= _MULTIPLES_DIGITS_MAX:
        return int(10**_MULTIPLES_DIGITS_MAX)
    return int(EXACT.divide_int(value, step))


def steps_up(value: Decimal, step: Decimal) -> int:
    """Smallest number of steps not below ``value``, exactly; saturates at 1e30 + 1."""
    if value <= 0:
        return 0
    if value.adjusted() - step.adjusted() < -1:
        return 1
    steps = steps_down(value, step)
    return steps + (EXACT.multiply(Decimal(steps), step) < value)


def per_account(quantity: Decimal, size_factor_ppm: int, step: Decimal) -> Decimal:
    """``quantity`` (base units) x profile size factor (1e-6), floored to ``step``."""
    product = EXACT.multiply(quantity, Decimal(size_factor_ppm))
    steps = steps_down(product, EXACT.multiply(step, _PPM))
    return EXACT.multiply(Decimal(steps), step)


def risk_percent(
    equity: Decimal,
    percent: Decimal,
    stop_distance: Decimal,
    value_per_unit: Decimal,
    size_factor_ppm: int,
    step: Decimal,
) -> Decimal:
    """Base units that lose ``percent`` % of ``equity`` x size factor at the stop, floored to step.

    ``stop_distance`` is in price, from the rounded stop; ``value_per_unit`` what one base unit
    gains per 1.0 of price, in the account's currency (both > 0). An equity ≤ 0 gives 0.
    """
    check(stop_distance > 0 and value_per_unit > 0, "stop distance and value must be positive")
    numerator = EXACT.multiply(EXACT.multiply(equity, percent), Decimal(size_factor_ppm))
    per_unit = EXACT.multiply(EXACT.multiply(stop_distance, value_per_unit), _PPM * _HUNDRED)
    steps = steps_down(numerator, EXACT.multiply(per_unit, step))
    return EXACT.multiply(Decimal(steps), step)


def _below_minimum(account_id: str, rule: str, observed: Decimal, minimum: Decimal) -> Refusal:
    return Refusal(
        rule=Rule.SIZE_NOT_REPRESENTABLE,
        account_id=account_id,
        compared={"reason": "below_minimum_lot", rule: str(observed), "minimum_lot": str(minimum)},
        would_pass=f"{rule} of at least {minimum}",
    )


def band(base_steps: int, limits: SizeLimits) -> tuple[int, int]:
    """Smallest and largest deviation in steps that is 5–15 % of ``base_steps``; may be empty."""
    least, most = limits.dispersion_min, limits.dispersion_max
    return -(-base_steps * least // PPM), base_steps * most // PPM


def disperse(
    requested: Decimal,
    limits: SizeLimits,
    *,
    book_key: str,
    execution_id: str,
    account_id: str,
    counted: Counted | None = None,
) -> Sized | Refusal:
    """The size drawn evenly among the lot multiples 5–15 % off base and inside all limits.

    ``requested`` is clipped to the maximum first and the deviation counts from there; where no
    multiple qualifies the size stays at base and ``dispersal`` says why. The profile's size factor
    belongs in ``requested``; ``counted`` are both in steps, where at hand. Refusal:
    ``size_not_representable``, where the quantity or the binding maximum is below the minimum lot.
    Source: DESIGN §4.5.
    """
    steps, least, most = counted or count_steps(requested, limits)
    if steps < least:
        return _below_minimum(account_id, "quantity", requested, limits.quantity(least))
    if most < least:
        return _below_minimum(
            account_id, limits.maximum_rule, limits.maximum, limits.quantity(least)
        )
    base = min(steps, most)
    low, high = band(base, limits)
    down_from, up_to = max(base - high, least), min(base + high, most)
    down, up = max(0, base - low - down_from + 1), max(0, up_to - (base + low) + 1)
    size, dispersal = base, Dispersal.DISPERSED
    if low > high:
        dispersal = Dispersal.NO_MULTIPLE_IN_BAND
    elif down + up == 0:
        dispersal = Dispersal.LIMITS
    else:
        index = draw_below(down + up, draw(book_key, execution_id, account_id, "size"))
        size = down_from + index if index < down else base + low + index - down
    return Sized(
        account_id=account_id,
        requested=requested,
        base=limits.quantity(base),
        size=limits.quantity(size),
        variance_applied_ppm=variance_ppm(base, size),
        dispersal=dispersal,
        clipped_by=limits.maximum_rule if steps > most else None,
    )


def count_steps(requested: Decimal, limits: SizeLimits) -> Counted:
    """A size and its limits in lot steps: the same for all accounts that share them."""
    return Counted(steps_down(requested, limits.step), limits.least, limits.most)


def variance_ppm(base_steps: int, size_steps: int) -> int:
    """(size - base) / base in 1e-6, truncated toward zero; base >= 1."""
    deviation = abs(size_steps - base_steps) * PPM // base_steps
    return deviation if size_steps >= base_steps else -deviation


def round_limit_price(price: Decimal, side: Side, tick: Decimal) -> Decimal:
    """Passively to the tick grid: a buy down, a sell up, so that it never pays more than asked.

    A buy below one tick becomes 0, which the caller must refuse; so for the other roundings.
    """
    return _to_tick(price, tick, upward=side is Side.SELL)


def round_stop(stop: Decimal, entry_side: Side, tick: Decimal) -> Decimal:
    """A stop loss toward entry: a buy's up, a sell's down, so that it never risks more than asked.

    A stop within one tick of entry can reach or cross it; the caller must compare again. Size is
    computed from the rounded stop.
    """
    return _to_tick(stop, tick, upward=entry_side is Side.BUY)


def round_take_profit(target: Decimal, entry_side: Side, tick: Decimal) -> Decimal:
    """A take profit toward entry: a buy's down, a sell's up, so that it is reached no later."""
    return _to_tick(target, tick, upward=entry_side is Side.SELL)


def _to_tick(price: Decimal, tick: Decimal, *, upward: bool) -> Decimal:
    check(tick > 0, "the tick must be positive")
    if price <= ZERO:
        return ZERO
    steps = steps_up(price, tick) if upward else steps_down(price, tick)
    return EXACT.multiply(Decimal(steps), tick)
