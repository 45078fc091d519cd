"""Decisions to the bytes of an answer: JSON for application servers, structured fields for CDN nodes.

Payloads are JSON already and go out as they are. Names need no quoting: the image's reader takes only such as match
`[a-z][a-z0-9_-]*`, so each is a key and a token of a structured field (RFC 9651 3.1.2, 3.3.4). Pure: no socket, no
clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from rulecore import Decision
from rulecore.explanation import Explanation

ERROR_REASON: Final = "ERROR"

Header = tuple[bytes, bytes]


def decisions_json(
    decisions: Iterable[Decision],
    *,
    explanations: Sequence[Explanation] | None,
    release: str,
    age_seconds: float,
    decision_id: str,
    error: str | None = None,
) -> bytes:
    """The body of `POST /v1/decide`. With `error` the decisions are defaults, and their reason is ERROR."""
    placed = b",".join([_decision_json(decision, error is not None) for decision in decisions])
    about = f'"release":"{release}","release_age_seconds":{age_seconds:.3f},"decision_id":"{decision_id}"'
    parts = [b'{"decisions":{', placed, b"},", about.encode()]
    if explanations is not None:
        named = {explanation.placement: explanation for explanation in explanations}
        parts += (b',"explanations":', msgspec.json.encode(named))
    if error is not None:
        parts.append(f',"error":"{error}"'.encode())
    parts.append(b"}")
    return b"".join(parts)


def _decision_json(decision: Decision, failed: bool) -> bytes:
    payload = decision.payload
    held_out = decision.held_out
    kept = "null" if held_out is None else f'{{"rule":"{held_out[0]}","variant":"{held_out[1]}"}}'
    reason = ERROR_REASON if failed else decision.reason
    head = f'"{decision.placement}":{{"variant":"{decision.variant}","reason":"{reason}","rule":{_name(decision.rule)}'
    tail = f',"experiment":{_name(decision.experiment)},"holdout":{_name(decision.holdout)},"held_out":{kept}}}'
    return b'%b,"payload":%b%b' % (head.encode(), b"null" if payload is None else payload, tail.encode())


def _name(name: str | None) -> str:
    return "null" if name is None else f'"{name}"'


def decisions_headers(decisions: Sequence[Decision], release: str, error: str | None = None) -> list[Header]:
    """The headers of `GET /v1/decide`; a dictionary without members is left out (RFC 9651 4.1)."""
    headers: list[Header] = []
    if decisions:
        members = ", ".join([f"{decision.placement}={decision.variant}" for decision in decisions])
        headers.append((b"edgewise-variants", members.encode()))
        headers.append((b"edgewise-cache-key", cache_key(decisions)))
    headers.append((b"edgewise-release", release.encode()))
    if error is not None:
        headers.append((b"edgewise-error", error.encode()))
    return headers


def cache_key(decisions: Iterable[Decision]) -> bytes:
    """A digest of placement -> variant and payload digest, whatever the order that the placements were asked in."""
    lines = sorted([f"{decision.placement}={decision.variant}:{decision.payload_digest:x}" for decision in decisions])
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest().encode()


def error_json(code: str, message: str, *, attribute: str | None = None, offset: int | None = None) -> bytes:
    """The body of every answer that is not 2xx."""
    error: dict[str, str | int] = {"code": code, "message": message}
    if attribute is not None:
        error["attribute"] = attribute
    if offset is not None:
        error["offset"] = offset
    return msgspec.json.encode({"error": error})
