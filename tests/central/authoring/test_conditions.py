"""Conditions checked: what each operator and function makes of which types, and what is said of what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.authoring.scope import RESERVED, Known
from central.authoring.signatures import FUNCTIONS, METHODS
from rulecore.limits import LIMITS
from rulecore.model import OPERATORS, Attr, Call, Const, Expr, Has, InSegment, Quantifier, Type, Var
from tests.central.authoring.condition_scope import ATTRIBUTES, compiled

B, N, D, S, T, P, V = Type.BOOL, Type.INT, Type.DOUBLE, Type.STRING, Type.TIMESTAMP, Type.DURATION, Type.SEMVER
LS, LI = Type.LIST_STRING, Type.LIST_INT

VIP, AGE, SCORE, CITY = Attr("vip", B), Attr("age", N), Attr("score", D), Attr("city", S)
NOW, SINCE, SPENT, ZONE = Attr("now", T), Attr("since", T), Attr("spent", P), Attr("timezone", S)
DEVICE, TAGS, SIZES, IP = Attr("device", S), Attr("tags", LS), Attr("sizes", LI), Attr("ip", S)
HOUR, DAY_2020 = 3_600_000_000, 1_577_836_800_000_000


def c(value: bool | float | str | tuple[int, ...] | tuple[str, ...], kind: Type | None = None) -> Const:
    guessed = {bool: B, int: N, float: D, str: S}.get(type(value))
    if isinstance(value, tuple):
        guessed = LS if isinstance(value[0], str) else LI
    chosen = kind or guessed
    assert chosen is not None
    return Const(chosen, value)


def call(op: str, *args: Expr, gives: Type = B) -> Call:
    return Call(op, args, gives)


def semver(of: Expr) -> Call:
    return call("semver", of, gives=V)


def year(of: Expr, zone: Expr) -> Call:
    return call("get_full_year", of, zone, gives=N)


MEANINGS: list[tuple[str, Expr]] = [
    ("vip", VIP),
    ("true", c(True)),
    ("(vip)", VIP),
    ("!!vip", VIP),
    ("!vip", call("not", VIP)),
    ("vip && vip && age == 1", call("and", VIP, VIP, call("eq", AGE, c(1)))),
    ("vip || vip || false", call("or", VIP, VIP, c(False))),
    ("vip ? vip : true", call("cond", VIP, VIP, c(True))),
    ("vip == (age > 1)", call("eq", VIP, call("gt", AGE, c(1)))),
    ("vip != true", call("ne", VIP, c(True))),
    ("age != 0x10", call("ne", AGE, c(16))),
    ("city < 'm'", call("lt", CITY, c("m"))),
    ("'m' <= city", call("le", c("m"), CITY)),
    ("now > since", call("gt", NOW, SINCE)),
    ("spent >= duration('1h')", call("ge", SPENT, c(HOUR, P))),
    ("age < 2.5", call("lt", AGE, c(2.5))),
    ("score == 3", call("eq", SCORE, c(3))),
    ("score >= age", call("ge", SCORE, AGE)),
    ("age + 1 > 2", call("gt", call("add", AGE, c(1), gives=N), c(2))),
    ("score - 1.5 > 2.0", call("gt", call("sub", SCORE, c(1.5), gives=D), c(2.0))),
    ("age * 2 == 4", call("eq", call("mul", AGE, c(2), gives=N), c(4))),
    ("score / 2.0 == 4.0", call("eq", call("div", SCORE, c(2.0), gives=D), c(4.0))),
    ("age % 2 == 0", call("eq", call("mod", AGE, c(2), gives=N), c(0))),
    ("-age < -1", call("lt", call("neg", AGE, gives=N), c(-1))),
    ("-score < -1.0", call("lt", call("neg", SCORE, gives=D), c(-1.0))),
    ("age == -(5)", call("eq", AGE, call("neg", c(5), gives=N))),
    ("now + duration('1h') > since", call("gt", call("add", NOW, c(HOUR, P), gives=T), SINCE)),
    ("duration('1h') + now > since", call("gt", call("add", c(HOUR, P), NOW, gives=T), SINCE)),
    ("now - spent > since", call("gt", call("sub", NOW, SPENT, gives=T), SINCE)),
    ("now - since > spent + spent", call("gt", call("sub", NOW, SINCE, gives=P), call("add", SPENT, SPENT, gives=P))),
    ("spent - spent == spent", call("eq", call("sub", SPENT, SPENT, gives=P), SPENT)),
    ("now >= timestamp('2020-01-01T00:00:00Z')", call("ge", NOW, c(DAY_2020, T))),
    ("now < timestamp('2020-01-01T01:00:00.000001+01:00')", call("lt", NOW, c(DAY_2020 + 1, T))),
    ("city in ['a', 'b',]", call("in", CITY, c(("a", "b")))),
    ("age in [1, -2]", call("in", AGE, c((1, -2)))),
    ("age in ([1])", call("in", AGE, c((1,)))),
    ("age in [1, 2.5]", call("or", call("eq", AGE, c(1)), call("eq", AGE, c(2.5)))),
    ("score in [1.5, -2]", call("or", call("eq", SCORE, c(1.5)), call("eq", SCORE, c(-2)))),
    ("score in [1.5]", call("eq", SCORE, c(1.5))),
    ("vip in [true]", call("eq", VIP, c(True))),
    (
        "spent in [duration('1h'), duration('2h')]",
        call("or", call("eq", SPENT, c(HOUR, P)), call("eq", SPENT, c(2 * HOUR, P))),
    ),
    ("now in [timestamp('2020-01-01T00:00:00Z')]", call("eq", NOW, c(DAY_2020, T))),
    ("semver(version) in [semver('1.0.0')]", call("eq", semver(Attr("version", S)), semver(c("1.0.0")))),
    ("'a' in tags", call("in", c("a"), TAGS)),
    ("city in tags", call("in", CITY, TAGS)),
    ("age in sizes", call("in", AGE, SIZES)),
    ("1 in [1, 2]", call("in", c(1), c((1, 2)))),
    ("'vip_buyers' in segments", InSegment("vip_buyers")),
    ("sets.intersects(segments, ['a', 'b'])", call("or", InSegment("a"), InSegment("b"))),
    ("sets.contains(segments, ['a', 'b'])", call("and", InSegment("a"), InSegment("b"))),
    ("sets.contains(segments, ['a'])", InSegment("a")),
    ("sets.intersects(tags, ['a'])", call("intersects", TAGS, c(("a",)))),
    ("sets.contains([1], sizes)", call("contains_all", c((1,)), SIZES)),
    ("has(age) && has(url.path)", call("and", Has("age"), Has("url.path"))),
    ("size(city) == size(tags)", call("eq", call("size", CITY, gives=N), call("size", TAGS, gives=N))),
    ("size(sizes) > 1", call("gt", call("size", SIZES, gives=N), c(1))),
    ("url.path.startsWith('/a')", call("starts_with", Attr("url.path", S), c("/a"))),
    ("city.endsWith(ip)", call("ends_with", CITY, IP)),
    ("city.contains('x')", call("contains", CITY, c("x"))),
    (r"city.matches(r'^\d+$')", call("matches", CITY, c(r"^\d+$"))),
    ("city.lowerAscii() == 'x'", call("eq", call("lower_ascii", CITY, gives=S), c("x"))),
    ("semver(version) < semver('2.0.0-rc.1')", call("lt", semver(Attr("version", S)), semver(c("2.0.0-rc.1")))),
    ("cidr('10.0.0.0/8').containsIP(ip)", call("contains_ip", c("10.0.0.0/8"), IP)),
    ("cidr('2001:DB8:0::/32').containsIP('2001:db8::1')", call("contains_ip", c("2001:db8::/32"), c("2001:db8::1"))),
    ("now.getFullYear(timezone) == 1", call("eq", year(NOW, ZONE), c(1))),
    ("now.getFullYear('Europe/Paris') == 1", call("eq", year(NOW, c("Europe/Paris")), c(1))),
    ("now.getFullYear('-09:30') == 1", call("eq", year(NOW, c("-09:30")), c(1))),
    ("now.getFullYear() == 1", call("eq", year(NOW, c("UTC")), c(1))),
    ("spent.getHours() == 1", call("eq", call("get_hours", SPENT, gives=N), c(1))),
    ("tags.exists(i, i == city)", Quantifier("exists", TAGS, Var("i", 0, S), call("eq", Var("i", 0, S), CITY))),
    ("[1, 2].all(i, i in sizes)", Quantifier("all", c((1, 2)), Var("i", 0, N), call("in", Var("i", 0, N), SIZES))),
    (
        "tags.exists(i, sizes.all(j, size(i) == j))",
        Quantifier(
            "exists",
            TAGS,
            Var("i", 0, S),
            Quantifier("all", SIZES, Var("j", 1, N), call("eq", call("size", Var("i", 0, S), gives=N), Var("j", 1, N))),
        ),
    ),
    (
        "tags.exists(age, tags.all(age, age == 'x'))",
        Quantifier(
            "exists",
            TAGS,
            Var("age", 0, S),
            Quantifier("all", TAGS, Var("age", 1, S), call("eq", Var("age", 1, S), c("x"))),
        ),
    ),
    (
        "device == 'mobile' || 'tablet' != device",
        call("or", call("eq", DEVICE, c("mobile")), call("ne", c("tablet"), DEVICE)),
    ),
    *(
        (f"now.{name}('UTC') == 1", call("eq", call(method.overloads[0].op, NOW, c("UTC"), gives=N), c(1)))
        for name, method in METHODS.items()
        if name.startswith("get")
    ),
]


@pytest.mark.parametrize(("text", "meaning"), MEANINGS)
def test_a_condition_means(text: str, meaning: Expr) -> None:
    expr, problems = compiled(text)
    assert not problems.all
    assert expr == meaning


def test_every_operator_of_the_model_has_a_way_to_be_written() -> None:
    def ops(expr: Expr) -> set[str]:
        match expr:
            case Call(op=op, args=args):
                return {op}.union(*map(ops, args))
            case Quantifier(body=body):
                return ops(body)
        return set()

    assert set().union(*(ops(meaning) for _, meaning in MEANINGS)) == OPERATORS.keys()


def test_every_function_of_the_table_makes_an_operator_of_the_model() -> None:
    made = {one.op for function in (*FUNCTIONS.values(), *METHODS.values()) for one in function.overloads}
    assert made - {""} <= OPERATORS.keys()


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("device = mobile and age > 'x'", [8, 10, 17, 27]),
        ("citty == 'x' && !age && vip == 'y'", [1, 18, 32]),
        ("nosuch(age) && city.startsWith(5) || now.getHours('x') > 1", [1, 32, 51]),
        ("age in ['a', 'b'] && 'c' in sizes", [9, 14, 22]),
        ("tags.exists(i, i == 5) || sizes.all(j, j == 'x')", [21, 45]),
        ("unknown.foo('x') + 1 > other", [1, 9, 24]),
        ("unknown > 5 && unknown2 in [1] && size(unknown3) > 'x'", [1, 16, 40, 52]),
        ("1 < unknown < 5", [5, 13]),
    ],
)
def test_all_that_is_wrong_is_told_at_once_and_nothing_that_follows_from_it(text: str, columns: list[int]) -> None:
    expr, problems = compiled(text)
    assert expr is None
    assert [problem.position.column for problem in problems.all] == columns


def test_problems_of_a_condition_over_lines_have_their_line() -> None:
    _, problems = compiled("vip\n  && devic == 'x'")
    assert [(problem.position.line, problem.position.column) for problem in problems.all] == [(2, 6)]


@pytest.mark.parametrize("word", sorted(RESERVED - {"true", "false", "null", "in"}))
def test_no_reserved_word_is_a_name_even_if_an_attribute_had_it(word: str) -> None:
    expr, problems = compiled(f"{word} == 1", {word: Known(N)})
    assert expr is None
    assert problems.all[0].message == f"`{word}` is a reserved word of CEL, never a name"


def test_the_longest_name_is_meant() -> None:
    attributes = {"a": Known(S), "a.b": Known(N), "a.b.contains": Known(B)}
    assert compiled("a.b > 1", attributes)[0] == call("gt", Attr("a.b", N), c(1))
    assert compiled("a.b.contains", attributes)[0] == Attr("a.b.contains", B)
    assert compiled("a.contains('b')", attributes)[0] == call("contains", Attr("a", S), c("b"))
    _, problems = compiled("a.b.c", attributes)
    assert problems.all[0].message == "`a.b` is an int and has no field `c`"


def test_what_is_too_large_is_refused() -> None:
    terms = LIMITS.formula_nodes_per_rule_max
    _, problems = compiled(" || ".join(["vip"] * terms))
    assert [problem.message for problem in problems.all] == [f"the condition has {terms + 1:,} terms"]
    _, problems = compiled("city == '" + "ü" * (LIMITS.string_bytes_max // 2 + 1) + "'")
    assert [problem.message for problem in problems.all] == ["this string has 32,770 bytes"]
    _, problems = compiled(f"age in {list(range(LIMITS.list_items_max + 1))}")
    assert [problem.message for problem in problems.all] == ["this list has 1,001 items"]
    _, problems = compiled("!(" * 64 + "vip" + ")" * 64)
    assert [problem.message for problem in problems.all] == ["the condition nests 65 deep"]


WORDS = st.sampled_from(
    [
        *ATTRIBUTES,
        *("unknown", "segments", "i", "loop", "and", "not", ".x", "'a'", "'mobile'", "1", "2.5", "true", "null"),
        *("(", ")", "[", "]", ",", "&&", "||", "!", "==", "<", ">=", "in", "+", "-", "%", "?", ":", "="),
        *("size(", "has(", "duration('1h')", "duration('x')", "semver(", "cidr('10.0.0.0/8')", "sets.contains("),
        *(".exists(i,", ".all(i,", ".matches('a')", ".matches(", ".getHours()", ".containsIP(ip)", ".startsWith("),
    ]
)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(st.lists(WORDS, max_size=12).map(" ".join))
def test_whatever_comes_there_is_an_expression_or_a_problem(text: str) -> None:
    expr, problems = compiled(text)
    assert (expr is None) == bool(problems.all)
    assert all(1 <= problem.position.column <= len(text) + 1 for problem in problems.all)
