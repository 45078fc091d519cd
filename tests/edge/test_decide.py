"""The endpoints of a running worker: what they answer, and what they answer when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.edge.serving import Server, read_answers, until


def decide(client: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/decide", json=body)
    assert answer.status_code == 200, answer.text
    decided: dict[str, Any] = answer.json()
    return decided


def error(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    wrong: dict[str, Any] = answer.json()["error"]
    return wrong


def variants(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 204
    assert answer.content == b""
    members = answer.headers.get("edgewise-variants", "").split(", ")
    return dict(member.split("=") for member in members if member)


def test_one_placement(client: httpx.Client) -> None:
    decided = decide(client, context={"age": 42}, placement="by_age")
    assert decided["decisions"] == {
        "by_age": {
            "variant": "seen",
            "reason": "TARGETING_MATCH",
            "rule": "is-age",
            "payload": {"headline": "Seen"},
            "experiment": None,
            "holdout": None,
            "held_out": None,
        }
    }
    assert 0 <= decided["release_age_seconds"] < 3600


def test_several_placements_in_the_order_asked_each_once(client: httpx.Client) -> None:
    decided = decide(client, context={"member": True}, placements=["footer", "banner", "footer"])
    assert list(decided["decisions"]) == ["footer", "banner"]
    assert decided["decisions"]["footer"]["reason"] == "STATIC"
    assert decided["decisions"]["banner"]["payload"] == "50%"


def test_no_placements_asked_for_none_given(client: httpx.Client) -> None:
    assert decide(client, placements=[])["decisions"] == {}


def test_all_placements_without_a_word_about_them(client: httpx.Client) -> None:
    decided = decide(client)["decisions"]
    assert len(decided) == 12
    assert decided["banner"] == decided["banner"] | {"variant": "none", "reason": "DEFAULT", "payload": None}


def test_each_answer_has_an_id_of_its_own_and_the_release(client: httpx.Client, server: Server) -> None:
    answers = [decide(client, placement="footer") for _ in range(50)]
    assert len({answer["decision_id"] for answer in answers}) == 50
    assert {answer["release"] for answer in answers} == {server.status()["release"]["release"]}


def test_explain_gives_the_grounds_of_each_placement(client: httpx.Client) -> None:
    explained = decide(client, context={"age": 42}, placements=["by_age", "footer"], explain=True)
    assert list(explained["explanations"]) == ["by_age", "footer"]
    for name, explanation in explained["explanations"].items():
        assert explanation["variant"] == explained["decisions"][name]["variant"]
        assert explanation["reason"] == explained["decisions"][name]["reason"]


def test_an_unknown_placement_is_404(client: httpx.Client) -> None:
    assert error(client.post("/v1/decide", json={"placement": "nope"}), 404)["code"] == "unknown_placement"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"nonsense", "bad_json"),
        (b'{"context": {"age": 1}', "bad_json"),
        (b'{"placement": "\xff"}', "bad_json"),
        (b"[" * 5000, "bad_request"),
        (b"[]", "bad_request"),
        (b'{"placement": 1}', "bad_request"),
        (b'{"placements": "hero"}', "bad_request"),
        (b'{"placement": "a", "placements": ["b"]}', "bad_request"),
        (b'{"explian": true}', "bad_request"),
        (json.dumps({"placements": [f"p{number}" for number in range(101)]}).encode(), "too_many_placements"),
        (b'{"context": []}', "bad_context"),
        (b'{"context": "x"}', "bad_context"),
        (b'{"context": {"age": 1, "age": 2}}', "bad_context"),
    ],
)
def test_a_malformed_body_is_400(client: httpx.Client, body: bytes, code: str) -> None:
    wrong = error(client.post("/v1/decide", content=body), 400)
    assert wrong["code"] == code
    if code == "bad_json":
        assert 0 <= wrong["offset"] <= len(body)


def test_a_wrong_type_is_400_and_names_the_attribute_and_the_byte_of_the_body(client: httpx.Client) -> None:
    body = b'{"placement": "by_age", "context": {"visitor_id": "v-1", "age": "forty"}}'
    wrong = error(client.post("/v1/decide", content=body), 400)
    assert wrong["code"] == "bad_context"
    assert wrong["attribute"] == "age"
    assert body.index(b'"context"') < wrong["offset"] <= body.index(b'"forty"') + len('"forty"')


def test_a_body_over_the_limit_is_413(client: httpx.Client) -> None:
    assert error(client.post("/v1/decide", content=b"x" * 20_001), 413)["code"] == "body_too_large"


def test_a_body_at_the_limit_is_read(client: httpx.Client) -> None:
    body = b'{"placement": "footer"}'.ljust(20_000)
    assert client.post("/v1/decide", content=body).status_code == 200


def test_a_streamed_body_over_the_limit_is_answered_before_its_end(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /v1/decide HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.sendall(b"5001\r\n" + b"x" * 0x5001 + b"\r\n")
        (answer,) = read_answers(connection, 1)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer
        assert connection.recv(1) == b""


def test_a_declared_size_over_the_limit_is_answered_before_the_body_is_sent(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(
            b"POST /v1/decide HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\nExpect: 100-continue\r\n\r\n"
        )
        (answer,) = read_answers(connection, 1)
        assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_in_many_pieces_is_one_body(server: Server) -> None:
    body = b'{"context": {"age": 42}, "placement": "by_age"}'
    with server.connect() as connection:
        connection.sendall(b"POST /v1/decide HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for byte in body:
            connection.sendall(b"1\r\n%c\r\n" % byte)
        connection.sendall(b"0\r\n\r\n")
        (answer,) = read_answers(connection, 1)
        assert b'"variant":"seen"' in answer


def test_a_body_that_never_comes_is_408(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /v1/decide HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{")
        (answer,) = read_answers(connection, 1)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"request_too_slow" in answer


def test_a_head_that_never_ends_is_408_on_a_kept_connection_too(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        read_answers(connection, 1)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHo")
        (answer,) = read_answers(connection, 1)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert connection.recv(1) == b""


def test_a_caller_that_hangs_up_halfway_is_counted_and_harms_nobody(server: Server, client: httpx.Client) -> None:
    before = server.status()["counters"]["errors"].get("gone", 0)
    with server.connect() as connection:
        connection.sendall(b"POST /v1/decide HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{")
    until(lambda: server.status()["counters"]["errors"].get("gone", 0) > before, "the hang-up is counted")
    assert decide(client, placement="footer")["decisions"]


def test_a_head_without_end_is_cut_off(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /v1/decide HTTP/1.1\r\nHost: a\r\n")
        try:
            for number in range(10_000):
                connection.sendall(b"X-%d: %s\r\n" % (number, b"y" * 1000))
        except (BrokenPipeError, ConnectionResetError):
            return
        assert connection.recv(100) == b"", "the worker took ten megabytes of headers"


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    bodies = [b'{"context":{"age":%d},"placement":"by_age"}' % age for age in (1, 42, 2, 42)]
    requests = [
        b"POST /v1/decide HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body) for body in bodies
    ]
    with server.connect() as connection:
        connection.sendall(b"".join(requests))
        answers = read_answers(connection, 4)
    assert [b'"variant":"seen"' in answer for answer in answers] == [False, True, False, True]


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "OPTIONS"])
def test_another_method_is_405(client: httpx.Client, method: str) -> None:
    answer = client.request(method, "/v1/decide")
    assert error(answer, 405)["code"] == "method_not_allowed"
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert error(client.request(method, "/healthz"), 405)["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/decide/", "/v1/decide/x", "/docs"])
def test_another_path_is_404(client: httpx.Client, path: str) -> None:
    assert error(client.get(path), 404)["code"] == "not_found"


def test_a_page_request_is_decided_from_its_headers_cookies_and_query(client: httpx.Client) -> None:
    answer = client.get(
        "/v1/decide?placements=by_age,by_app_version,by_city,by_device,by_language,by_member,banner",
        headers={
            "Cookie": "age=42",
            "X-App-Version": "1.10",
            "CloudFront-Viewer-City": "New%20York",
            "Sec-CH-UA-Mobile": "?1",
            "Accept-Language": "fr-CA,fr;q=0.9",
            "X-Member": "1",
        },
    )
    assert variants(answer) == {
        "by_age": "seen",
        "by_app_version": "seen",
        "by_city": "seen",
        "by_device": "seen",
        "by_language": "seen",
        "by_member": "seen",
        "banner": "sale",
    }
    assert "edgewise-error" not in answer.headers


def test_a_page_request_uses_the_original_url(client: httpx.Client) -> None:
    answer = client.get(
        "/v1/decide?placements=by_query_color,by_url_path,by_price",
        headers={"X-Original-URI": "/shoes/k%C3%B6ln?color=dark+blue&price=9.50"},
    )
    assert variants(answer) == {"by_query_color": "seen", "by_url_path": "seen", "by_price": "seen"}


def test_a_page_request_without_placements_gets_all(client: httpx.Client) -> None:
    assert len(variants(client.get("/v1/decide"))) == 12


def test_the_cache_key_does_not_hang_on_visitor_order_or_time(client: httpx.Client) -> None:
    asked = ["/v1/decide?placements=by_age,footer", "/v1/decide?placements=footer,by_age"]
    keys = {
        client.get(url, headers={"Edgewise-Visitor-Id": visitor}).headers["edgewise-cache-key"]
        for url in asked
        for visitor in "ab"
    }
    assert len(keys) == 1
    other = client.get(asked[0], headers={"Cookie": "age=42"}).headers["edgewise-cache-key"]
    assert other not in keys


def test_an_unknown_placement_costs_a_page_nothing_else(client: httpx.Client) -> None:
    answer = client.get("/v1/decide?placements=footer,nope")
    assert variants(answer) == {"footer": "plain"}
    assert answer.headers["edgewise-error"] == "unknown_placement"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("placements=nope", "unknown_placement"),
        ("placements=%ff", "bad_request"),
        ("placements=" + ",".join(f"p{number}" for number in range(101)), "too_many_placements"),
    ],
)
def test_a_page_request_is_204_whatever_is_wrong(client: httpx.Client, query: str, code: str) -> None:
    answer = client.get(f"/v1/decide?{query}")
    assert variants(answer) == {}
    assert answer.headers["edgewise-error"] == code
    assert answer.headers["edgewise-release"]


def test_values_that_do_not_fit_are_left_out_and_counted(client: httpx.Client, server: Server) -> None:
    before = server.status()["counters"]["coerced_away"]
    answer = client.get(
        "/v1/decide?placements=by_member,by_age", headers={"Cookie": "age=old; joined=yesterday", "X-Member": "1"}
    )
    assert variants(answer) == {"by_member": "seen", "by_age": "other"}
    assert "edgewise-error" not in answer.headers
    after = server.status()["counters"]["coerced_away"]
    assert {name: after[name] - before.get(name, 0) for name in ("age", "joined")} == {"age": 1, "joined": 1}


def test_head_is_answered_as_get_without_a_body(client: httpx.Client) -> None:
    answer = client.head("/v1/decide?placements=footer")
    assert variants(answer) == {"footer": "plain"}


TEXTS = st.sampled_from([None, "1.10", "1.1", "v-1", "v 2", "dark blue", "Köln", "a+b&c=d;e,f%20"])
CONTEXTS = st.fixed_dictionaries(
    {
        "age": st.one_of(st.none(), st.integers(40, 44), st.integers(-(2**63), 2**63 - 1)),
        "app_version": TEXTS,
        "visitor_id": TEXTS,
        "query.color": TEXTS,
        "member": st.sampled_from([None, True, False]),
    }
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONTEXTS)
def test_a_page_request_and_the_same_context_stated_agree(client: httpx.Client, context: dict[str, Any]) -> None:
    headers = {
        "cookie": f"age={context['age']}",
        "x-app-version": context["app_version"],
        "edgewise-visitor-id": context["visitor_id"],
        "x-member": str(context["member"]).lower(),
    }
    absent = {"None", "none", "age=None", None}
    page = client.get(
        "/v1/decide",
        params={} if context["query.color"] is None else {"color": context["query.color"]},
        headers=[(name.encode(), value.encode()) for name, value in headers.items() if value not in absent],
    )
    posted = decide(client, context=context)
    assert variants(page) == {name: each["variant"] for name, each in posted["decisions"].items()}
    assert page.headers["edgewise-release"] == posted["release"]


def test_operators_see_health_readiness_and_status(client: httpx.Client, server: Server) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready", "reason": ""}
    status = server.status()
    assert status["status"] == "ready"
    assert status["release"]["bundle"] == "shop"
    assert status["release"]["placements"] == 12
    assert status["release"]["rules"] == 11
    assert status["last_reload_error"] is None
    assert [worker["state"] for worker in status["workers"]] == ["serving"]


def test_a_visitor_is_nowhere_in_the_log(client: httpx.Client, server: Server) -> None:
    secret = "s3cr3t-visitor"
    headers = {
        "Edgewise-Visitor-Id": secret,
        "Cookie": f"age={secret}; joined={secret}; edgewise_visitor={secret}",
        "X-Member": secret,
        "User-Agent": secret,
        "X-Original-URI": f"/{secret}?price={secret}",
    }
    for query in ("", "?placements=%ff", f"?placements={secret}"):
        client.get(f"/v1/decide{query}", headers=headers)
    for body in (
        {"context": {"visitor_id": secret, "age": secret}},
        {"context": {"visitor_id": secret}, "placement": secret},
        {"context": {secret: secret}, secret: secret},
        {"context": {"visitor_id": secret}, "explain": True},
    ):
        client.post("/v1/decide", json=body, headers=headers)
    client.post("/v1/decide", content=f'{{"context": "{secret}', headers=headers)
    client.get(f"/{secret}", headers=headers)
    with server.connect() as connection:
        connection.sendall(f"{secret} {secret} {secret}\r\n\r\n".encode())
        assert connection.recv(100)
    assert secret not in server.log
    assert json.dumps(secret) not in json.dumps(server.status())


def test_nothing_unexpected_happened_in_all_of_this(server: Server) -> None:
    status = server.status()
    assert status["counters"]["defaults_on_error"] == 0
    assert "internal" not in status["counters"]["errors"]
    assert not server.events("request failed")
    assert Path(server.config.files.bundle).exists()
