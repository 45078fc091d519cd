"""Text of expressions: readable, with no more parentheses than CEL needs, and different for different meanings."""

from __future__ import annotations

import pytest

from rulecore.model import Attr, Call, Const, Expr, Has, InSegment, Quantifier, Type, Var
from rulecore.render import render

A, B, C = (Attr(name, Type.INT) for name in "abc")
P, Q = Attr("p", Type.BOOL), Attr("q", Type.BOOL)
S = Attr("s", Type.STRING)


def call(op: str, *args: Expr) -> Call:
    return Call(op, args, Type.BOOL)


def const(kind: Type, value: bool | float | str) -> Const:
    return Const(kind, value)


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (call("and", call("or", P, Q), P), "(p || q) && p"),
        (call("or", call("and", P, Q), P), "p && q || p"),
        (call("not", call("eq", A, B)), "!(a == b)"),
        (call("not", P), "!p"),
        (call("eq", call("sub", A, call("sub", B, C)), call("sub", call("sub", A, B), C)), "a - (b - c) == a - b - c"),
        (call("mul", call("add", A, B), C), "(a + b) * c"),
        (call("neg", const(Type.INT, 1)), "-(1)"),
        (const(Type.INT, -(2**63)), "-9223372036854775808"),
        (call("neg", call("neg", A)), "-(-a)"),
        (call("sub", A, const(Type.INT, -1)), "a - -1"),
        (call("cond", P, Q, call("cond", Q, P, P)), "p ? q : q ? p : p"),
        (call("eq", call("eq", P, Q), P), "(p == q) == p"),
        (
            call("starts_with", call("lower_ascii", S), const(Type.STRING, "it's\n")),
            "s.lowerAscii().startsWith('it\\'s\\n')",
        ),
        (call("size", S), "size(s)"),
        (call("contains_ip", const(Type.STRING, "10.0.0.0/8"), S), "cidr('10.0.0.0/8').containsIP(s)"),
        (Has("url.path"), "has(url.path)"),
        (call("not", InSegment("vip")), "!('vip' in segments)"),
        (const(Type.DOUBLE, 1.0), "1.0"),
        (const(Type.DOUBLE, -0.0), "-0.0"),
        (const(Type.DOUBLE, 1e300), "1e+300"),
        (const(Type.TIMESTAMP, -62_135_596_800_000_000), "timestamp('0001-01-01T00:00:00Z')"),
        (const(Type.TIMESTAMP, 1_500_000), "timestamp('1970-01-01T00:00:01.500000Z')"),
        (const(Type.DURATION, -90_500_000), "duration('-90.5s')"),
        (const(Type.DURATION, 5_400_000_000), "duration('90m')"),
        (const(Type.DURATION, -7_200_000_000), "duration('-2h')"),
        (const(Type.DURATION, 0), "duration('0s')"),
        (const(Type.STRING, "a\u0007\U0001f600\u200b"), "'a\\u0007\U0001f600\\u200b'"),
        (
            Quantifier("all", Attr("l", Type.LIST_INT), Var("i", 0, Type.INT), call("gt", Var("i", 0, Type.INT), A)),
            "l.all(i, i > a)",
        ),
    ],
)
def test_text_reads_as_an_author_would_write_it(expr: Expr, text: str) -> None:
    assert render(expr) == text


def test_constants_of_different_types_have_different_texts() -> None:
    values = [
        const(Type.INT, 1),
        const(Type.DOUBLE, 1.0),
        const(Type.STRING, "1"),
        const(Type.BOOL, True),
        const(Type.DURATION, 1_000_000),
        const(Type.TIMESTAMP, 1_000_000),
        const(Type.DOUBLE, 0.0),
        const(Type.DOUBLE, -0.0),
    ]
    assert len({render(value) for value in values}) == len(values)
