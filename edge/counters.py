"""What a worker counts from its start: requests, decisions and what went wrong, never who asked."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Counters(msgspec.Struct):
    """The sums of one worker, or of several added up."""

    posts: int = 0
    """Requests to `POST /v1/decide`."""
    gets: int = 0
    """Requests to `GET /v1/decide`."""
    decisions: int = 0
    defaults_on_error: int = 0
    """Placements answered with their default because something went wrong (reason ERROR)."""
    errors: dict[str, int] = {}
    """Requests that did not go well, by code."""
    coerced_away: dict[str, int] = {}
    """Values of requests that could not be taken for their attribute's type, by attribute."""

    def error(self, code: str) -> None:
        """Count a request that ended with an error."""
        self.errors[code] = self.errors.get(code, 0) + 1

    def coerce_away(self, attribute: str) -> None:
        """Count a value that was left out."""
        self.coerced_away[attribute] = self.coerced_away.get(attribute, 0) + 1


def total(parts: Iterable[Counters]) -> Counters:
    """The sum of several workers' counters."""
    result = Counters()
    for part in parts:
        result.posts += part.posts
        result.gets += part.gets
        result.decisions += part.decisions
        result.defaults_on_error += part.defaults_on_error
        for sums, counts in ((result.errors, part.errors), (result.coerced_away, part.coerced_away)):
            for name, count in counts.items():
                sums[name] = sums.get(name, 0) + count
    return result
