"""The decision endpoint, `/v1/decide`: an ASGI class that is handed bytes and answers bytes.

`POST` takes a context that the caller states and is strict with it; `GET` reads a page request's own text and never
answers anything but 204, since an error would break the visitor's page. A request pins the release it began with.
"""

from __future__ import annotations

import re
import time
from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send

from edge.answer import Header, decisions_headers, decisions_json
from edge.coerce import unquote_form
from edge.context import split_query
from edge.http import GoneError, Refusal, read_body, refuse, respond
from edge.release import Release
from edge.service import Service
from rulecore import Decision
from rulecore.errors import ContextError, PlacementError

_BYTE: Final = re.compile(r"\(byte ([0-9]+)\)")
_NO_STORE: Final[Header] = (b"cache-control", b"no-store")


class DecideRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/decide`. Without `placement` and `placements`, all of the bundle's."""

    context: msgspec.Raw = msgspec.Raw(b"{}")
    placement: str | None = None
    placements: list[str] | None = None
    explain: bool = False


_DECODER: Final = msgspec.json.Decoder(DecideRequest)


class Decide:
    """The endpoint."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application for one request."""
        method = scope["method"]
        try:
            if method == "POST":
                self._service.counters.posts += 1
                body = await read_body(scope, receive, self._service.config)
                await respond(send, 200, self.post(body))
            elif method in ("GET", "HEAD"):
                self._service.counters.gets += 1
                await send({"type": "http.response.start", "status": 204, "headers": self._get_whatever_happens(scope)})
                await send({"type": "http.response.body", "body": b""})
            else:
                raise Refusal(405, "method_not_allowed", "use GET or POST")
        except Refusal as refusal:
            self._service.counters.error(refusal.code)
            allow: tuple[Header, ...] = ((b"allow", b"GET, HEAD, POST"),) if refusal.status == 405 else ()
            await refuse(send, refusal, *allow)
        except GoneError:
            self._service.counters.error("gone")

    def post(self, body: bytes) -> bytes:
        """The answer to a body. Raises Refusal."""
        release = self._service.releases.current
        engine = release.engine
        asked = _parse(body)
        names = self._asked_for(asked)
        if asked.explain:
            self._check_count(len(release.placements if names is None else names))
        now = time.time()
        try:
            context = bytes(asked.context)
            decisions = engine.decide_all(context, int(now * 1e6), names)
            explanations = None
            if asked.explain:
                explanations = [engine.explain(each.placement, context, int(now * 1e6)) for each in decisions]
            error = None
        except PlacementError as unknown:
            raise Refusal(404, "unknown_placement", str(unknown)) from unknown
        except ContextError as wrong:
            offset = None if wrong.offset is None else wrong.offset + max(0, body.find(bytes(asked.context)))
            raise Refusal(400, "bad_context", wrong.what, attribute=wrong.attribute, offset=offset) from wrong
        except Exception as failure:  # noqa: BLE001 - whatever goes wrong, the visitor gets the default
            decisions, explanations, error = self._defaults(release, names, failure), None, "internal"
        if error is not None:
            self._service.counters.error(error)
        self._service.counters.decisions += len(decisions)
        return decisions_json(
            decisions,
            explanations=explanations,
            release=engine.release,
            age_seconds=release.age_seconds(now),
            decision_id=self._service.decision_id(),
            error=error,
        )

    def get(self, scope: Scope) -> list[Header]:
        """The headers of the answer to a page request."""
        release = self._service.releases.current
        names: list[str] | None = None
        try:
            names, error = self._known(scope["query_string"], release)
            context = release.reader.read(scope["headers"], scope["query_string"], self._service.counters)
            decisions = self._decide_leniently(release, context, names)
            headers = decisions_headers(decisions, release.engine.release, error)
        except ContextError:
            error = "bad_context"
            decisions = self._defaults(release, names)
            headers = decisions_headers(decisions, release.engine.release, error)
        except Exception as failure:  # noqa: BLE001 - whatever goes wrong, the visitor gets the default
            error = "internal"
            decisions = self._defaults(release, names, failure)
            headers = decisions_headers(decisions, release.engine.release, error)
        if error is not None:
            self._service.counters.error(error)
        self._service.counters.decisions += len(decisions)
        headers.append(_NO_STORE)
        return headers

    def _get_whatever_happens(self, scope: Scope) -> list[Header]:
        try:
            return self.get(scope)
        except Exception as failure:  # noqa: BLE001 - not even defaults: the page uses its own
            self._service.failure(failure)
            self._service.counters.error("internal")
            return [(b"edgewise-error", b"internal"), _NO_STORE]

    def _asked_for(self, asked: DecideRequest) -> list[str] | None:
        if asked.placement is not None:
            if asked.placements is not None:
                raise Refusal(400, "bad_request", "give `placement` or `placements`, not both")
            return [asked.placement]
        if asked.placements is None:
            return None
        names = list(dict.fromkeys(asked.placements))
        self._check_count(len(names))
        return names

    def _check_count(self, count: int) -> None:
        most = self._service.config.placements_per_request_max
        if count > most:
            raise Refusal(
                400,
                "too_many_placements",
                f"at most {most} placements in a request, unless it asks for all without `explain`",
            )

    def _known(self, query_string: bytes, release: Release) -> tuple[list[str], str | None]:
        """The placements of the request that the bundle has, and the code of what is wrong with the others."""
        given = split_query(query_string).get(b"placements")
        if given is None:
            names = sorted(release.placements)
        else:
            try:
                text = unquote_form(given)
            except ValueError:
                return [], "bad_request"
            names = list(dict.fromkeys(name for name in (part.strip() for part in text.split(",")) if name))
        if len(names) > self._service.config.placements_per_request_max:
            return [], "too_many_placements"
        known = [name for name in names if name in release.placements]
        return known, None if len(known) == len(names) else "unknown_placement"

    def _decide_leniently(self, release: Release, context: dict[str, object], names: list[str]) -> list[Decision]:
        """Decide without the attributes that the core refuses: they come from the visitor's own request."""
        now = time.time_ns() // 1000
        while True:
            try:
                return release.engine.decide_all(context, now, names)
            except ContextError as wrong:
                if wrong.attribute is None or wrong.attribute not in context:
                    raise
                del context[wrong.attribute]
                self._service.counters.coerce_away(wrong.attribute)

    def _defaults(self, release: Release, names: list[str] | None, failure: Exception | None = None) -> list[Decision]:
        if failure is not None:
            self._service.failure(failure)
        asked = sorted(release.placements) if names is None else [name for name in names if name in release.placements]
        self._service.counters.defaults_on_error += len(asked)
        return [release.engine.default(name) for name in asked]


def _parse(body: bytes) -> DecideRequest:
    try:
        return _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise Refusal(400, "bad_request", str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        message = str(error)
        at = _BYTE.search(message)
        offset = int(at[1]) if at else error.start if isinstance(error, UnicodeDecodeError) else len(body)
        raise Refusal(400, "bad_json", message, offset=offset) from None
