"""The worker's ASGI application: routes, lifespan, and the endpoints of operators."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge.answer import error_json
from edge.board import LoadError, Report
from edge.counters import Counters, total
from edge.decide import Decide
from edge.http import JSON_HEADERS
from edge.service import Service


class ReleaseStatus(msgspec.Struct, frozen=True):
    """The release that this worker serves. Times are seconds since 1970.

    The snapshot's checksum and version are with its deltas; its visitors are without them.
    """

    release: str
    bundle: str
    bundle_checksum: str
    snapshot_checksum: str | None
    snapshot_version: int | None
    made_at: float
    loaded_at: float
    age_seconds: float
    placements: int
    rules: int
    visitors: int | None


class Status(msgspec.Struct, frozen=True):
    """The body of `/v1/status`. `workers` has null for one that has not said a word; `counters` are all workers'."""

    status: str
    reason: str
    release: ReleaseStatus
    last_reload_error: LoadError | None
    counters: Counters
    workers: list[Report | None]


def create_app(service: Service) -> Starlette:
    """The application of one worker."""

    async def healthz(_request: Request) -> Response:
        return _json(200, {"status": "ok"})

    async def readyz(_request: Request) -> Response:
        health = service.health()
        return _json(503 if health.status == "not_ready" else 200, health)

    async def status(_request: Request) -> Response:
        return _json(200, _status(service))

    async def http_error(_request: Request, error: Exception) -> Response:
        """What Starlette refuses itself, as JSON."""
        assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for nothing else
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
        service.counters.error(code)
        return Response(error_json(code, error.detail), error.status_code, {**_HEADERS, **(error.headers or {})})

    async def failure(_request: Request, error: Exception) -> Response:
        service.failure(error)
        service.counters.error("internal")
        return Response(error_json("internal", "something went wrong here"), 500, _HEADERS)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        service.releases.start()
        try:
            yield
        finally:
            service.releases.stop()

    app = Starlette(
        routes=[
            Route("/v1/decide", Decide(service)),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/v1/status", status),
        ],
        exception_handlers={HTTPException: http_error, Exception: failure},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


_HEADERS = {name.decode(): value.decode() for name, value in JSON_HEADERS}


def _json(status: int, body: object) -> Response:
    return Response(msgspec.json.encode(body), status, _HEADERS)


def _status(service: Service) -> Status:
    release = service.releases.current
    engine = release.engine
    membership = engine.membership
    health = service.health()
    reports = service.reports()
    mine = service.report()
    return Status(
        status=health.status,
        reason=health.reason,
        release=ReleaseStatus(
            release=engine.release,
            bundle=engine.bundle.name,
            bundle_checksum=mine.bundle_checksum,
            snapshot_checksum=mine.snapshot_checksum,
            snapshot_version=mine.snapshot_version,
            made_at=release.made_at,
            loaded_at=release.loaded_at,
            age_seconds=release.age_seconds(time.time()),
            placements=len(release.placements),
            rules=engine.bundle.rule_count,
            visitors=None if membership is None else membership.visitors,
        ),
        last_reload_error=service.releases.error,
        counters=total(report.counters for report in reports if report is not None),
        workers=reports,
    )
