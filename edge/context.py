"""A page request's text to a context: which header, cookie, query parameter or part of the URL gives which attribute.

A reader is made once for an engine, from the attributes that its bundle uses; reading a request is then one pass
over its headers and a short list of finders. What the text means is decided here and in `edge.coerce`; what an
attribute's value may be, by the core. The caller is the trusted CDN node: it strips `Edgewise-*` from what
browsers send.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from edge.coerce import COERCIONS, Value, decode, unquote, unquote_form
from edge.counters import Counters
from rulecore.model import PERSONALIZATION, STORAGE, Attribute, Source

VISITOR_COOKIE: Final = b"edgewise_visitor"

# For each attribute, the headers that may give it, the first found goes; the flag says that it is percent-encoded.
GEO_HEADERS: Final[dict[str, tuple[tuple[bytes, bool], ...]]] = {
    "country": (
        (b"edgewise-country", False),
        (b"cloudfront-viewer-country", False),
        (b"cf-ipcountry", False),
        (b"x-vercel-ip-country", False),
    ),
    "region": (
        (b"edgewise-region", False),
        (b"cloudfront-viewer-country-region", False),
        (b"cf-region-code", False),
        (b"x-vercel-ip-country-region", False),
    ),
    "city": (
        (b"edgewise-city", True),
        (b"cloudfront-viewer-city", True),
        (b"cf-ipcity", False),
        (b"x-vercel-ip-city", True),
    ),
    "timezone": (
        (b"edgewise-timezone", False),
        (b"cloudfront-viewer-time-zone", False),
        (b"cf-timezone", False),
        (b"x-vercel-ip-timezone", True),
    ),
}
# What CDNs write when they do not know: unknown, Tor, an empty lookup.
UNKNOWN_PLACES: Final = frozenset({"", "?", "XX", "xx", "T1", "ZZ", "zz", "unknown"})

# Of a user agent, what is looked at: a long one made for it would keep the pattern below busy.
AGENT_BYTES_MAX: Final = 512

_PAGE_HEADERS: Final = (b"x-original-uri", b"x-original-url", b"x-forwarded-host", b"host")
_TABLET: Final = re.compile(rb"iPad|[Tt]ablet|Kindle|Silk/|PlayBook|Android(?!.*Mobile)")
_MOBILE: Final = re.compile(rb"Mobi|iPhone|iPod|Android|Opera Mini|BlackBerry")


class RequestText:
    """One request's headers (only those that the reader wants) and URLs; cookies and queries split when asked for."""

    __slots__ = ("_cookies", "_page", "_query", "headers", "query_string")

    def __init__(self, headers: dict[bytes, bytes], query_string: bytes) -> None:
        self.headers = headers
        self.query_string = query_string
        self._cookies: dict[bytes, bytes] | None = None
        self._page: Page | None = None
        self._query: dict[bytes, bytes] | None = None

    @property
    def cookies(self) -> dict[bytes, bytes]:
        """Raw values by name; of several cookies of one name the first goes (RFC 6265 5.4: the most specific)."""
        if self._cookies is None:
            self._cookies = _split_cookies(self.headers.get(b"cookie", b""))
        return self._cookies

    @property
    def page(self) -> Page:
        """The page that the visitor asked for."""
        if self._page is None:
            self._page = _page_of(self.headers, self.query_string)
        return self._page

    @property
    def query(self) -> dict[bytes, bytes]:
        """Raw values of the page's query by decoded name; of several of one name the first goes."""
        if self._query is None:
            self._query = split_query(self.page.query)
        return self._query


class Page:
    """The visitor's URL: `host` and `path` are None when the request does not tell them."""

    __slots__ = ("host", "path", "query")

    def __init__(self, host: bytes | None, path: bytes | None, query: bytes) -> None:
        self.host = host
        self.path = path
        self.query = query


Find = Callable[[RequestText], str | None]
"""Gives an attribute's text, None when the request does not have it; ValueError when it is not Unicode."""


class RequestReader:
    """Reads the contexts of one bundle's page requests."""

    def __init__(self, attributes: Iterable[Attribute]) -> None:
        wanted = {b"cookie", b"edgewise-visitor-id", b"edgewise-consent", b"sec-gpc", *_PAGE_HEADERS}
        fields: list[tuple[str, Find, Callable[[str], Value]]] = []
        for attribute in attributes:
            if attribute.name in ("visitor_id", "consent"):
                continue  # read of every request: segments and purposes need them whatever the conditions name
            found = _finder(attribute)
            if found is not None:
                headers, find = found
                wanted.update(headers)
                fields.append((attribute.name, find, COERCIONS[attribute.type]))
        self._fields = tuple(fields)
        self._wanted = frozenset(wanted)

    def read(
        self, headers: Iterable[tuple[bytes, bytes]], query_string: bytes, counters: Counters
    ) -> dict[str, object]:
        """A context by dotted names. `headers` have names in lower case, as ASGI gives them."""
        text = RequestText(self._pick(headers), query_string)
        consent = read_consent(text.headers)
        context: dict[str, object] = {} if consent is None else {"consent": consent}
        try:
            visitor_id = _visitor_id(text, consent or ())
            if visitor_id:
                context["visitor_id"] = visitor_id
        except ValueError:
            counters.coerce_away("visitor_id")
        for name, find, coerce in self._fields:
            try:
                found = find(text)
                if found is not None:
                    context[name] = coerce(found)
            except ValueError:
                counters.coerce_away(name)
        return context

    def _pick(self, headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
        picked: dict[bytes, bytes] = {}
        wanted = self._wanted
        for name, value in headers:
            if name in wanted:
                before = picked.get(name)
                joiner = b"; " if name == b"cookie" else b", "
                picked[name] = value if before is None else before + joiner + value
        return picked


def read_consent(headers: dict[bytes, bytes]) -> list[str] | None:
    """The purposes of `Edgewise-Consent`, None without that header. `Sec-GPC: 1` withdraws personalization."""
    given = headers.get(b"edgewise-consent")
    if given is None:
        return None
    purposes = [part.strip() for part in given.decode("latin-1").split(",")]
    withdrawn = headers.get(b"sec-gpc", b"").strip() == b"1"
    return [purpose for purpose in purposes if purpose and not (withdrawn and purpose == PERSONALIZATION)]


def _visitor_id(text: RequestText, consent: Sequence[str]) -> str | None:
    """The trusted caller's header; else the cookie, if the visitor consents to storage."""
    stated = text.headers.get(b"edgewise-visitor-id")
    if stated is not None:
        return decode(stated)
    if STORAGE not in consent:
        return None
    kept = text.cookies.get(VISITOR_COOKIE)
    return None if kept is None else unquote(kept)


def _finder(attribute: Attribute) -> tuple[tuple[bytes, ...], Find] | None:
    """The headers that an attribute needs and what finds its text; None when no page request carries it."""
    name = attribute.source_name.encode()
    match attribute.source:
        case Source.HEADER:
            header = name.lower()
            return (header,), lambda text: _decoded(text.headers.get(header), decode)
        case Source.COOKIE:
            return (), lambda text: _decoded(text.cookies.get(name), unquote)
        case Source.QUERY:
            return (), lambda text: _decoded(text.query.get(name), unquote_form)
        case Source.PROVIDED:
            return _provided_finder(attribute.name)
        case Source.CONTEXT | Source.SNAPSHOT:
            return None


def _provided_finder(name: str) -> tuple[tuple[bytes, ...], Find] | None:
    if name in GEO_HEADERS:
        return _place_finder(GEO_HEADERS[name])
    family, _, member = name.partition(".")
    parameter = {"query": member, "utm": f"utm_{member}"}.get(family, "").encode()
    if member and parameter:
        return (), lambda text: _decoded(text.query.get(parameter), unquote_form)
    match name:
        case "url.path":
            return (), lambda text: _decoded(text.page.path, unquote)
        case "url.host":
            return (), lambda text: _decoded(text.page.host, decode)
        case "referrer.host":
            return (b"referer",), lambda text: _decoded(_host_of(text.headers.get(b"referer", b"")), decode)
        case "device":
            return (b"sec-ch-ua-mobile", b"user-agent"), _device
        case "language":
            return (b"accept-language",), lambda text: _language(text.headers.get(b"accept-language", b""))
        case _:
            return None  # `now`, `segments` and `session.*`; `browser`, `os` and `bot` need a user-agent parser


def _place_finder(headers: tuple[tuple[bytes, bool], ...]) -> tuple[tuple[bytes, ...], Find]:
    def find(text: RequestText) -> str | None:
        for header, quoted in headers:
            raw = text.headers.get(header)
            if raw is not None:
                place = (unquote if quoted else decode)(raw).strip()
                return None if place in UNKNOWN_PLACES else place
        return None

    return tuple(header for header, _ in headers), find


def _decoded(raw: bytes | None, decoder: Callable[[bytes], str]) -> str | None:
    return None if raw is None else decoder(raw)


def _device(text: RequestText) -> str | None:
    """`mobile`, `tablet` or `desktop` by a few words of the user agent and the client hint: simple on purpose."""
    hint = text.headers.get(b"sec-ch-ua-mobile", b"").strip()
    agent = text.headers.get(b"user-agent", b"")[:AGENT_BYTES_MAX]
    if hint == b"?1":
        return "mobile"
    if _TABLET.search(agent):
        return "tablet"
    if hint == b"?0":
        return "desktop"
    if not agent:
        return None
    return "mobile" if _MOBILE.search(agent) else "desktop"


def _language(header: bytes) -> str | None:
    """The primary subtag (`en` of `en-GB`) of the language that the visitor prefers, in lower case."""
    best, best_quality = None, 0.0
    for part in header.decode("latin-1").split(",")[:32]:
        tag, _, parameter = part.partition(";")
        primary = tag.strip().partition("-")[0].lower()
        quality = _quality(parameter)
        if quality > best_quality and primary.isascii() and primary.isalpha() and len(primary) <= 8:
            best, best_quality = primary, quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0


def _page_of(headers: dict[bytes, bytes], query_string: bytes) -> Page:
    """The original URL that the CDN node names (`X-Original-URI`, `X-Original-URL`), else this request's query."""
    original = headers.get(b"x-original-uri") or headers.get(b"x-original-url")
    if not original:
        return Page(None, None, query_string)
    target = original.partition(b"#")[0]
    host = headers.get(b"x-forwarded-host") or headers.get(b"host")
    if target[:7].lower() == b"http://" or target[:8].lower() == b"https://":
        authority, slash, rest = target.partition(b"://")[2].partition(b"/")
        authority, mark, query_alone = authority.partition(b"?")
        host = authority
        target = slash + rest if slash else b"/" + mark + query_alone
    path, _, query = target.partition(b"?")
    return Page(_bare_host(host) if host else None, path or b"/", query)


def _host_of(url: bytes) -> bytes | None:
    scheme, found, rest = url.partition(b"://")
    if not found or scheme.lower() not in (b"http", b"https"):
        return None
    for end in (b"/", b"?", b"#"):
        rest = rest.partition(end)[0]
    return _bare_host(rest) or None


def _bare_host(authority: bytes) -> bytes:
    """Without user, port and final dot, in lower case."""
    host = authority.rpartition(b"@")[2].partition(b",")[0].strip()
    host = host.partition(b"]")[0] + b"]" if host.startswith(b"[") else host.partition(b":")[0]
    return host.lower().removesuffix(b".")


def _split_cookies(header: bytes) -> dict[bytes, bytes]:
    cookies: dict[bytes, bytes] = {}
    for part in header.split(b";"):
        name, equals, value = part.partition(b"=")
        value = value.strip()
        if equals:
            if len(value) >= 2 and value[:1] == value[-1:] == b'"':
                value = value[1:-1]
            cookies.setdefault(name.strip(), value)
    return cookies


def split_query(query: bytes) -> dict[bytes, bytes]:
    """Raw values by decoded name; of several of one name the first goes."""
    found: dict[bytes, bytes] = {}
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if b"%" in name or b"+" in name:
            try:
                name = unquote_form(name).encode()
            except ValueError:
                continue
        found.setdefault(name, value)
    return found
