"""Whatever goes wrong inside, the visitor gets the default, and nobody gets a stack trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from edge.app import create_app
from edge.board import Board
from edge.decide import Decide
from edge.release import Releases
from edge.service import Service
from rulecore.errors import ContextError
from tests.edge.bundles import marked, put
from tests.edge.serving import write_config

SECRET = "s3cret-visitor"


class BrokenEngine:
    """An engine that fails to decide, and if need be to give defaults."""

    def __init__(self, engine: Any, error: Exception, *, defaults: bool) -> None:
        self._engine = engine
        self._error = error
        self._defaults = defaults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def decide_all(self, *_arguments: object) -> None:
        raise self._error

    def default(self, placement: str) -> Any:
        if not self._defaults:
            raise self._error
        return self._engine.default(placement)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    put(tmp_path / "bundle", marked("first"))
    config = write_config(tmp_path, failure_log_seconds_min=600.0, placements_per_request_max=1)
    return Service(config, Releases(config), Board(1, config.report_bytes_max))


def break_engine(service: Service, error: Exception, *, defaults: bool = True) -> None:
    release = service.releases.current
    broken: Any = BrokenEngine(release.engine, error, defaults=defaults)
    service.releases.current = msgspec.structs.replace(release, engine=broken)


async def ask(service: Service, method: str, url: str, **options: Any) -> httpx.Response:
    transport = httpx.ASGITransport(create_app(service), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
        return await client.request(method, url, **options)


PAGE = {"type": "http", "query_string": b"placements=hero", "headers": [(b"edgewise-visitor-id", SECRET.encode())]}


def test_a_failure_serves_the_defaults_with_reason_error_and_counts_it(service: Service) -> None:
    break_engine(service, RuntimeError(SECRET))
    answer = json.loads(Decide(service).post(b'{"placements": ["hero"], "explain": true}'))
    assert answer["error"] == "internal"
    assert answer["decisions"]["hero"]["variant"] == "first"
    assert answer["decisions"]["hero"]["reason"] == "ERROR"
    assert "explanations" not in answer
    assert service.counters.errors == {"internal": 1}
    assert service.counters.defaults_on_error == 1


def test_a_page_gets_the_defaults_and_the_code(service: Service) -> None:
    break_engine(service, RuntimeError(SECRET))
    headers = dict(Decide(service).get(PAGE))
    assert headers[b"edgewise-variants"] == b"hero=first"
    assert headers[b"edgewise-error"] == b"internal"
    assert service.counters.errors == {"internal": 1}


def test_a_context_that_the_core_refuses_as_a_whole_gives_a_page_the_defaults(service: Service) -> None:
    break_engine(service, ContextError("too large"))
    headers = dict(Decide(service).get(PAGE))
    assert headers[b"edgewise-variants"] == b"hero=first"
    assert headers[b"edgewise-error"] == b"bad_context"


def test_a_page_gets_all_defaults_if_the_request_did_not_name_any(service: Service) -> None:
    service.config = msgspec.structs.replace(service.config, placements_per_request_max=2)
    break_engine(service, RuntimeError(SECRET))
    headers = dict(Decide(service).get(PAGE | {"query_string": b""}))
    assert headers[b"edgewise-variants"] == b"banner=first, hero=first"


async def test_a_page_is_204_even_if_there_are_no_defaults(service: Service, capfd: pytest.CaptureFixture[str]) -> None:
    break_engine(service, RuntimeError(SECRET), defaults=False)
    answer = await ask(service, "GET", "/v1/decide")
    assert answer.status_code == 204
    assert answer.headers["edgewise-error"] == "internal"
    assert SECRET not in capfd.readouterr().err


async def test_an_application_gets_an_error_without_a_stack_trace(service: Service) -> None:
    break_engine(service, RuntimeError(SECRET), defaults=False)
    answer = await ask(service, "POST", "/v1/decide", content=b"{}")
    assert answer.status_code == 500
    assert answer.json() == {"error": {"code": "internal", "message": "something went wrong here"}}


def test_a_flood_of_failures_is_logged_once_in_a_while(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    break_engine(service, RuntimeError(SECRET))
    for _ in range(50):
        Decide(service).post(b'{"placement": "hero"}')
    written = "".join(capsys.readouterr())
    assert written.count("request failed") == 1
    assert service.counters.errors == {"internal": 50}


async def test_more_explanations_than_allowed_are_refused(service: Service) -> None:
    answer = await ask(service, "POST", "/v1/decide", content=b'{"explain": true}')
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "too_many_placements"
    assert (await ask(service, "POST", "/v1/decide", content=b"{}")).status_code == 200


async def test_readiness_is_degraded_while_other_workers_are_missing(service: Service) -> None:
    service.board = Board(2, 4000)
    assert (await ask(service, "GET", "/readyz")).json() == {"status": "degraded", "reason": "1 of 2 workers serve"}
