"""Regular expressions in RE2's syntax, and texts that they are likely to be found in."""

from __future__ import annotations

from random import Random
from typing import Final

ATOMS: Final = (
    *(
        "a",
        "b",
        "c",
        "A",
        "k",
        "s",
        "é",
        "\u017f",
        "\u212a",
        "É",
        "ß",
        "0",
        "1",
        "_",
        " ",
        "-",
        ".",
        "\n",
        "😀",
        "Ω",
        "ω",
    ),
    *(r"\n", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\t", r"\.", r"\$", r"\_", r"\x41", r"\x{1F600}", r"\101"),
    *(r"\07", r"\C", "^", "$", r"\A", r"\z", r"\b", r"\B", r"\Qa.b\E", r"\Q", "(?i)", "(?s)", "(?m)", "(?-i)", "(?U)"),
    *("(?i-s)", "(?:)", "[ab]", "[^a]", r"[^\n]", "[a-c0-2]", "[[:alpha:]]", "[[:^digit:]]", r"[\d_]", r"[^\W]"),
    *(
        r"\pL",
        r"\PL",
        r"\p{Lu}",
        r"\p{^Greek}",
        r"[^\pN]",
        "[]a]",
        "[a-]",
        "[\u03b1-ω]",
        "[é-ü]",
        "[[:space:]-]",
        r"\p{Any}",
    ),
    *(r"[\x{0}-\x{10FFFF}]", r"[^\x{0}-\x{10FFFF}]", r"[\x{D000}-\x{E000}]"),
)
_OPENINGS: Final = ("(", "(?:", "(?i:", "(?s:", "(?m:", "(?-s:", "(?P<n>", "(?<né>", "(?U:", "(?ims:")
_REPEATS: Final = ("*", "+", "?", "{2}", "{1,2}", "{0,2}", "{2,}", "*?", "+?", "??", "{0}", "{1,3}?", "{9}", "{0,10}")
_NOISE: Final = tuple("()[]{}|*+?\\^$.-:,0123456789abxpPQEzAdDsSwWCiUm<>é\n")
_CHARACTERS: Final = (
    *(
        "a",
        "b",
        "c",
        "A",
        "k",
        "K",
        "s",
        "S",
        "\u212a",
        "\u017f",
        "é",
        "É",
        "ß",
        "ẞ",
        "0",
        "1",
        "9",
        "_",
        " ",
        "-",
        ".",
        "\n",
    ),
    *("😀", "Ω", "ω", "Å", "å", "x", "\t", "\x07", "Z", "\x00", "\x7f", "\u0800", "\ud7ff", "\ue000", "\U0010ffff"),
)


def pattern(chance: Random, depth: int = 3) -> str:
    """A pattern, as a rule a sound one."""
    kind = chance.random()
    if depth == 0 or kind < 0.35:
        return chance.choice(ATOMS)
    if kind < 0.7:
        return "".join(pattern(chance, depth - 1) for _ in range(chance.randint(1, 4)))
    if kind < 0.8:
        return chance.choice(_OPENINGS) + pattern(chance, depth - 1) + ")"
    if kind < 0.88:
        return "|".join(pattern(chance, depth - 1) for _ in range(chance.randint(1, 3)))
    return f"(?:{pattern(chance, depth - 1)}){chance.choice(_REPEATS)}"


def noisy(chance: Random) -> str:
    """A pattern with characters put in anywhere that mean much there."""
    characters = list(pattern(chance))
    for _ in range(chance.randint(1, 3)):
        characters.insert(chance.randint(0, len(characters)), chance.choice(_NOISE))
    return "".join(characters)


def text(chance: Random) -> str:
    """A short text, often of few different characters."""
    few = chance.random() < 0.5
    size = chance.choice((0, 1, 1, 2, 3, 4, 5, 8, 12, 20))
    return "".join(chance.choice("ab\n " if few else _CHARACTERS) for _ in range(size))
