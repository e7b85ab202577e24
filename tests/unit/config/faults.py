"""Ways to spoil the sound configuration: what stands in it, what instead, and what is said."""

from __future__ import annotations

TERMS = "symbols.EURUSD = { contract_size = 100_000, lot_step = 0.01, lot_max = 50, leverage = 30 }"
FAULTS = [
    # unknown keys and tables
    (
        "accounts_max = 8",
        "acounts_max = 8",
        "policy.acounts_max: is no known key; expected 'accounts_max', which is nearest",
    ),
    ("[policy]", "[polcy]", "polcy: is no known table; expected 'policy', which is nearest"),
    (
        "seed = 3",
        "sede = 3",
        "venues.east.sede: is no known key; expected 'seed', which is nearest",
    ),
    (
        TERMS,
        TERMS.replace("lot_step", "lotstep"),
        "account_templates.base.symbols.EURUSD.lotstep: is no known key; expected 'lot_step'",
    ),
    # missing
    ('id = "b"', "", "book.id: is missing; expected text"),
    ("day = 2014-05-02", "", 'market.day: is missing; expected day for kind "ecb"'),
    ('owner = "o1"', "", "accounts.a1.owner: is missing; expected text"),
    # when something trades
    (
        "[instruments.GBPUSD]",
        '[instruments.GBPUSD]\ncalendar = "XNYC"',
        "instruments.GBPUSD.calendar: is 'XNYC', which is no calendar; expected 'XNYS', which is",
    ),
    (
        "[instruments.GBPUSD]",
        '[instruments.GBPUSD]\ncalendar = "fx week"',
        "is 'fx week', which is no calendar; expected 'fx_week', which is nearest",
    ),
    (
        "[instruments.GBPUSD]",
        '[instruments.GBPUSD]\ncalendar = "on weekdays, mostly"',
        "expected fx_week, always_open or the code of an exchange, like XNYS or CMES",
    ),
    (
        "[instruments.GBPUSD]",
        "[instruments.GBPUSD]\ncalendar = 24",
        "instruments.GBPUSD.calendar: is 24; expected fx_week, always_open or the code",
    ),
    (
        "[instruments.GBPUSD]",
        '[instruments.GBPUSD]\npauses = ["17:00-18:00"]',
        "instruments.GBPUSD.pauses[0]: is '17:00-18:00'; expected a daily window with its zone,",
    ),
    (
        "[instruments.GBPUSD]",
        '[instruments.GBPUSD]\npauses = ["17:00-24:00 UTC"]',
        "instruments.GBPUSD.pauses[0]: is '17:00-24:00 UTC'; expected a daily window",
    ),
    (
        "seed = 3",
        'maintenance = ["22:00-22:05 UTC", "08:00-08:00 UTC"]',
        "venues.east.maintenance[1]: is '08:00-08:00 UTC', which would never end",
    ),
    (
        "seed = 3",
        'maintenance = ["08:00-09:00 Mars/Olympus"]',
        "whose zone Mars/Olympus is unknown; expected an IANA zone, like America/New_York",
    ),
    (
        "seed = 3",
        'maintenance = ["08:00-09:00 ../tzdata/UTC"]',
        "venues.east.maintenance[0]: is '08:00-09:00 ../tzdata/UTC'; expected a daily window",
    ),
    (
        "seed = 3",
        'maintenance = "08:00-09:00 UTC"',
        "venues.east.maintenance: is '08:00-09:00 UTC'; expected a list of 0 to 8",
    ),
    (
        "seed = 3",
        "deciding_ms = [400, 20]",
        "venues.east.deciding_ms: has the larger first; expected [least, most]",
    ),
    (
        "seed = 3",
        "capabilities.numeric_ids = true",
        "venues.east.capabilities.numeric_ids: is no known key",
    ),
    (
        "seed = 3",
        "capabilities.times_in_force = []",
        "venues.east.capabilities.times_in_force: is a list of 0; expected a list of 1 to 4",
    ),
    # wrong types and values
    (
        'owner = "o1"',
        'owner = "o1"\nprofile.aggression = 0.05',
        "accounts.a1.profile.aggression: is 0.05; expected a fraction from 0.1 to 1",
    ),
    (
        "accounts_max = 8",
        'accounts_max = "eight"',
        "policy.accounts_max: is 'eight'; expected a whole",
    ),
    ("accounts_max = 8", "accounts_max = true", "policy.accounts_max: is true; expected a whole"),
    (
        "accounts_max = 8",
        "accounts_max = 8.5",
        "policy.accounts_max: is 8.5; expected a whole number",
    ),
    (
        "accounts_max = 8",
        "accounts_max = 0",
        "policy.accounts_max: is 0; expected a whole number from 1",
    ),
    (
        "accounts_max = 8",
        "accounts_max = 10_001",
        "is 10001; expected a whole number from 1 to 10000",
    ),
    ("accounts_max = 8", "exposure_max = nan", "policy.exposure_max: is NaN, which is not finite"),
    (
        "accounts_max = 8",
        "exposure_max = -inf",
        "policy.exposure_max: is -Infinity, which is not finite",
    ),
    (
        "accounts_max = 8",
        "exposure_max = -5",
        "policy.exposure_max: is -5; expected a number above 0",
    ),
    (
        "accounts_max = 8",
        "exposure_max = 0",
        "policy.exposure_max: is 0; expected a number above 0",
    ),
    (
        "accounts_max = 8",
        "exposure_max = 1e40",
        "is 1E+40; expected at most 15 digits before the point",
    ),
    (
        "accounts_max = 8",
        'exposure_max = "1,5"',
        "policy.exposure_max: is '1,5', which is no number",
    ),
    (
        "accounts_max = 8",
        "correlation_threshold = 1.1",
        "is 1.1; expected a fraction above 0, at most 1",
    ),
    (
        "accounts_max = 8",
        "correlation_threshold = 0.12345678",
        "is 0.12345678; expected a fraction with at most 6 digits after the point",
    ),
    (
        "accounts_max = 8",
        "dispersion_percent_min = 15",
        "policy.dispersion_percent_min: is 15; expected less than dispersion_percent_max, 15",
    ),
    (
        "accounts_max = 8",
        "weight_margin = 0.31",
        "policy: the five weights sum to 1.01 (0.31 + 0.25 + 0.2 + 0.15 + 0.1); expected 1",
    ),
    ('currency = "USD"\n\n[policy]', 'currency = "usd"\n\n[policy]', "book.currency: is 'usd'"),
    ('id = "b"', 'id = "b\\u0007"', "book.id: is 'b\\x07', with control or invisible characters"),
    (
        'id = "b"',
        f'id = "{"x" * 129}"',
        "of 129 characters; expected text of at most 128 characters",
    ),
    ('id = "b"', 'id = ""', "book.id: is '', which is empty"),
    ("seed = 3", 'kind = "fix"', "venues.east.kind: is 'fix'; expected one of simulated"),
    (
        "seed = 3",
        "latency_report_ms = [9, 5]",
        "venues.east.latency_report_ms: has the larger first",
    ),
    (
        "seed = 3",
        "latency_report_ms = 5",
        "venues.east.latency_report_ms: is 5; expected a list of 2",
    ),
    (
        "seed = 3",
        "reject_percent = { off_quote = 1 }",
        "venues.east.reject_percent.off_quote: is 'off_quote'; expected 'off_quotes'",
    ),
    (
        "seed = 3",
        "requote_percent = 99.9",
        "venues.east: requote_percent and reject_percent sum to 100.4; expected together",
    ),
    ("as_of = 2026-01-02", 'as_of = "2026-02-30"', "rulebooks.own.as_of: is '2026-02-30'"),
    (
        "as_of = 2026-01-02",
        'as_of = 2026-01-02\nday_reset = "24:00"',
        "rulebooks.own.day_reset: is",
    ),
    (
        "as_of = 2026-01-02",
        'as_of = 2026-01-02\nday_zone = "Mars/Base"',
        "rulebooks.own.day_zone: is 'Mars/Base', which is no known zone",
    ),
    ("as_of = 2026-01-02", 'as_of = 2026-01-02\nday_zone = "../zones"', "which is no known zone"),
    ("as_of = 2026-01-02", 'as_of = 2026-01-02\nday_zone = "zone.tab"', "which is no known zone"),
    (
        "as_of = 2026-01-02",
        "as_of = 2026-01-02\ndaily_loss = { amount = 5, percent = 5 }",
        "rulebooks.own.daily_loss: both are stated; expected exactly one of amount and percent",
    ),
    (
        "as_of = 2026-01-02",
        "as_of = 2026-01-02\noverall_loss = {}",
        "rulebooks.own.overall_loss: neither is stated",
    ),
    (
        "as_of = 2026-01-02",
        'as_of = 2026-01-02\nautomation = "yes"',
        "rulebooks.own.automation: is 'yes'",
    ),
    # references
    (
        'venue = "east"',
        'venue = "est"',
        "accounts.a1.venue: is 'est'; expected 'east', which is nearest",
    ),
    ('rulebook = "own"', 'rulebook = "ow"', "accounts.a1.rulebook: is 'ow'; expected 'own'"),
    ('template = "base"', 'template = "bse"', "accounts.a1.template: is 'bse'; expected 'base'"),
    (
        "symbols.EURUSD",
        "symbols.EURUSF",
        "accounts.a1.symbols.EURUSF: is no instrument of this file",
    ),
    (
        "builtin:granite-evaluation",
        "builtin:granit-evaluation",
        "rulebooks.include[0]: builtin:granit-evaluation is unknown; expected 'granite-evaluation'",
    ),
    (
        "builtin:granite-evaluation",
        "builtin:../core",
        "rulebooks.include[0]: builtin:../core is unknown",
    ),
    ("builtin:granite-evaluation", "nowhere.toml", "there is no such file"),
    (
        'owner = "o1"',
        'owner = "o1"\nfirm = "G"',
        "accounts.a1.firm: is 'G'; expected 'F', the firm of",
    ),
    # terms
    (
        "lot_step = 0.01",
        "lot_step = 0.01, lot_min = 0.015",
        "accounts.a1.symbols.EURUSD.lot_min: is 0.015; expected a multiple of lot_step 0.01",
    ),
    (
        "lot_max = 50",
        "lot_max = 0.001",
        "accounts.a1.symbols.EURUSD.lot_max: is 0.001; expected at least",
    ),
    (
        "leverage = 30",
        "leverage = 30, margin_percent = 3",
        "both are stated; expected exactly one of",
    ),
    (
        ", leverage = 30",
        "",
        "accounts.a1.symbols.EURUSD: neither is stated; expected exactly one of",
    ),
    ("[instruments.GBPUSD]", "[instruments.GBP]", "instruments.GBP.base: is missing"),
    (
        "[instruments.GBPUSD]",
        "[instruments.GBPUSD]\ntick = 0.00003",
        "instruments.GBPUSD.tick: is 0.00003; expected a divisor of pip 0.0001",
    ),
    # money that cannot be converted
    (
        'currency = "EUR"',
        'currency = "CHF"',
        "accounts.a2.symbols.EURUSD: no way to convert USD to CHF; expected an instrument",
    ),
    # the market
    (
        'kind = "ecb"',
        'kind = "files"',
        'market.day: does not belong to this kind; expected no day in "files"',
    ),
    (
        'kind = "ecb"\nday = 2014-05-02',
        'kind = "files"\nquotes = ["gone.csv"]',
        "market.quotes[0]: there is no file",
    ),
    ('kind = "ecb"', 'kind = "ecb"\nstart = 2014-05-02T06:00:00', "which has no time zone"),
]
