"""A sound file becomes settings in the core's units."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from stretto.brokers.sim_config import RejectCode, SimVenueConfig
from stretto.config import (
    EcbMarket,
    QuoteFiles,
    Settings,
    failure_sections,
    read_settings,
    sections,
    venue_sections,
)
from stretto.config.completion_sections import COMPLETION
from stretto.config.problems import Problems
from stretto.config.rulebooks import builtin_names, builtin_rulebook
from stretto.config.section import Section
from stretto.core.terms.account import (
    Account,
    AccountMode,
    ExecutionProfile,
    PositionMode,
    SymbolTerms,
)
from stretto.core.terms.failure import FailureRow, FailureTable
from stretto.core.terms.market import Instrument
from stretto.core.terms.policy import (
    Anchor,
    BookConfig,
    CompletionPolicy,
    FailurePolicy,
    LossLimit,
    Permission,
    Policy,
    Rulebook,
)
from stretto.core.terms.report import TimeInForce
from stretto.core.terms.venue import VenueCapabilities
from stretto.core.values import NS_PER_MS, NS_PER_S, parse_iso
from tests.unit.config.books import SOUND, spoilt, write


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path))
    assert settings.book.book_id == "b"
    assert settings.book.policy == Policy(accounts_max=8)
    assert settings.market == EcbMarket(day="2014-05-02")
    assert settings.journal == str(tmp_path / "stretto.sqlite")
    assert list(settings.book.rulebooks) == ["granite-evaluation", "own"]
    assert settings.venues["east"].seed == 3
    first, second = settings.book.accounts.values()
    assert (first.account_id, first.firm, first.owner, first.currency) == ("a1", "F", "o1", "USD")
    assert (second.currency, second.initial_balance) == ("EUR", Decimal(100_000))


def test_units_become_the_cores_exactly(tmp_path: Path) -> None:
    text = spoilt(
        (
            "accounts_max = 8",
            """
            accounts_max = 8
            correlation_threshold = 0.65
            dispersion_percent_min = 6.25
            dispersion_percent_max = "12.5"
            margin_level_percent_min = 133.3333
            heartbeat_age_s_max = 2.5
            tick_age_s_max = 0.000000001
            exposure_max = 1e6
            """,
        ),
        ("seed = 3", "latency_request_ms = [0.5, 70]\nrequote_percent = 0.25\nheartbeat_s = 2"),
    )
    settings = read_settings(write(tmp_path, text))
    policy = settings.book.policy
    assert policy.correlation_threshold == 650_000
    assert (policy.dispersion_min, policy.dispersion_max) == (62_500, 125_000)
    assert policy.margin_level_min == 1_333_333
    assert (policy.heartbeat_age_ns_max, policy.tick_age_ns_max) == (5 * NS_PER_S // 2, 1)
    assert str(policy.exposure_max) == "1000000"
    options = settings.venues["east"].options
    assert options["latency_request_ns"] == (NS_PER_MS // 2, 70 * NS_PER_MS)
    assert (options["requote_ppm"], options["heartbeat_ns"]) == (2_500, 2 * NS_PER_S)


@pytest.mark.requirement("P6")
def test_accounts_differ_in_terms_of_the_same_symbol(tmp_path: Path) -> None:
    text = SOUND + (
        'symbols.EURUSD = { venue_symbol = "EURUSD.x", contract_size = 10_000, lot_step = "0.1",'
        " lot_min = 0.3, lot_max = 200, stop_distance_pips_min = 1.5 }\n"
        "profile = { pace = 0.75 }\n"
        'mode = "close_only"\n'
        'position_mode = "netting"\n'
    )
    book = read_settings(write(tmp_path, text)).book
    assert book.accounts["a1"].symbols == {
        "EURUSD": SymbolTerms(
            venue_symbol="EURUSD",
            contract_size=Decimal(100_000),
            lot_step=Decimal("0.01"),
            lot_min=Decimal("0.01"),
            lot_max=Decimal(50),
            margin_rate=Decimal("0.033333333334"),
        )
    }
    other = book.accounts["a2"]
    assert other.symbols == {
        "EURUSD": SymbolTerms(
            venue_symbol="EURUSD.x",
            contract_size=Decimal(10_000),
            lot_step=Decimal("0.1"),
            lot_min=Decimal("0.3"),
            lot_max=Decimal(200),
            margin_rate=Decimal("0.033333333334"),
            stop_distance_min=Decimal("0.00015"),
        )
    }
    assert other.symbols["EURUSD"].minimum == 3_000
    assert other.profile == ExecutionProfile(pace=750_000)
    assert (other.mode, other.position_mode) == (AccountMode.CLOSE_ONLY, PositionMode.NETTING)


def test_later_templates_lie_over_earlier_ones(tmp_path: Path) -> None:
    text = spoilt(
        ('template = ["base"]', 'template = ["base", "fast"]\nprofile.aggression = 0.9'),
        (
            "[accounts.a1]",
            "[account_templates.fast]\nprofile = { pace = 0.5, aggression = 0.1 }\n"
            "symbols.EURUSD.lot_max = 7\n[accounts.a1]",
        ),
    )
    account = read_settings(write(tmp_path, text)).book.accounts["a2"]
    assert account.profile == ExecutionProfile(pace=500_000, aggression=900_000)
    terms = account.symbols["EURUSD"]
    assert (terms.lot_max, terms.contract_size) == (Decimal(7), Decimal(100_000))


def test_instruments_name_their_hours_and_venues_their_maintenance(tmp_path: Path) -> None:
    text = spoilt(
        ("[instruments.GBPUSD]", '[instruments.GBPUSD]\ncalendar = "CMES"\npauses = ["16:00-17:00'
         ' America/Chicago"]'),
        ("seed = 3", 'maintenance = ["23:55-00:05 Europe/Athens"]\n[venues.west]'),
    )  # fmt: skip
    book = read_settings(write(tmp_path, text)).book
    assert book.instruments["EURUSD"].session_calendar == "fx_week"
    pound = book.instruments["GBPUSD"]
    assert (pound.calendar, pound.pauses) == ("CMES", ("16:00-17:00 America/Chicago",))
    assert pound.session_calendar == "CMES without 16:00-17:00 America/Chicago"
    assert book.maintenance == {"east": ("23:55-00:05 Europe/Athens",)}
    always = spoilt(("[instruments.GBPUSD]", '[instruments.GBPUSD]\ncalendar = "always_open"'))
    found = read_settings(write(tmp_path, always)).book
    assert found.instruments["GBPUSD"].calendar == "always_open"
    assert found.maintenance == {}


def test_a_rulebook_may_stand_in_a_file_or_inline(tmp_path: Path) -> None:
    (tmp_path / "firms").mkdir()
    (tmp_path / "firms/mine.toml").write_text(
        'firm = "M"\nprogramme = "P"\nphase = "x"\nversion = "2"\nsource = "page"\n'
        'as_of = "2026-03-01"\nday_reset = "17:00"\nday_zone = "America/New_York"\n'
        'automation = "allowed"\nclauses = { automation = "yes" }\n'
        'daily_loss = { percent = 4.5, percent_of = "day_start", anchor = "higher",'
        ' clause = "c" }\n'
    )
    text = spoilt(
        ('"builtin:granite-evaluation"', '"builtin:granite-evaluation", "firms/mine.toml"')
    )
    rulebooks = read_settings(write(tmp_path, text)).book.rulebooks
    assert rulebooks["mine"] == Rulebook(
        rulebook_id="mine",
        firm="M",
        programme="P",
        phase="x",
        version="2",
        source="page",
        as_of="2026-03-01",
        day_reset="17:00",
        day_zone="America/New_York",
        automation=Permission.ALLOWED,
        clauses={"automation": "yes"},
        daily_loss=LossLimit(
            percent=Decimal("4.5"), percent_of="day_start", anchor=Anchor.HIGHER, clause="c"
        ),
    )
    assert rulebooks["own"].copy_within_owner is Permission.UNKNOWN


def test_the_rulebooks_shipped_are_of_invented_firms_and_dated() -> None:
    names = builtin_names()
    assert names == ("granite-evaluation", "harbour-funded", "northfield-brokerage")
    for name in names:
        rulebook = builtin_rulebook(name)
        assert "Example" in rulebook.firm
        assert rulebook.source.startswith("Invented example")
        assert rulebook.version
        assert rulebook.as_of
        assert rulebook.daily_loss is not None
        assert rulebook.daily_loss.clause


def test_quote_files_are_found_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "EURUSD-20140502.csv").write_text("time_utc,bid,ask\n")
    text = spoilt(
        (
            'kind = "ecb"\nday = 2014-05-02',
            'kind = "files"\nquotes = ["EURUSD-20140502.csv"]\nstart = 2014-05-02T06:00:00Z',
        )
    )
    assert read_settings(write(tmp_path, text)).market == QuoteFiles(
        quotes=(str(tmp_path / "EURUSD-20140502.csv"),), start=parse_iso("2014-05-02T06:00:00Z")
    )


def test_symbols_know_their_pips_and_others_are_told(tmp_path: Path) -> None:
    text = spoilt(
        (
            "[instruments.GBPUSD]",
            "[instruments.XAUUSD]\n[instruments.USDJPY]\n[instruments.US500]\n"
            'base = "SPX"\nquote = "USD"\npip = 0.1\ntick = 0.05\n',
        )
    )
    found = read_settings(write(tmp_path, text)).book.instruments
    steps = {symbol: (str(each.pip), str(each.tick)) for symbol, each in found.items()}
    assert steps == {
        "EURUSD": ("0.0001", "0.00001"),
        "XAUUSD": ("0.01", "0.001"),
        "USDJPY": ("0.01", "0.001"),
        "US500": ("0.1", "0.05"),
    }
    assert (found["XAUUSD"].base_currency, found["XAUUSD"].quote_currency) == ("XAU", "USD")


def test_settings_survive_the_journals_json(repository: Path) -> None:
    settings = read_settings(repository / "examples/three-firms.toml")
    stored = msgspec.json.encode(settings)
    assert msgspec.json.decode(stored, type=Settings) == settings


def test_the_example_is_a_book_of_twelve_accounts_at_three_firms(repository: Path) -> None:
    settings = read_settings(repository / "examples/three-firms.toml")
    book = settings.book
    assert len(book.accounts) == 12
    assert len({account.firm for account in book.accounts.values()}) == 3
    assert {account.venue for account in book.accounts.values()} == set(settings.venues)
    sizes = {
        (terms.contract_size, terms.lot_step)
        for account in book.accounts.values()
        for terms in account.symbols.values()
    }
    assert len(sizes) == 2
    owners = [account.owner for account in book.accounts.values()]
    assert len(set(owners)) < len(owners)


# --- what is written down twice, held together


def fields(section: Section) -> set[str]:
    return {key.field for key in section.keys}


DERIVED_OF_BOOK = {
    "maintenance",
    "capabilities",
    "policy",
    "instruments",
    "rulebooks",
    "accounts",
    "failure_tables",
}


@pytest.mark.parametrize(
    ("section", "struct", "derived"),
    [
        (sections.POLICY, Policy, set()),
        (failure_sections.FAILURES, FailurePolicy, set()),
        (COMPLETION, CompletionPolicy, set()),
        (failure_sections.FAILURE_CODE, FailureRow, set()),
        (failure_sections.FAILURE_TABLE, FailureTable, {"name"}),
        (sections.RULEBOOK, Rulebook, {"rulebook_id"}),
        (sections.LOSS_LIMIT, LossLimit, set()),
        (sections.PROFILE, ExecutionProfile, set()),
        (sections.ACCOUNT, Account, {"account_id"}),
        (sections.INSTRUMENT, Instrument, {"symbol"}),
        (sections.BOOK, BookConfig, DERIVED_OF_BOOK),
    ],
)
def test_every_setting_of_the_core_can_be_configured(
    section: Section, struct: type[msgspec.Struct], derived: set[str]
) -> None:
    assert fields(section) - {"journal", "extends"} == set(struct.__struct_fields__) - derived


@pytest.mark.parametrize(
    ("section", "struct"),
    [
        (sections.POLICY, Policy),
        (failure_sections.FAILURES, FailurePolicy),
        (COMPLETION, CompletionPolicy),
        (sections.LOSS_LIMIT, LossLimit),
        (sections.PROFILE, ExecutionProfile),
    ],
)
def test_defaults_are_those_of_the_core(section: Section, struct: type[msgspec.Struct]) -> None:
    values = section.read({}, "", Problems("defaults"))
    if struct is Policy:
        values["failures"] = FailurePolicy(**values["failures"])
        values["completion"] = CompletionPolicy(**values["completion"])
    assert struct(**values) == struct()


def test_the_simulated_venue_takes_every_option_and_has_the_same_defaults(tmp_path: Path) -> None:
    text = spoilt(("seed = 3", ""))
    options = read_settings(write(tmp_path, text)).venues["east"].options
    assert set(options) == set(SimVenueConfig.__struct_fields__) - {"venue"}
    built = msgspec.convert({"venue": "sim", **options}, SimVenueConfig)
    assert built == SimVenueConfig()
    assert all(isinstance(code, RejectCode) for code in built.reject_ppm)
    assert set(venue_sections.REJECT_CODES) == {code.value for code in RejectCode}
    # Left to the makers of adapters: the book's ids are no numbers, accounts state their own mode.
    declared = {key.field for key in venue_sections.CAPABILITIES.keys}
    left_out = {"numeric_ids", "position_modes"}
    assert declared | left_out == set(VenueCapabilities.__struct_fields__)


def test_what_a_venue_declares_of_itself_reaches_its_settings(tmp_path: Path) -> None:
    stated = """exec_ids_daily = true
deciding_ms = [20, 400]
capabilities = { absence_is_proof = true, settle_time_s = 90, times_in_force = ["day", "ioc"] }
"""
    options = read_settings(write(tmp_path, spoilt(("seed = 3", stated)))).venues["east"].options
    built = msgspec.convert({"venue": "sim", **options}, SimVenueConfig)
    assert built == SimVenueConfig(
        exec_ids_daily=True,
        deciding_ns=(20_000_000, 400_000_000),
        capabilities=VenueCapabilities(
            absence_is_proof=True,
            settle_time_ns=90_000_000_000,
            times_in_force=(TimeInForce.DAY, TimeInForce.IOC),
        ),
    )
