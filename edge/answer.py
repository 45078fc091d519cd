"""Decisions to the bytes of an answer: JSON for application servers, structured fields for CDN nodes.

Payloads are JSON already and go out as they are. Pure: no socket, no clock.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from rulecore import Decision
from rulecore.explanation import Explanation

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
"""What placements and variants are called: the one is a key, the other a token of RFC 9651 (3.1.2, 3.3.4)."""

ERROR_REASON: Final = "ERROR"

Header = tuple[bytes, bytes]


class Quoter:
    """Strings as JSON, each encoded once: names come from the bundle, so they are few and come again."""

    __slots__ = ("_known",)

    KNOWN_MAX: Final = 10_000

    def __init__(self) -> None:
        self._known: dict[str | None, bytes] = {None: b"null"}

    def __call__(self, text: str | None) -> bytes:
        quoted = self._known.get(text)
        if quoted is None:
            quoted = msgspec.json.encode(text)
            if len(self._known) < self.KNOWN_MAX:
                self._known[text] = quoted
        return quoted


def decisions_json(
    decisions: Iterable[Decision],
    *,
    explanations: Sequence[Explanation] | None,
    release: str,
    age_seconds: float,
    decision_id: bytes,
    quote: Quoter,
    error: str | None = None,
) -> bytes:
    """The body of `POST /v1/decide`. With `error` the decisions are defaults, and their reason is ERROR."""
    placed = b",".join([_decision_json(decision, quote, error is not None) for decision in decisions])
    parts = [
        b'{"decisions":{%b},"release":%b,"release_age_seconds":%.3f,"decision_id":"%b"'
        % (placed, quote(release), age_seconds, decision_id)
    ]
    if explanations is not None:
        named = {explanation.placement: explanation for explanation in explanations}
        parts.append(b',"explanations":' + msgspec.json.encode(named))
    if error is not None:
        parts.append(b',"error":' + quote(error))
    parts.append(b"}")
    return b"".join(parts)


def _decision_json(decision: Decision, quote: Quoter, failed: bool) -> bytes:
    payload = decision.payload
    held_out = decision.held_out
    kept = b"null" if held_out is None else b'{"rule":%b,"variant":%b}' % (quote(held_out[0]), quote(held_out[1]))
    return b'%b:{"variant":%b,"reason":%b,"rule":%b,"payload":%b,"experiment":%b,"holdout":%b,"held_out":%b}' % (
        quote(decision.placement),
        quote(decision.variant),
        quote(ERROR_REASON if failed else decision.reason),
        quote(decision.rule),
        b"null" if payload is None else payload,
        quote(decision.experiment),
        quote(decision.holdout),
        kept,
    )


def decisions_headers(decisions: Sequence[Decision], release: str, error: str | None = None) -> list[Header]:
    """The headers of `GET /v1/decide`; a dictionary without members is left out (RFC 9651 4.1)."""
    headers: list[Header] = []
    if decisions:
        members = ", ".join([f"{decision.placement}={decision.variant}" for decision in decisions])
        headers.append((b"edgewise-variants", members.encode()))
        headers.append((b"edgewise-cache-key", cache_key(decisions)))
    headers.append((b"edgewise-release", field_text(release)))
    if error is not None:
        headers.append((b"edgewise-error", error.encode()))
    return headers


def cache_key(decisions: Iterable[Decision]) -> bytes:
    """A digest of placement -> variant and payload digest, whatever the order that the placements were asked in."""
    lines = sorted([f"{decision.placement}={decision.variant}:{decision.payload_digest:x}" for decision in decisions])
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest().encode()


def field_text(text: str) -> bytes:
    """A header's value of visible ASCII; anything else becomes `?`."""
    return re.sub(rb"[^\x21-\x7e]", b"?", text.encode("ascii", "replace"))


def error_json(code: str, message: str, *, attribute: str | None = None, offset: int | None = None) -> bytes:
    """The body of every answer that is not 2xx."""
    error: dict[str, str | int] = {"code": code, "message": message}
    if attribute is not None:
        error["attribute"] = attribute
    if offset is not None:
        error["offset"] = offset
    return msgspec.json.encode({"error": error})
