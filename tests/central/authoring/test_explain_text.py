"""An explanation is a tree that can be read: exactly this text, in colour where it is wanted."""

from __future__ import annotations

from textwrap import dedent
from typing import Final

from central.authoring.explain_text import render_explanation
from rulecore.explanation import (
    AttributeTrace,
    Explanation,
    FormulaTrace,
    Outcome,
    PredicateTrace,
    RuleTrace,
    Truth,
)


def leaf(text: str, value: Truth, why: str = "", wanted: Truth = Truth.TRUE) -> FormulaTrace:
    return FormulaTrace("is", value is wanted, PredicateTrace(text, value, why), wanted)


CONDITION: Final = FormulaTrace(
    "all",
    False,
    of=(
        leaf("device == 'mobile'", Truth.TRUE),
        FormulaTrace(
            "any",
            False,
            of=(
                leaf("city == 'Rome'", Truth.FALSE, "city is 'Oslo'"),
                leaf("bot", Truth.ERROR, "bot is absent", Truth.FALSE),
                leaf("age > 3", Truth.TRUE, wanted=Truth.FALSE),
                leaf("age > 9", Truth.FALSE, wanted=Truth.FALSE),
            ),
        ),
    ),
)
WHOLE: Final = Explanation(
    placement="hero",
    variant="plain",
    reason="SPLIT",
    release="1",
    rules=(
        RuleTrace("mobile", Outcome.CONDITION, condition=CONDITION),
        RuleTrace("half", Outcome.OUTSIDE_PERCENT, "the unit falls at 72.637 of 50 percent"),
        RuleTrace("test", Outcome.WON),
        RuleTrace("rest", Outcome.NOT_REACHED),
    ),
    attributes=(
        AttributeTrace("age", "present", 7),
        AttributeTrace("bot", "absent"),
        AttributeTrace("city", "present", "Osl'o\n"),
        AttributeTrace("interests", "present", ["a", "b"]),
        AttributeTrace("left", "present", "duration('1h')"),
        AttributeTrace("new", "present", True),
        AttributeTrace("now", "present", "timestamp('2026-01-01T12:00:00Z')"),
        AttributeTrace("score", "present", 1.5),
        AttributeTrace("tier", "masked"),
    ),
    segments=("regulars", "vip"),
    experiment="winter",
    holdout="everyone",
    held_out=("test", "sale"),
)


def test_an_explanation_is_this_tree() -> None:
    assert render_explanation(WHOLE) + "\n" == dedent("""\
        hero: plain, reason SPLIT, experiment winter, held out by everyone from sale of test
          mobile: condition did not hold
            all of
              true   device == 'mobile'
              any of
                false  city == 'Rome'  (city is 'Oslo')
                error  !(bot)  (bot is absent)
                false  !(age > 3)
                true   !(age > 9)
          half: outside percent (the unit falls at 72.637 of 50 percent)
          test: won
          rest: not reached
          attributes
            age        7
            bot        absent
            city       'Osl\\'o\\n'
            interests  ['a', 'b']
            left       duration('1h')
            new        true
            now        timestamp('2026-01-01T12:00:00Z')
            score      1.5
            tier       masked
          segments: regulars, vip
        """)


def test_in_colour_it_is_this_tree() -> None:
    explanation = Explanation(
        "hero",
        "sale",
        "TARGETING_MATCH",
        "1",
        (
            RuleTrace("first", Outcome.CONDITION, condition=leaf("bot", Truth.ERROR, "bot is absent")),
            RuleTrace("second", Outcome.WON, condition=leaf("a", Truth.FALSE, wanted=Truth.FALSE)),
            RuleTrace("third", Outcome.NOT_REACHED),
        ),
        (AttributeTrace("bot", "absent"),),
        (),
        rule="second",
    )
    assert render_explanation(explanation, colour=True).split("\n") == [
        "hero: \x1b[1msale\x1b[0m, reason TARGETING_MATCH, rule second",
        "  \x1b[1mfirst\x1b[0m: \x1b[31mcondition did not hold\x1b[0m",
        "    \x1b[33merror\x1b[0m  bot\x1b[2m  (bot is absent)\x1b[0m",
        "  \x1b[1msecond\x1b[0m: \x1b[32mwon\x1b[0m",
        "    \x1b[32mtrue \x1b[0m  !(a)",
        "  \x1b[1mthird\x1b[0m: \x1b[2mnot reached\x1b[0m",
        "  attributes",
        "    bot  \x1b[2mabsent\x1b[0m",
    ]


def test_colours_change_nothing_else() -> None:
    painted = render_explanation(WHOLE, colour=True)
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"):
        painted = painted.replace(code, "")
    assert painted == render_explanation(WHOLE)


def test_what_there_is_none_of_is_not_mentioned() -> None:
    assert render_explanation(Explanation("hero", "none", "STATIC", "1", (), (), ())) == "hero: none, reason STATIC"


def test_no_value_brings_control_characters_to_the_terminal() -> None:
    explanation = Explanation(
        "hero", "none", "DEFAULT", "1", (), (AttributeTrace("city", "present", "\x1b[2J\x07\x9b"),), ()
    )
    assert not set(render_explanation(explanation)) & {"\x1b", "\x07", "\x9b"}
