"""A malformed file ends in one message that names every place, what was found and expected."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.config import MalformedInput, read_settings, reader
from stretto.config.toml_file import parse_toml
from stretto.core.errors import InvalidInput
from tests.unit.config.books import SOUND, problems, spoilt, write
from tests.unit.config.faults import FAULTS


@pytest.mark.parametrize(("old", "new", "says"), FAULTS)
def test_each_fault_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    found = problems(tmp_path, spoilt((old, new)))
    assert any(says in line for line in found), found


def test_every_problem_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    text = spoilt(
        ('id = "b"', ""),
        ("accounts_max = 8", "accounts_max = -1"),
        ("seed = 3", "sed = 3"),
        ('venue = "east"', 'venue = "est"'),
    )
    with pytest.raises(MalformedInput) as caught:
        read_settings(write(tmp_path, text))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"{tmp_path / 'book.toml'}: 5 problems")
    for place in ("book.id", "policy.accounts_max", "venues.east.sed", "a1.venue", "a2.venue"):
        assert any(place in line for line in lines[1:]), place


def test_a_fault_in_a_template_is_named_once(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, spoilt(("lot_max = 50", 'lot_max = "many"')))
    assert line.startswith("account_templates.base.symbols.EURUSD.lot_max: is 'many', which is no")


def test_no_more_than_twenty_problems_are_shown(tmp_path: Path) -> None:
    text = SOUND + "".join(f"[accounts.b{n}]\n" for n in range(10))
    with pytest.raises(MalformedInput) as caught:
        read_settings(write(tmp_path, text))
    lines = str(caught.value).splitlines()
    assert len(caught.value.problems) == 50
    assert len(lines) == 22
    assert lines[-1].strip() == "and 30 more"


def test_a_problem_in_an_included_rulebook_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('firm = "M"\nprograme = "P"\n')
    text = spoilt(('"builtin:granite-evaluation"', '"mine.toml"'))
    with pytest.raises(MalformedInput, match=r"mine\.toml: programe: is no known key"):
        read_settings(write(tmp_path, text))


def test_too_many_accounts_are_refused(tmp_path: Path) -> None:
    text = SOUND + "".join(f"[accounts.b{n}]\n" for n in range(9_999))
    assert problems(tmp_path, text) == ["accounts: has 10001 accounts; expected at most 10000"]


def test_exposure_needs_a_way_to_the_books_currency(tmp_path: Path) -> None:
    text = spoilt(
        ('currency = "USD"\n\n[policy]', 'currency = "CHF"\n\n[policy]'),
        ("accounts_max = 8", "exposure_max = 100"),
    )
    assert (
        "policy.exposure_max: no way to convert USD of EURUSD to CHF" in problems(tmp_path, text)[0]
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[book\n", r"book\.toml: is no TOML: .*line 1"),
        (b"x = 1\nx = 2\n", r"book\.toml: is no TOML: .*line 2"),
        (b"a = 1\n\xff\n", r"book\.toml:2: is not UTF-8"),
        (b"x = " + b"[" * 100_000, r"book\.toml: is nested too deeply"),
        (b"x = 1e99999999999999999999999", r"book\.toml: has a number out of range"),
        (b"x = " + b"9" * 5_000, r"book\.toml: has a number out of range"),
        (b"", r"book\.toml: 6 problems\n  book: is missing"),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "book.toml"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=says):
        read_settings(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"gone\.toml: there is no such file"):
        read_settings(tmp_path / "gone.toml")
    with pytest.raises(InvalidInput, match=r"is a directory"):
        read_settings(tmp_path)
    with pytest.raises(InvalidInput, match=r"cannot be read"):
        read_settings(tmp_path / "nul\0.toml")


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | st.text(max_size=8)
    | st.dates()
    | st.times()
    | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=5,
)
PLACES = [
    "book policy market instruments venues rulebooks accounts account_templates".split(),
    *(["book", key] for key in ("id", "currency", "journal")),
    *(["policy", key] for key in ("weight_margin", "exposure_max", "accounts_max")),
    *(["market", key] for key in ("kind", "start", "days")),
    *(["venues", "east", key] for key in ("reject_percent", "latency_report_ms")),
    *(["rulebooks", "own", key] for key in ("daily_loss", "day_zone", "clauses", "firm")),
    *(["account_templates", "base", key] for key in ("symbols", "profile", "venue")),
    *(["accounts", "a1", key] for key in ("template", "symbols", "profile", "firm")),
    *([*path] for path in (("venues", "east"), ("rulebooks", "include"), ("accounts", "a1"))),
    ["account_templates", "base", "symbols", "EURUSD"],
    ["account_templates", "base", "symbols", "EURUSD", "lot_min"],
]
PLACES = [[name] for name in PLACES[0]] + PLACES[1:]


@given(place=st.sampled_from(PLACES), junk=JUNK)
def test_whatever_stands_anywhere_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, place: list[str], junk: object
) -> None:
    tables = parse_toml(SOUND.encode(), "book.toml")
    parent = tables
    for name in place[:-1]:
        parent = parent[name]
    parent[place[-1]] = junk
    text = ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "load_toml", lambda _path: tables)
        try:
            settings = read_settings(tmp_path_factory.getbasetemp() / "book.toml")
        except MalformedInput as error:
            text = str(error)
        else:
            assert len(settings.book.accounts) >= 1
    assert not text or "book.toml: " in text
    assert text.replace("\n", "").isprintable()


def test_a_rulebook_is_stated_once(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        'firm = "F"\nprogramme = "P"\nphase = "x"\nversion = "1"\nsource = "s"\nas_of = 2026-01-02'
    )
    text = spoilt(('"builtin:granite-evaluation"', '"own.toml", "own.toml"'))
    assert problems(tmp_path, text) == [
        "rulebooks.include[1]: names 'own' again; expected each rulebook once",
        "rulebooks.own: is included already; expected each rulebook once",
    ]
