"""What a constant string must be where a function reads it: a pattern, a time zone, a duration, a version, a network.

Each check takes the string's value and gives the value that the checked expression holds, or raises ConstantError.
Which argument of which function has which meaning is said in `signatures.py`.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable
from importlib import resources
from typing import Final

from central.authoring.diagnostics import nearest
from rulecore import LimitError, PatternError, automata, duration_constant, is_semver, timestamp_constant
from rulecore.limits import LIMITS

Value = int | str

DURATION_MICROS_MAX: Final = 315_576_000_000 * 1_000_000
"""CEL's bound, about 10,000 years either way."""

_OFFSET: Final = re.compile(r"[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]")
_PREFIX: Final = re.compile(r"(?P<address>[^/]+)/[0-9]{1,3}")
_DAYS: Final = re.compile(r"(?P<sign>[+-]?)(?P<days>[0-9]{1,6})d(?P<rest>.*)", re.DOTALL)
_PARTIAL_VERSION: Final = re.compile(
    r"[vV]?(?P<major>0|[1-9]\d*)(?:\.(?P<minor>0|[1-9]\d*))?(?:\.(?P<patch>0|[1-9]\d*))?"
)


class ConstantError(Exception):
    """A constant that its function can't read. `at` is the index of the fault in the string's value."""

    def __init__(self, message: str, expected: str = "", nearest: str = "", at: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.nearest = nearest
        self.at = at


def check_pattern(value: str) -> Value:
    """A regular expression in RE2's syntax."""
    if len(value) > LIMITS.pattern_chars_max:
        raise ConstantError(
            f"this pattern has {len(value):,} characters",
            f"at most {LIMITS.pattern_chars_max:,}",
            at=LIMITS.pattern_chars_max,
        )
    try:
        automata.check_pattern(value)
    except PatternError as error:
        raise ConstantError(f"bad pattern: {error.what}", "a regular expression in RE2's syntax", at=error.at) from None
    except LimitError as error:
        raise ConstantError(str(error), "a pattern with smaller or fewer counts") from None
    return value


def check_zone(value: str) -> Value:
    """A time zone by its IANA name, or a fixed offset."""
    if value in zone_names() or _OFFSET.fullmatch(value):
        return value
    raise ConstantError(
        f"no time zone is called {value!r}",
        "a name such as 'Europe/Paris', or an offset such as '+02:00'",
        _nearest_zone(value),
    )


@functools.cache
def zone_names() -> frozenset[str]:
    """Every name in the `tzdata` package."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("utf-8").split())


def _nearest_zone(value: str) -> str:
    city = value.strip().replace(" ", "_").lower()
    by_city = sorted(name for name in zone_names() if name.lower().rpartition("/")[2] == city)
    return by_city[0] if by_city and city else nearest(value, zone_names())


def check_duration(value: str) -> Value:
    """A duration, as microseconds."""
    try:
        micros = duration_constant(value)
    except ValueError as error:
        raise ConstantError(f"{value!r} is {error}", nearest=_in_hours(value)) from None
    if abs(micros) > DURATION_MICROS_MAX:
        raise ConstantError(f"{value!r} is too long", "at most 87660000h")
    return micros


def _in_hours(value: str) -> str:
    """Days, which durations don't have, as hours."""
    match = _DAYS.fullmatch(value)
    if match is None:
        return ""
    hours = f"{match['sign']}{int(match['days']) * 24}h{match['rest']}"
    try:
        duration_constant(hours)
    except ValueError:
        return ""
    return hours


def check_timestamp(value: str) -> Value:
    """An instant, as microseconds since 1970-01-01T00:00:00Z."""
    try:
        return timestamp_constant(value)
    except ValueError as error:
        near = f"{value}T00:00:00Z" if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) else ""
        raise ConstantError(f"{value!r} is {error}", nearest=near) from None


def check_version(value: str) -> Value:
    """A semantic version 2.0.0."""
    if is_semver(value):
        return value
    match = _PARTIAL_VERSION.fullmatch(value)
    near = f"{match['major']}.{match['minor'] or 0}.{match['patch'] or 0}" if match else ""
    raise ConstantError(f"{value!r} is not a semantic version", "three numbers, such as '2.10.0'", near)


def check_network(value: str) -> Value:
    """A network in CIDR notation, in its canonical form."""
    expected = "an address and a prefix length, such as '10.0.0.0/8' or '2001:db8::/32'"
    if not _PREFIX.fullmatch(value):
        raise ConstantError(f"{value!r} is not a network in CIDR notation", expected)
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ConstantError(f"{value!r} is not a network in CIDR notation", expected) from None
    if ipaddress.ip_interface(value).ip != network.network_address:
        raise ConstantError(f"{value!r} has bits set after its first {network.prefixlen}", expected, str(network))
    return str(network)


def check_address(value: str) -> Value:
    """An IP address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise ConstantError(f"{value!r} is no IP address", "such as '192.0.2.1' or '2001:db8::1'") from None
    return value


CHECKS: Final[dict[str, Callable[[str], Value]]] = {
    "pattern": check_pattern,
    "zone": check_zone,
    "duration": check_duration,
    "timestamp": check_timestamp,
    "version": check_version,
    "network": check_network,
    "address": check_address,
}
"""By the role that `signatures.py` gives a parameter."""
