"""Who and what appears in the demo book. The companies are real; the clients are invented, all of them."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Factors:
    """Requirement per unit of market value."""

    initial: Decimal
    maintenance: Decimal
    margin_call: Decimal
    force_close: Decimal


def _factors(initial: str, maintenance: str, margin_call: str, force_close: str) -> Factors:
    return Factors(Decimal(initial), Decimal(maintenance), Decimal(margin_call), Decimal(force_close))


LADDER = (
    _factors("0.40", "0.30", "0.35", "0.25"),
    _factors("0.45", "0.35", "0.40", "0.30"),
    _factors("0.55", "0.45", "0.50", "0.40"),
    _factors("0.80", "0.65", "0.70", "0.55"),
)
"""From steady to wild."""

STEADY, ORDINARY, LIVELY, WILD = range(len(LADDER))

INSTRUMENTS = (
    ("AAPL.US", "Apple", STEADY),
    ("AMD.US", "Advanced Micro Devices", LIVELY),
    ("BAC.US", "Bank of America", ORDINARY),
    ("BBY.US", "Best Buy", LIVELY),
    ("CVX.US", "Chevron", ORDINARY),
    ("GE.US", "General Electric", LIVELY),
    ("HD.US", "Home Depot", STEADY),
    ("JNJ.US", "Johnson & Johnson", STEADY),
    ("JPM.US", "JPMorgan Chase", ORDINARY),
    ("KO.US", "Coca-Cola", STEADY),
    ("LLY.US", "Eli Lilly", STEADY),
    ("MRK.US", "Merck", STEADY),
    ("MSFT.US", "Microsoft", STEADY),
    ("PEP.US", "PepsiCo", STEADY),
    ("PFE.US", "Pfizer", STEADY),
    ("PG.US", "Procter & Gamble", STEADY),
    ("RRC.US", "Range Resources", WILD),
    ("UNH.US", "UnitedHealth Group", ORDINARY),
    ("WMT.US", "Walmart", STEADY),
    ("XOM.US", "Exxon Mobil", ORDINARY),
)
"""Symbol, name and place on the ladder."""

CALL, UNDERLYING, STRIKE, EXPIRY = "KO-C50.US", "KO.US", "50", "2035-12-21"
"""The one option. It expires far ahead, since the desk's calendar is today's whatever prices are replayed."""
WRITER, CONTRACTS, PREMIUM = "K000128", "-3", "3.10"
"""Who has written it, though the shares in the account cover only a part."""

GROUPS = ("Retail", "Premier", "Family Office", "Professional", "Staff Plan")

GIVEN_NAMES = (
    "Aiko", "Amara", "Anneke", "Arjun", "Astrid", "Bao", "Beatriz", "Caoimhe", "Chidi", "Dalia",
    "Eero", "Farid", "Freya", "Giulia", "Hana", "Hugo", "Ines", "Ismail", "Jiho", "Kalani",
    "Katya", "Kofi", "Leila", "Linh", "Mateo", "Mei", "Milan", "Nadia", "Noor", "Oluwa",
    "Pilar", "Priya", "Quentin", "Rania", "Ravi", "Sione", "Tala", "Tomasz", "Yusuf", "Zofia",
)  # fmt: skip
SURNAMES = (
    "Amberquill", "Birchwhistle", "Cloudbarrow", "Copperwick", "Dandelmoor", "Driftanchor", "Embershaw",
    "Fernhollow", "Foxlantern", "Gingermast", "Glimmerford", "Harborwren", "Hazelspoke", "Inkwater",
    "Juniperly", "Kettlebright", "Lanternby", "Larkmeadow", "Marblethorn", "Mistlebrook", "Nettlesail",
    "Oakenfable", "Otterglen", "Papermoon", "Pebblestar", "Quincefield", "Rainsparrow", "Riddlestone",
    "Saffronhill", "Silverfinch", "Snowpocket", "Tamarisk-Vale", "Thistledown", "Umberlight",
    "Velvetreed", "Willowspark", "Windlemere", "Yarrowgate", "Zephyrton", "Zinniacroft",
)  # fmt: skip
