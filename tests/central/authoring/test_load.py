"""What an author leaves out is filled in as the language says; the order of files and names changes nothing."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.authoring.load import load_bundle
from rulecore import write_bundle
from rulecore.model import Attribute, Bundle, Cap, InSegment, Rule, Source, Type
from tests.central.authoring.written import load, sound, write

STOREFRONT: Final = Path(__file__).parents[3] / "rules" / "storefront"
PERSONAL: Final = ("personalization",)


def rule(directory: Path, fields: str, bundle: str = "bundle: shop\n") -> Rule:
    """A bundle's only rule."""
    home = f"placements: {{hero: {{default: none, variants: {{a: {{}}, b: {{}}}}, rules: [{{id: one, {fields}}}]}}}}\n"
    loaded = load(directory, bundle=bundle, home=home)
    assert loaded.problems.errors == []
    assert loaded.bundle is not None
    return loaded.bundle.placements[0].rules[0]


def payload(directory: Path, text: str) -> bytes | None:
    """The payload written in these words."""
    home = f"placements:\n  hero:\n    default: a\n    variants:\n      a:\n        payload: {text}\n"
    return sound(directory, home=home).placements[0].variants[0].payload


def attributes(bundle: Bundle) -> dict[str, Attribute]:
    return {one.name: one for one in bundle.attributes}


def test_a_bundle_needs_no_more_than_a_name(tmp_path: Path) -> None:
    assert sound(tmp_path, bundle="bundle: shop\n") == Bundle("shop", "UTC", (), (), (), (), ())


def test_a_placement_needs_no_more_than_a_default(tmp_path: Path) -> None:
    bundle = sound(tmp_path, home="placements: {hero: {default: a, variants: {a: {}}}, bar: {default: none}}\n")
    assert [(one.name, one.default, one.rules, one.holdout, one.enabled) for one in bundle.placements] == [
        ("bar", "none", (), None, True),
        ("hero", "a", (), None, True),
    ]
    assert [one.name for one in bundle.placements[0].variants] == ["none"]


def test_none_is_a_variant_only_where_something_shows_it(tmp_path: Path) -> None:
    home = "placements: {hero: {default: a, variants: {a: {}}, rules: [{id: one, when: bot, serve: %s}]}}\n"
    shown, hidden = (sound(tmp_path, home=home % variant).placements[0] for variant in ("none", "a"))
    assert [one.name for one in shown.variants] == ["a", "none"]
    assert [one.name for one in hidden.variants] == ["a"]


def test_a_rule_without_more_always_serves_to_everyone(tmp_path: Path) -> None:
    assert rule(tmp_path, "serve: a") == Rule("one", None, (), "visitor_id", "hero/one", serve="a")


def test_rules_keep_the_order_of_the_author_and_variants_too(tmp_path: Path) -> None:
    home = """
        placements:
          hero:
            default: z
            variants: {z: {}, a: {}}
            rules:
              - {id: second, when: bot, serve: a}
              - {id: first, when: "!bot", serve: z}
        """
    (hero,) = sound(tmp_path, home=home).placements
    assert [one.id for one in hero.rules] == ["second", "first"]
    assert [one.name for one in hero.variants] == ["z", "a"]


@pytest.mark.parametrize(
    ("fields", "purposes"),
    [
        ("serve: a", ()),
        ("serve: a, when: 'session.seconds > 3'", ()),
        ("serve: a, percent: 10", PERSONAL),
        ("serve: a, experiment: {id: e}", ()),
        ("serve: a, experiment: {id: e, layer: l, range: [0, 50]}", PERSONAL),
        ("split: {a: 1, b: 1}, salt: s", PERSONAL),
        ("split: {a: 1, b: 1}, salt: s, sticky: cookie", PERSONAL),
        ("serve: a, cap: {shows: 1, per: day}", PERSONAL),
        ("serve: a, percent: 10, purpose: none", ()),
        ("serve: a, percent: 10, purpose: [none]", ()),
        ("serve: a, purpose: analytics", ("analytics",)),
        ("serve: a, purpose: [storage, analytics, storage]", ("analytics", "storage")),
        ("serve: a, purpose: []", ()),
    ],
)
def test_a_rule_asks_consent_for_what_it_uses(tmp_path: Path, fields: str, purposes: tuple[str, ...]) -> None:
    assert rule(tmp_path, fields, "bundle: shop\nlayers: {l: {}}\n").purposes == purposes


def test_attributes_ask_consent_unless_the_request_itself_says_them(tmp_path: Path) -> None:
    bundle = sound(
        tmp_path,
        bundle="""
        bundle: shop
        provided: {query.color: {}, query.size: {purpose: analytics}, device: {purpose: storage}}
        attributes:
          tier: {type: string}
          cart.items: {type: int, from: cookie items, purpose: none}
        """,
        home="""
        placements:
          hero:
            default: none
            rules:
              - id: all
                when:
                  - "has(query.color) && has(query.size) && has(device) && has(city) && has(visitor_id)"
                  - "has(session.seconds) && has(consent) && has(now)"
                serve: none
        """,
    )
    assert {name: one.purposes for name, one in attributes(bundle).items()} == {
        "cart.items": (),
        "city": (),
        "consent": (),
        "device": ("storage",),
        "now": (),
        "query.color": (),
        "query.size": ("analytics",),
        "session.seconds": PERSONAL,
        "tier": PERSONAL,
        "visitor_id": PERSONAL,
    }


def test_precomputed_segments_ask_consent_and_those_by_condition_do_not(tmp_path: Path) -> None:
    bundle = sound(
        tmp_path,
        bundle="""
        bundle: shop
        segments:
          bots: {when: bot}
          fans: {when: "'vip' in segments", purpose: analytics}
          quiet: {purpose: none, description: Declared only}
          loud: {description: Declared only}
        """,
    )
    assert {one.name: (one.purposes, one.when is None) for one in bundle.segments} == {
        "bots": ((), False),
        "fans": (("analytics",), False),
        "loud": (PERSONAL, True),
        "quiet": ((), True),
        "vip": (PERSONAL, True),
    }


def test_a_segment_named_only_in_a_segment_that_is_named_is_found(tmp_path: Path) -> None:
    bundle = sound(
        tmp_path,
        bundle="""
        bundle: shop
        segments: {fans: {when: "'steady' in segments"}, steady: {when: "!('lapsed' in segments)"}}
        """,
    )
    assert [one.name for one in bundle.segments] == ["fans", "lapsed", "steady"]
    assert bundle.segments[0].when == InSegment("steady")


def test_segments_are_precomputed_where_a_condition_only_mentions_their_name(tmp_path: Path) -> None:
    one = rule(tmp_path, "serve: a, when: \"sets.intersects(segments, ['x', 'y'])\"")
    assert one.when is not None
    bundle = load_bundle(tmp_path).bundle
    assert bundle is not None
    assert [segment.name for segment in bundle.segments] == ["x", "y"]


def test_holdouts_and_layers_are_salted_by_their_names(tmp_path: Path) -> None:
    bundle = sound(
        tmp_path,
        bundle="""
        bundle: shop
        attributes: {account: {type: int}}
        holdouts: {plain: {percent: 0.001}, own: {percent: 100, salt: s, unit: account, purpose: analytics}}
        layers: {plain: {}, own: {salt: t, unit: account}}
        """,
    )
    assert [(one.name, one.share, one.salt, one.unit, one.purposes) for one in bundle.holdouts] == [
        ("own", 100_000, "s", "account", ("analytics",)),
        ("plain", 1, "plain", "visitor_id", PERSONAL),
    ]
    assert [(one.name, one.salt, one.unit) for one in bundle.layers] == [
        ("own", "t", "account"),
        ("plain", "plain", "visitor_id"),
    ]


@pytest.mark.parametrize(
    ("fields", "salt"),
    [
        ("percent: 5, serve: a", "hero/one"),
        ("percent: 5, serve: a, experiment: {id: e}", "e"),
        ("split: {a: 1}, experiment: {id: e}", "e"),
        ("split: {a: 1}, experiment: {id: e}, salt: own", "own"),
        ("percent: 5, serve: a, salt: 007", "007"),
    ],
)
def test_a_rule_is_salted_by_its_own_salt_else_its_experiment_else_its_name(
    tmp_path: Path, fields: str, salt: str
) -> None:
    assert rule(tmp_path, fields).salt == salt


@pytest.mark.parametrize(
    ("fields", "unit"),
    [
        ("percent: 5", "visitor_id"),
        ("percent: 5, unit: account", "account"),
        ("experiment: {id: e, layer: l, range: [0, 1]}", "household"),
        ("experiment: {id: e, layer: l, range: [0, 1]}, unit: account", "account"),
    ],
)
def test_a_unit_is_the_rule_s_else_its_layer_s_else_the_visitor(tmp_path: Path, fields: str, unit: str) -> None:
    bundle = """
        bundle: shop
        attributes: {account: {type: int}, household: {type: string}}
        layers: {l: {unit: household}}
        """
    assert rule(tmp_path, f"serve: a, {fields}", bundle).unit == unit


def test_an_experiment_takes_its_range_of_the_layer(tmp_path: Path) -> None:
    one = rule(
        tmp_path,
        "serve: a, experiment: {id: e, layer: l, range: [33.333, 66.667]}",
        "bundle: shop\nlayers: {l: {}}\n",
    )
    assert (one.experiment, one.layer, one.layer_range) == ("e", "l", (33_333, 66_667))


@pytest.mark.parametrize(
    ("percent", "share"),
    [("0", 0), ("100", 100_000), ("0.001", 1), ("99.999", 99_999), ("12.5", 12_500), ("0.070", 70), ("29.0", 29_000),
     ("0.29", 290), ("57.001", 57_001)],
)  # fmt: skip
def test_percent_is_exact_in_steps_of_a_thousandth(tmp_path: Path, percent: str, share: int) -> None:
    assert rule(tmp_path, f"serve: a, percent: {percent}").percent == share


@given(st.integers(0, 100_000))
def test_every_step_of_percent_can_be_written(tmp_path_factory: pytest.TempPathFactory, share: int) -> None:
    directory = tmp_path_factory.mktemp("bundle")
    assert rule(directory, f"serve: a, percent: {share // 1000}.{share % 1000:03}").percent == share


def test_a_split_keeps_its_weights_in_the_order_written(tmp_path: Path) -> None:
    one = rule(tmp_path, "split: {b: 2, none: 0, a: 1}, salt: s, sticky: cookie")
    assert (one.serve, one.split, one.sticky) == (None, (("b", 2), ("none", 0), ("a", 1)), True)


@pytest.mark.parametrize(
    ("zone", "written", "utc"),
    [
        ("UTC", "2026-11-20", "2026-11-20T00:00:00+00:00"),
        ("America/New_York", "2026-11-20", "2026-11-20T05:00:00+00:00"),
        ("America/New_York", "2026-07-20", "2026-07-20T04:00:00+00:00"),
        ("America/New_York", "2026-11-20T18:00", "2026-11-20T23:00:00+00:00"),
        ("America/New_York", "2026-11-20 18:00:01.5", "2026-11-20T23:00:01.500000+00:00"),
        ("America/New_York", "2026-11-20T18:00:00Z", "2026-11-20T18:00:00+00:00"),
        ("America/New_York", "2026-11-20T18:00:00+09:00", "2026-11-20T09:00:00+00:00"),
        ("Asia/Kolkata", "2026-11-20", "2026-11-19T18:30:00+00:00"),
        ("+01:00", "2026-11-20", "2026-11-19T23:00:00+00:00"),
        # Where midnight is skipped, a day begins later.
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00+00:00"),
    ],
)
def test_dates_are_of_the_bundle_s_zone(tmp_path: Path, zone: str, written: str, utc: str) -> None:
    wanted = int(datetime.fromisoformat(utc).timestamp() * 1_000_000)
    bundle = f"bundle: shop\ntimezone: '{zone}'\n"
    assert rule(tmp_path, f"serve: a, starts: '{written}'", bundle).starts == wanted
    assert rule(tmp_path, f"serve: a, ends: '{written}'", bundle).ends == wanted


@given(st.dates(date(1971, 1, 1), date(2037, 1, 1)), st.sampled_from(["Europe/Paris", "Asia/Tokyo", "UTC"]))
def test_a_day_begins_when_its_zone_says(tmp_path_factory: pytest.TempPathFactory, day: date, zone: str) -> None:
    midnight = datetime.combine(day, time(), ZoneInfo(zone))
    written = rule(tmp_path_factory.mktemp("b"), f"serve: a, starts: {day}", f"bundle: b\ntimezone: {zone}")
    assert written.starts == int(midnight.timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("text", "json"),
    [
        ("true", b"true"), ("false", b"false"), ("null", b"null"), ("0", b"0"), ("-7", b"-7"), ("1.5", b"1.5"),
        ("9223372036854775807", b"9223372036854775807"), ("1.10", b'"1.10"'), ("1.0", b"1.0"), ("1e3", b'"1e3"'),
        ("007", b'"007"'), ("+1", b'"+1"'), (".5", b'".5"'), ("0x1F", b'"0x1F"'), ("1_000", b'"1_000"'),
        ("123456789012345678901234567890", b'"123456789012345678901234567890"'), ("no", b'"no"'), ("yes", b'"yes"'),
        ("on", b'"on"'), ("~", b'"~"'), ("True", b'"True"'), ("NULL", b'"NULL"'), (".inf", b'".inf"'),
        ("NaN", b'"NaN"'), ("2026-11-20", b'"2026-11-20"'), ("12:30", b'"12:30"'), ("'1'", b'"1"'),
        ('"true"', b'"true"'),
        ("''", b'""'), ("'null'", b'"null"'), ("a text", b'"a text"'), ("[]", b"[]"), ("{}", b"{}"),
        ("{b: 1, a: [x, 2, {}]}", b'{"a":["x",2,{}],"b":1}'), ("{1: a, true: b}", b'{"1":"a","true":"b"}'),
        ("\"\\u00e9\\n\"", '"\u00e9\\n"'.encode()),
    ],
)  # fmt: skip
def test_a_payload_is_typed_as_json_would_and_else_is_text(tmp_path: Path, text: str, json: bytes) -> None:
    assert payload(tmp_path, text) == json


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3),
    max_leaves=6,
))  # fmt: skip
def test_json_is_yaml_that_keeps_its_values(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    text = orjson.dumps(value).decode()
    assert payload(tmp_path_factory.mktemp("b"), text) == orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def test_a_variant_has_no_payload_unless_it_is_given_one(tmp_path: Path) -> None:
    home = "placements: {hero: {default: a, variants: {a: {description: Nothing}}}}\n"
    assert sound(tmp_path, home=home).placements[0].variants[0].payload is None


def test_a_block_is_delivered_as_it_is(tmp_path: Path) -> None:
    content = b"<p>\xff\r\n</p>\n"
    (tmp_path / "blocks" / "hero").mkdir(parents=True)
    (tmp_path / "blocks" / "hero" / "a.html").write_bytes(content)
    home = """
        placements:
          bar: {default: a, variants: {a: {block: hero/a.html, payload: 1}}}
          hero: {default: a, variants: {a: {block: hero/a.html}}}
        """
    bar, hero = (one.variants[0] for one in sound(tmp_path, home=home).placements)
    assert bar.block is not None
    assert (bar.block.path, bar.block.content, bar.payload) == ("hero/a.html", content, b"1")
    assert hero.block == bar.block


def test_further_files_add_placements_and_segments(tmp_path: Path) -> None:
    bundle = sound(
        tmp_path,
        bundle="bundle: shop\nplacements: {m: {default: none}}\n",
        home="placements: {z: {default: none}}\nsegments: {bots: {when: bot}}\n",
        site="placements: {a: {default: none, rules: [{id: one, when: \"'bots' in segments\", serve: none}]}}\n",
    )
    assert [one.name for one in bundle.placements] == ["a", "m", "z"]
    assert [one.name for one in bundle.segments] == ["bots"]


def test_a_cap_and_a_sticky_split_have_attributes_of_their_own_that_no_condition_can_name(tmp_path: Path) -> None:
    home = """
        placements:
          hero:
            default: none
            variants: {a: {}}
            rules:
              - {id: capped, serve: a, cap: {shows: 2, per: day}}
              - {id: kept, split: {a: 1}, salt: s, sticky: cookie}
              - {id: other, when: "%s", serve: a}
        """
    bundle = sound(tmp_path, home=home % "bot")
    assert bundle.placements[0].rules[0].cap == Cap(2, "day")
    assert [one for one in bundle.attributes if one.name.startswith("session.")] == [
        Attribute("session.shows.capped", Type.INT, PERSONAL, Source.PROVIDED),
        Attribute("session.sticky.kept", Type.STRING, PERSONAL, Source.PROVIDED),
    ]
    refused = load(tmp_path, home=home % "session.shows.capped == 1")
    assert [one.message for one in refused.problems.errors] == ["no attribute is named `session.shows.capped`"]


def test_attributes_and_segments_that_nothing_uses_stay_out_unless_declared(tmp_path: Path) -> None:
    bundle = sound(
        tmp_path,
        bundle="""
        bundle: shop
        provided: {device: {values: [mobile]}, query.color: {}}
        attributes: {tier: {type: string, from: snapshot tier}, age: {type: int, from: cookie age}}
        """,
        home="placements: {hero: {default: none, rules: [{id: one, when: \"city == 'X'\", serve: none}]}}\n",
    )
    there = attributes(bundle)
    assert there["age"] == Attribute("age", Type.INT, PERSONAL, Source.COOKIE, "age")
    assert there["city"] == Attribute("city", Type.STRING, (), Source.PROVIDED)
    assert there["tier"] == Attribute("tier", Type.STRING, PERSONAL, Source.SNAPSHOT, "tier")
    assert there.keys().isdisjoint({"device", "query.color", "country"})


def test_a_unit_is_an_attribute_in_use(tmp_path: Path) -> None:
    rule(tmp_path, "serve: a, percent: 50")
    bundle = load_bundle(tmp_path).bundle
    assert bundle is not None
    assert list(attributes(bundle)) == ["visitor_id"]


def test_a_unit_that_has_no_use_is_an_attribute_all_the_same(tmp_path: Path) -> None:
    home = "placements: {hero: {default: none, rules: [{id: one, when: bot, unit: country, serve: none}]}}\n"
    bundle = load(tmp_path, home=home).bundle
    assert bundle is not None
    assert "country" in attributes(bundle)
    assert write_bundle(bundle)


def test_a_list_of_conditions_means_that_all_hold(tmp_path: Path) -> None:
    listed = rule(tmp_path, "serve: a, when: [bot, \"city == 'X'\"]").when
    assert listed == rule(tmp_path, "serve: a, when: \"bot && city == 'X'\"").when


def test_a_disabled_placement_and_a_disabled_rule_stay_in_the_bundle(tmp_path: Path) -> None:
    home = "placements: {hero: {default: none, enabled: false, rules: [{id: one, enabled: false, serve: none}]}}\n"
    (hero,) = sound(tmp_path, home=home).placements
    assert (hero.enabled, hero.rules[0].enabled) == (False, False)


def test_contexts_of_tests_are_typed_by_their_attributes(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        bundle="""
        bundle: shop
        attributes:
          tags: {type: list(string)}
          sizes: {type: list(int)}
          score: {type: double}
          cart.items: {type: int}
          left: {type: duration}
        placements: {hero: {default: none}}
        """,
        site_test="""
        - name: all types
          context:
            city: no
            visitor_id: 007
            bot: true
            country: null
            tags: [no, 1.10]
            sizes: [1, -2]
            score: 1
            cart: {items: 3}
            session: {seconds: 5}
            session.page_views: 6
            now: 2026-11-20T18:00:00Z
            left: 1h30m
            consent: [personalization]
          expect: {hero: none}
        """,
    )
    assert loaded.problems.render() == ""
    assert loaded.tests[0].context == {
        "city": "no",
        "visitor_id": "007",
        "bot": True,
        "country": None,
        "tags": ["no", "1.10"],
        "sizes": [1, -2],
        "score": 1,
        "cart.items": 3,
        "session.seconds": 5,
        "session.page_views": 6,
        "now": "2026-11-20T18:00:00Z",
        "left": "1h30m",
        "consent": ["personalization"],
    }


def test_the_storefront_compiles_to_the_same_bytes_each_time() -> None:
    first, second = (load_bundle(STOREFRONT).bundle for _ in range(2))
    assert first is not None
    assert second is not None
    assert write_bundle(first) == write_bundle(second)


@pytest.mark.parametrize("backwards", [False, True])
def test_the_order_and_the_names_of_files_and_of_fields_change_no_byte(tmp_path: Path, backwards: bool) -> None:
    segments = ["bots: {when: bot}", "fans: {when: \"'vip' in segments\"}"]
    holdouts, layers = ["h: {percent: 1}", "g: {percent: 2}"], ["m: {}", "l: {}"]
    declared = ["tier: {type: string}", "age: {type: int}"]
    hero = "hero: {default: none, rules: [{id: one, when: \"'bots' in segments || age > 3\", serve: none}]}"
    bar = "bar: {default: none, holdout: h, rules: [{id: two, when: \"'fans' in segments\", serve: none}]}"

    def fields(texts: list[str]) -> str:
        return "{" + ", ".join(reversed(texts) if backwards else texts) + "}"

    site = f"""
        bundle: shop
        segments: {fields(segments)}
        holdouts: {fields(holdouts)}
        layers: {fields(layers)}
        attributes: {fields(declared)}
        """
    first, second = ("z", "a") if backwards else ("a", "z")
    parts = {f"{first}.yaml": f"placements: {{{hero}}}\n", f"{second}.yaml": f"placements: {{{bar}}}\n"}
    files = {"bundle.yaml": site} | (dict(reversed(parts.items())) if backwards else parts)
    bundle = load_bundle(write(tmp_path, files)).bundle
    assert bundle is not None
    plain = "bundle: shop\nsegments: {%s}\nholdouts: {%s}\nlayers: {%s}\nattributes: {%s}\nplacements: {%s}\n"
    one_file = plain % tuple(", ".join(texts) for texts in (segments, holdouts, layers, declared, [hero, bar]))
    (tmp_path / "whole").mkdir()
    whole = sound(tmp_path / "whole", bundle=one_file)
    assert msgspec.json.encode(bundle) == msgspec.json.encode(whole)
    assert write_bundle(bundle) == write_bundle(whole)


def test_what_is_wrong_never_gives_a_bundle_and_still_gives_its_source(tmp_path: Path) -> None:
    loaded = load(tmp_path, home="placements: {hero: {default: nothing}, bar: {default: none}}\n")
    assert (loaded.bundle, loaded.tests) == (None, ())
    assert loaded.source is not None
    assert sorted(loaded.source.placements) == ["bar", "hero"]


def test_a_folder_that_is_not_there_is_a_problem_and_not_an_exception(tmp_path: Path) -> None:
    loaded = load_bundle(tmp_path / "nowhere")
    assert (loaded.bundle, loaded.source) == (None, None)
    assert [one.message for one in loaded.problems.errors] == ["there is no such directory"]


@given(st.data())
def test_no_slip_of_the_pen_raises(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    directory = tmp_path_factory.mktemp("bundle")
    for name in ("bundle.yaml", "cart.yaml", "cart.test.yaml"):
        text = (STOREFRONT / name).read_text("utf-8")
        for _ in range(data.draw(st.integers(0, 2))):
            at = data.draw(st.integers(0, len(text)))
            end = min(len(text), at + data.draw(st.integers(0, 12)))
            text = (
                text[:at]
                + data.draw(st.sampled_from(["", "'", '"', ": ", "[", "}", "\n", "  ", "x", "-1"]))
                + text[end:]
            )
        (directory / name).write_text(text, "utf-8")
    loaded = load_bundle(directory)
    assert loaded.problems.render() or loaded.bundle is not None
    assert (loaded.bundle is None) == bool(loaded.problems.error_count)
    assert loaded.bundle is None or write_bundle(loaded.bundle)
