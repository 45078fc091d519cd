"""A page request's headers, cookies and query become the context that the bundle asks for."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.context import RequestReader
from edge.counters import Counters
from rulecore.model import Source, Type
from tests.edge.bundles import ATTRIBUTES, attribute

READER = RequestReader(ATTRIBUTES)


def read(
    headers: Mapping[str, str | bytes] | None = None, query: str = "", counters: Counters | None = None
) -> dict[str, object]:
    pairs = [
        (name.lower().encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in (headers or {}).items()
    ]
    return READER.read(pairs, query.encode(), counters or Counters())


def test_an_empty_request_gives_an_empty_context() -> None:
    counters = Counters()
    assert read(counters=counters) == {}
    assert counters == Counters()


def test_declared_attributes_come_from_their_header_cookie_or_query() -> None:
    context = read(
        {"X-App-Version": "1.10", "X-Member": "true", "Cookie": 'age="42"; interests=shoes%2Cbags%20; other=1'},
        "price=9.50&x=1",
    )
    assert context == {"app_version": "1.10", "member": True, "age": 42, "interests": ["shoes", "bags"], "price": 9.5}


def test_what_can_not_be_coerced_is_left_out_and_counted_by_attribute() -> None:
    counters = Counters()
    context = read({"Cookie": "age=forty", "X-Member": "perhaps", "X-App-Version": b"\xff"}, "price=%ff", counters)
    assert context == {}
    assert counters.coerced_away == {"age": 1, "member": 1, "app_version": 1, "price": 1}


def test_the_first_of_several_cookies_or_parameters_goes() -> None:
    context = READER.read([(b"cookie", b"age=1; age=2"), (b"cookie", b"age=3")], b"price=1&price=2", Counters())
    assert context == {"age": 1, "price": 1.0}


def test_a_header_given_twice_is_one_list() -> None:
    reader = RequestReader([attribute("tags", Type.LIST_STRING, Source.HEADER, "X-Tags")])
    assert reader.read([(b"x-tags", b"a"), (b"x-tags", b"b, c")], b"", Counters()) == {"tags": ["a", "b", "c"]}


def test_attributes_of_the_context_and_the_snapshot_are_never_read_from_a_request() -> None:
    reader = RequestReader([attribute("tier", Type.STRING, Source.SNAPSHOT, "tier"), attribute("page_views", Type.INT)])
    assert reader.read([(b"tier", b"gold"), (b"page_views", b"3")], b"tier=gold&page_views=3", Counters()) == {}


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ({}, "utm_source=news&color=dark+blue", {"utm.source": "news", "query.color": "dark blue"}),
        ({"X-Original-URI": "/a%20b/?color=red"}, "color=blue", {"url.path": "/a b/", "query.color": "red"}),
        (
            {"X-Original-URI": "/a", "Host": "Shop.Example:8443"},
            "color=blue",
            {"url.path": "/a", "url.host": "shop.example"},
        ),
        (
            {"X-Original-URL": "https://u@shop.example.:1/p?utm_source=x#color=y", "Host": "edge"},
            "",
            {"url.path": "/p", "url.host": "shop.example", "utm.source": "x"},
        ),
        (
            {"X-Original-URL": "https://shop.example?color=r"},
            "",
            {"url.path": "/", "url.host": "shop.example", "query.color": "r"},
        ),
        (
            {"X-Original-URI": "/a", "X-Forwarded-Host": "shop.example", "Host": "edge"},
            "",
            {"url.path": "/a", "url.host": "shop.example"},
        ),
        ({"X-Original-URI": "//evil/x"}, "", {"url.path": "//evil/x"}),
        ({"Host": "[::1]:80", "X-Original-URI": "/"}, "", {"url.path": "/", "url.host": "[::1]"}),
    ],
)
def test_the_page_is_the_original_url_else_the_query_of_this_request(
    headers: dict[str, str], query: str, expected: dict[str, object]
) -> None:
    assert read(headers, query) == expected


@pytest.mark.parametrize(
    ("referrer", "host"),
    [
        ("https://www.Search.example:443/q?x=1", "www.search.example"),
        ("http://a.example?x#y", "a.example"),
        ("android-app://com.example", None),
        ("about:blank", None),
        ("https://", None),
    ],
)
def test_the_referrer_gives_its_host_only(referrer: str, host: str | None) -> None:
    assert read({"Referer": referrer}).get("referrer.host") == host


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"CloudFront-Viewer-Country": "US", "CloudFront-Viewer-City": "K%C3%B6ln"}, {"country": "US", "city": "Köln"}),
        (
            {"CF-IPCountry": "DE", "CF-IPCity": "Köln", "CF-Region-Code": "NW"},
            {"country": "DE", "city": "Köln", "region": "NW"},
        ),
        ({"CF-IPCountry": "XX"}, {}),
        ({"CF-IPCountry": "T1"}, {}),
        (
            {"X-Vercel-IP-Country": "US", "X-Vercel-IP-Country-Region": "NY", "X-Vercel-IP-City": "New%20York"},
            {"country": "US", "region": "NY", "city": "New York"},
        ),
        ({"CloudFront-Viewer-Time-Zone": "America/Detroit"}, {"timezone": "America/Detroit"}),
        ({"Edgewise-Country": "FR", "CF-IPCountry": "DE"}, {"country": "FR"}),
        ({"Edgewise-Timezone": "+02:00"}, {"timezone": "+02:00"}),
    ],
)
def test_the_place_comes_from_the_cdns_own_headers(headers: dict[str, str], expected: dict[str, object]) -> None:
    assert read(headers) == expected


IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148"
IPAD = "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 Version/16.6 Mobile/15E148 Safari/604.1"
PIXEL = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/126.0.0.0 Mobile Safari/537.36"
GALAXY_TAB = "Mozilla/5.0 (Linux; Android 13; SM-X906C) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15"


@pytest.mark.parametrize(
    ("headers", "device"),
    [
        ({"User-Agent": IPHONE}, "mobile"),
        ({"User-Agent": PIXEL}, "mobile"),
        ({"User-Agent": IPAD}, "tablet"),
        ({"User-Agent": GALAXY_TAB}, "tablet"),
        ({"User-Agent": MAC}, "desktop"),
        ({"User-Agent": MAC, "Sec-CH-UA-Mobile": "?1"}, "mobile"),
        ({"User-Agent": PIXEL, "Sec-CH-UA-Mobile": "?0"}, "desktop"),
        ({"User-Agent": GALAXY_TAB, "Sec-CH-UA-Mobile": "?0"}, "tablet"),
        ({"User-Agent": ""}, None),
        ({}, None),
    ],
)
def test_the_device_comes_from_the_client_hint_and_a_few_words_of_the_user_agent(
    headers: dict[str, str], device: str | None
) -> None:
    assert read(headers).get("device") == device


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("fr;q=0.5, de;q=0.7", "de"),
        ("*, en;q=0.1", "en"),
        ("en;q=0", None),
        ("zh-Hant-TW", "zh"),
        ("fr;q=x, en;q=0.2", "en"),
        ("", None),
        ("42,!!", None),
    ],
)
def test_the_language_is_the_preferred_ones_primary_subtag(header: str, language: str | None) -> None:
    assert read({"Accept-Language": header}).get("language") == language


def test_consent_is_what_the_trusted_header_says() -> None:
    assert read({"Edgewise-Consent": "personalization, storage"}) == {"consent": ["personalization", "storage"]}
    assert read({"Edgewise-Consent": ""}) == {"consent": []}


def test_global_privacy_control_withdraws_personalization() -> None:
    assert read({"Edgewise-Consent": "personalization, storage", "Sec-GPC": "1"}) == {"consent": ["storage"]}
    assert read({"Sec-GPC": "1"}) == {}


def test_the_visitor_id_of_the_trusted_caller_needs_no_consent_to_storage() -> None:
    assert read({"Edgewise-Visitor-Id": "v-1", "Cookie": "edgewise_visitor=v-2"}) == {"visitor_id": "v-1"}


def test_a_visitor_id_from_a_cookie_needs_consent_to_storage() -> None:
    cookie = {"Cookie": "edgewise_visitor=v%2F2"}
    assert read(cookie) == {}
    assert read({**cookie, "Edgewise-Consent": "personalization"}) == {"consent": ["personalization"]}
    assert read({**cookie, "Edgewise-Consent": "storage"}) == {"consent": ["storage"], "visitor_id": "v/2"}


def test_the_visitor_id_is_read_even_if_no_condition_names_it() -> None:
    reader = RequestReader([])
    assert reader.read([(b"edgewise-visitor-id", b"v-1")], b"", Counters()) == {"visitor_id": "v-1"}


WANTED = [b"cookie", b"x-original-uri", b"x-original-url", b"host", b"referer", b"accept-language", b"user-agent",
          b"edgewise-consent", b"edgewise-visitor-id", b"cf-ipcity", b"x-member", b"sec-gpc"]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(WANTED), st.binary(max_size=60)), max_size=8), st.binary(max_size=60))
def test_no_request_makes_the_reader_fail(headers: list[tuple[bytes, bytes]], query: bytes) -> None:
    context = READER.read(headers, query, Counters())
    assert all(isinstance(value, str | int | float | list) for value in context.values())


def test_of_a_user_agent_only_the_beginning_is_looked_at() -> None:
    assert read({"user-agent": "x" * 400 + "iPhone"}).get("device") == "mobile"
    assert read({"user-agent": "x" * 600 + "iPhone"}).get("device") == "desktop"
