"""Which currency codes there are: a typing error in a setting would be a currency that nobody owes."""

from collections.abc import Iterable
from difflib import get_close_matches

OFFSHORE_YUAN = "CNH"
"""Not of ISO 4217, but what Hong Kong books."""
CURRENCIES = frozenset(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
    CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
    GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT
    LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
    NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
    STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD
    XCG XOF XPF YER ZAR ZMW ZWG
    """.split()
) | {OFFSHORE_YUAN}
"""The money of ISO 4217 (neither metals nor units of account), and what is dealt in beside it."""


def unknown_currencies(codes: Iterable[str]) -> list[str]:
    """Those that are none, each with the nearest that is one: ``HDK (did you mean HKD?)``."""
    return [_with_hint(code) for code in codes if code not in CURRENCIES]


def _with_hint(code: str) -> str:
    close = get_close_matches(code.strip().upper(), sorted(CURRENCIES), n=1)
    return f"{code} (did you mean {close[0]}?)" if close else code
