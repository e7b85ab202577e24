"""What the core may use of Python and of its libraries, by name. All else needs a reason.

Each is exact, or exactly rounded on every processor, and depends on its arguments alone.
"""

from __future__ import annotations

MODULES: dict[str, frozenset[str]] = {
    module: frozenset(names.split())
    for module, names in {
        "__future__": "annotations",
        "abc": "ABC abstractmethod",
        "base64": "b32decode b32encode b64decode b64encode",
        "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
        "collections": "Counter OrderedDict defaultdict deque namedtuple",
        "collections.abc": "Callable Collection Container Generator Hashable Iterable Iterator"
        " Mapping MutableMapping MutableSequence Sequence Sized",
        "dataclasses": "dataclass field fields replace",
        "datetime": "UTC date datetime time timedelta timezone tzinfo",
        "decimal": "Context Decimal DivisionByZero Inexact InvalidOperation MAX_EMAX MIN_EMIN"
        " MAX_PREC Overflow ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN ROUND_HALF_EVEN"
        " ROUND_HALF_UP ROUND_UP",
        "enum": "Enum IntEnum StrEnum auto unique",
        "fractions": "Fraction",
        "functools": "cache cached_property lru_cache partial reduce total_ordering",
        "hashlib": "blake2b sha256 sha512",
        "heapq": "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest",
        "itertools": "accumulate chain combinations compress count cycle dropwhile filterfalse"
        " groupby islice pairwise permutations product repeat starmap takewhile zip_longest",
        # Exactly rounded; the others differ in the last bit between libraries.
        "math": "ceil comb copysign fabs factorial floor frexp fsum gcd inf isfinite isinf isnan"
        " isqrt lcm ldexp nan perm prod sqrt trunc",
        "msgspec": "Struct UNSET UnsetType field structs",
        "msgspec.structs": "asdict astuple fields replace",
        "numpy": "abs add all any append arange argmax argmin argsort array array_equal"
        " ascontiguousarray asarray bincount bool_ ceil clip column_stack concatenate copyto"
        " count_nonzero cumsum diag diff divide divmod dtype empty empty_like equal eye"
        " fill_diagonal flatnonzero float64 floor frexp full full_like greater greater_equal hstack"
        " inf int32 int64 intp isfinite isinf isnan ix_ ldexp less less_equal lexsort"
        " logical_and logical_not logical_or matmul maximum max min minimum multiply nan ndarray"
        " negative newaxis nonzero not_equal ones ones_like outer packbits repeat rint"
        " searchsorted sign sort sqrt stack subtract sum take tile triu triu_indices tril uint32"
        " uint64 uint8 unpackbits vstack where zeros zeros_like",
        "numpy.typing": "ArrayLike NDArray",
        "operator": "attrgetter itemgetter mul",
        "re": "compile fullmatch",
        "string": "ascii_letters ascii_lowercase ascii_uppercase digits",
        "types": "MappingProxyType",
        "typing": "Any ClassVar Final Generic Literal NamedTuple Never NewType NoReturn Optional"
        " Protocol Self TYPE_CHECKING TypeAlias TypeGuard TypeVar Union assert_never cast final"
        " get_args overload",
        "zoneinfo": "ZoneInfo",
    }.items()
}
# Those that have ways to the clock: never handed on as values, only called and asked by name.
CLOCKS = frozenset({"datetime.date", "datetime.datetime", "datetime.time"})
BUILTINS = frozenset(
    "ArithmeticError AssertionError Ellipsis Exception IndexError KeyError LookupError"
    " NotImplemented OverflowError RuntimeError StopIteration TypeError ValueError"
    " ZeroDivisionError __name__ abs all any bin bool bytearray bytes callable chr classmethod dict"
    " divmod enumerate filter float format frozenset getattr hasattr hex int isinstance issubclass"
    " iter len list map max min next object oct ord pow property range reversed round set setattr"
    " slice sorted staticmethod str sum super tuple type zip".split()
)
# Why others are not, where the name alone does not say it.
BUILTINS_REFUSED = {
    "__import__": "imports by name",
    "breakpoint": "is I/O",
    "eval": "runs text",
    "exec": "runs text",
    "hash": "differs between runs (PYTHONHASHSEED)",
    "id": "differs between runs",
    "input": "is I/O",
    "open": "is I/O",
    "print": "is I/O",
    "repr": "shows an address where a class has no text of its own: it differs between runs",
}
# Attributes that lead out, whatever they are asked of.
ATTRIBUTES_REFUSED = {
    **dict.fromkeys("now today utcnow".split(), "reads the wall clock"),
    **dict.fromkeys(
        "ctime fromtimestamp strptime timestamp utcfromtimestamp timetuple".split(),
        "depends on the machine's zone or language",
    ),
    # Methods and numpy functions of transcendental kind.
    **dict.fromkeys(
        "arccos arcsin arctan arctan2 cbrt cos cosh exp exp2 expm1 float_power ln log log10 log1p"
        " log2 logaddexp pow power sin sinh tan tanh".split(),
        "is transcendental: its last bit differs between libraries",
    ),
    **dict.fromkeys(
        "fft linalg memmap polynomial random".split(), "differs between processors or runs"
    ),
    **dict.fromkeys(
        "environ getenv urandom getpid cpu_count".split(), "reads the process or machine"
    ),
    **dict.fromkeys(
        "ag_frame cr_frame f_back f_builtins f_globals f_locals gi_frame tb_frame".split(),
        "leads to everything that Python has",
    ),
    "from_float": "makes money of a float",
}
# Methods that change what they are asked of.
CHANGES = frozenset(
    "add append appendleft clear discard extend insert pop popitem popleft remove reverse"
    " setdefault sort update".split()
)
DUNDERS = frozenset(
    "__class__ __getitem__ __init__ __name__ __new__ __struct_config__ __struct_fields__".split()
)
