"""Automata find what google-re2 finds, however many patterns share one; a damaged block is refused or harmless."""

from __future__ import annotations

import ctypes
import functools
import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import re2

from rulecore.automata import automata_block, check_pattern
from rulecore.errors import LimitError, PatternError
from rulecore.limits import LIMITS
from tests.rulecore.capi import Text, c_function, text
from tests.strategies_patterns import pattern as any_pattern
from tests.strategies_patterns import text as any_text

_verify = c_function(
    "_automaton",
    "automata_verify",
    ctypes.c_char_p,
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.POINTER(ctypes.c_size_t),
)
_scan = c_function("_automaton", "automata_scan", None, ctypes.c_void_p, ctypes.c_uint32, Text, ctypes.c_void_p)
_HEAD: Final = struct.Struct("<3I")
_SCANNER: Final = struct.Struct("<5I")
_QUIET: Final = re2.Options()
_QUIET.log_errors = False


class Block:
    """A block in memory of its own, so that reading past its end is noticed under a sanitizer."""

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self.memory = (ctypes.c_uint64 * ((self.size + 7) // 8))()
        ctypes.memmove(self.memory, content, self.size)

    def fault(self) -> tuple[str, int] | None:
        at = ctypes.c_size_t()
        what = _verify(self.memory, self.size, ctypes.byref(at))
        return None if what is None else (what.decode(), at.value)

    def scanners(self) -> list[tuple[int, int, int, int, int]]:
        """Patterns, words, the first automaton, those that always run and those with a hint, of each."""
        content = bytes(self.memory)
        count = _HEAD.unpack_from(content)[1] if self.size else 0
        return [_SCANNER.unpack_from(content, _HEAD.size + _SCANNER.size * i) for i in range(count)]

    def found(self, searched: str | bytes, scanner: int = 0) -> set[int]:
        patterns, words, *_ = self.scanners()[scanner]
        found = (ctypes.c_uint64 * max(words, 1))(*([0xAAAA_AAAA_AAAA_AAAA] * words))
        _scan(self.memory, scanner, text(searched), found)
        return {number for number in range(patterns) if found[number // 64] >> number % 64 & 1}


def block(*patterns: str) -> Block:
    built = Block(automata_block([("x", patterns)]))
    assert built.fault() is None
    return built


def expected(patterns: Sequence[str], searched: str) -> set[int]:
    return {number for number, one in enumerate(patterns) if google_re2(one).search(searched)}


@functools.cache
def google_re2(pattern: str) -> Any:
    return re2.compile(pattern)


def agrees(patterns: Sequence[str], texts: Iterable[str]) -> None:
    built = block(*patterns)
    for searched in texts:
        assert built.found(searched) == expected(patterns, searched), (patterns, searched)


def is_sound(pattern: str) -> bool:
    try:
        re2.compile(pattern, _QUIET)
        check_pattern(pattern)
    except (re2.error, LimitError):
        return False
    return True


def agree_on_generated(seed: int, cases: int) -> None:
    chance = random.Random(seed)
    for _ in range(cases):
        wanted = chance.choice((1, 1, 2, 3, 6))
        patterns = [one for one in (any_pattern(chance) for _ in range(wanted)) if is_sound(one)]
        try:
            agrees(patterns, [any_text(chance) for _ in range(12)])
        except LimitError:
            continue


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("foo", ["", "foo", "fo", "xfoox", "ffoo", "fofoo"]),
        ("^a", ["a", "ba", "", "b\na"]),
        ("a$", ["a", "ab", "", "a\n"]),
        ("(?m)^a$", ["a", "b\na", "a\nb", "b\na\nb", "ab", "\na\n"]),
        ("^$", ["", "a", "\n"]),
        ("(?m)^$", ["", "a", "\n", "a\n", "\na", "a\n\nb"]),
        (r"\bfoo\b", ["foo", "foo bar", "a foo", "foobar", "éfooé", "_foo"]),
        (r"\B", ["", "a", "ab", "a b", " ", "é"]),
        (r"\b", ["", "a", " ", "é", " a"]),
        (r"a\b$", ["a", "ab", "a "]),
        (r"\Bo\B", ["o", "foot", "o o", "foo"]),
        (".", ["", "\n", "a", "é", "😀"]),
        ("(?s)^.{2}$", ["é😀", "é", "\n\n", "abc", "ab"]),
        (r"^\C\C$", ["é", "ab", "a", "😀"]),
        ("[^a]", ["a", "aa", "ab", "é", ""]),
        ("(?i)straße", ["STRASSE", "straSSe", "STRAẞE", "Straße"]),
        ("(?i)k", ["k", "K", "\u212a", "x"]),
        ("a{2,3}b", ["ab", "aab", "aaaab", "b"]),
        (".*", ["", "a", "\n"]),
        ("a.*b", ["ab", "a\nb", "axxb", "ba", "aab"]),
        ("a?b*c+d*", ["c", "", "abd", "xcx"]),
        ("(a|b*)(c|d)e?", ["c", "d", "ae", "e"]),
        ("[^\\x{0}-\\x{10FFFF}]", ["", "a", "é"]),
        ("x[^\\x{0}-\\x{10FFFF}]*", ["x", "a"]),
        ("(^a|b$)+", ["a", "cb", "ca", "bc"]),
    ],
)
def test_a_pattern_is_found_where_google_re2_finds_it(pattern: str, texts: list[str]) -> None:
    agrees([pattern], texts)


def test_generated_patterns_are_found_where_google_re2_finds_them() -> None:
    agree_on_generated(1, 250)


@pytest.mark.soak
def test_many_generated_patterns_are_found_where_google_re2_finds_them() -> None:
    agree_on_generated(2, 40_000)


WORDS: Final = ("shop", "sale", "hat", "coat", "new", "shoes", "a", "sa")


def written(chance: random.Random) -> str:
    """A pattern of the kind that rules have."""
    first, second = chance.choice(WORDS), chance.choice(WORDS)
    number = chance.randrange(30)
    kinds = (
        f"^/{first}/{second}{number}",
        f"{first}-?{number}$",
        f"(?i){first}{number}",
        rf"/{first}/\d+/{second}",
        f"{first}.*{second}{number}",
        rf"\b{first}{number}\b",
        rf"[a-z]+-{number}-\d{{2,}}x",
        rf"\d+[a-f]*{number}\s*z",
    )
    return chance.choice(kinds)


def url(chance: random.Random) -> str:
    parts = [f"{chance.choice(WORDS)}{chance.choice(('', '-', '/'))}{chance.randrange(30)}" for _ in range(3)]
    return chance.choice(("/", "", "X")) + "/".join(parts).translate({ord("s"): chance.choice(("s", "S"))})


@pytest.mark.parametrize("states_max", [65_535, 1_000, 150])
def test_many_patterns_are_found_as_each_alone_in_one_automaton_or_in_several(
    monkeypatch: pytest.MonkeyPatch, states_max: int
) -> None:
    monkeypatch.setattr("rulecore.automata.LIMITS", msgspec.structs.replace(LIMITS, automaton_states_max=states_max))
    monkeypatch.setattr("rulecore.automata._GROUP_STATES_MAX", min(512, states_max))
    chance = random.Random(states_max)
    patterns = list(dict.fromkeys(written(chance) for _ in range(150)))
    built = block(*patterns)
    _, _, _, always, hinted = built.scanners()[0]
    assert always > 0
    assert hinted > 1
    texts = [url(chance) for _ in range(300)]
    assert all(built.found(searched) == expected(patterns, searched) for searched in texts)
    assert sum(len(built.found(searched)) for searched in texts) > 50


def test_patterns_like_literals_share_one_automaton() -> None:
    patterns = [f"^/item/{number}$" for number in range(1_000)]
    built = block(*patterns)
    assert built.scanners()[0][3:] == (1, 0)
    assert built.found("/item/777") == {777}
    assert built.found("/item/7777") == set()


def test_patterns_found_at_the_same_place_are_all_found() -> None:
    patterns = [f"(?:a|{chr(0x100 + number)})" for number in range(100)]
    built = block(*patterns)
    assert built.found("xa") == set(range(100))
    assert built.found("aaaaaa") == set(range(100))
    assert built.found(chr(0x100)) == {0}


def test_every_term_has_a_scanner_with_its_own_numbers() -> None:
    built = Block(automata_block([("x", ["a", "b"]), ("y", ["b"]), ("z", ["c", "a", "b"])]))
    assert built.fault() is None
    assert [built.found("b", scanner) for scanner in range(3)] == [{1}, {0}, {2}]


def test_no_pattern_is_no_block() -> None:
    assert automata_block([]) == b""
    assert Block(b"").fault() is None


def test_the_same_patterns_give_the_same_bytes_whatever_the_hash_seed() -> None:
    chance = random.Random(7)
    patterns = [written(chance) for _ in range(60)]
    script = f"""
from hashlib import sha256
from rulecore.automata import automata_block
print(sha256(automata_block([("x", {patterns!r})])).hexdigest())
"""
    root = Path(__file__).parent.parent.parent
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=root,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1


# Limits


def test_a_pattern_that_is_too_large_is_refused_with_its_size() -> None:
    with pytest.raises(LimitError) as caught:
        check_pattern("(a|b)*a(a|b){20}")
    assert str(caught.value) == (
        "the pattern '(a|b)*a(a|b){20}' is too large: its automaton has 65,536 states and still grows; at most 65,535 "
        "states of 8,388,608 bytes are allowed"
    )
    with pytest.raises(LimitError, match="too large: its automaton has 65,5"):
        automata_block([("x", ["fine", "(a|b)*a(a|b){20}", "good"])])


def test_a_pattern_of_too_many_steps_is_refused() -> None:
    with pytest.raises(LimitError, match=r"the pattern '.pL\{1000\}' has more than 200,000 steps"):
        check_pattern(r"\pL{1000}")


def test_what_is_no_pattern_is_refused() -> None:
    with pytest.raises(PatternError, match="never closed"):
        check_pattern("(")
    with pytest.raises(PatternError, match="never closed"):
        automata_block([("x", ["("])])


def test_the_automata_of_a_bundle_are_limited_and_the_term_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rulecore.automata.LIMITS", msgspec.structs.replace(LIMITS, automata_bytes_max=1_000))
    with pytest.raises(LimitError, match=r"the patterns on url.path bring the bundle's automata to 1 of [\d,]+ bytes"):
        automata_block([("url.path", ["a[a-z]{5}b"])])
    monkeypatch.setattr("rulecore.automata.LIMITS", msgspec.structs.replace(LIMITS, patterns_max=2))
    with pytest.raises(LimitError, match="more than 2 patterns"):
        automata_block([("x", ["a", "b"]), ("y", ["a"])])


# Damage


SAMPLE: Final = automata_block([("x", ["ab+c", "^é", r"\bq\b", "d$", *(f"[e{n}]" for n in range(7))]), ("y", ["z"])])
TEXTS: Final = ("", "abbc", "é q d", "eeee 1 2 3 4", "z", "\x00\x7f😀")


def survives(content: bytes) -> bool:
    """Whether a block is taken; then it is run."""
    damaged = Block(content)
    fault = damaged.fault()
    if fault is not None:
        assert 0 <= fault[1] <= len(content), fault
        return False
    for scanner in range(len(damaged.scanners())):
        for searched in TEXTS:
            damaged.found(searched, scanner)
    return True


def test_every_truncation_of_a_block_is_noticed() -> None:
    assert survives(SAMPLE)
    for size in range(1, len(SAMPLE)):
        assert not survives(SAMPLE[:size])
    assert not survives(SAMPLE + b"\0")


def test_a_changed_byte_of_a_block_is_refused_or_harmless() -> None:
    outcomes = []
    for at in range(len(SAMPLE)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(SAMPLE)
            damaged[at] ^= flip
            outcomes.append(survives(bytes(damaged)))
    assert 0 < sum(outcomes) < len(outcomes)


def mutated(seed: int) -> bytes:
    chance = random.Random(seed)
    damaged = bytearray(SAMPLE)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(0, len(SAMPLE) - 4) // 4 * 4
        word = chance.choice((0, 1, 2, 5, 7, 8, 64, 255, 256, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF))
        if chance.random() < 0.4:
            other = chance.randrange(0, len(SAMPLE) - 4) // 4 * 4
            damaged[at : at + 4] = SAMPLE[other : other + 4]
        else:
            damaged[at : at + 4] = word.to_bytes(4, "little")
    return bytes(damaged)


def test_random_mutations_of_a_block_are_refused_or_harmless() -> None:
    outcomes = [survives(mutated(seed)) for seed in range(2_000)]
    assert 0 < sum(outcomes) < len(outcomes)


@pytest.mark.soak
def test_many_random_mutations_of_a_block_are_refused_or_harmless() -> None:
    for seed in range(2_000, 300_000):
        survives(mutated(seed))


@pytest.mark.parametrize(
    ("at", "word", "what"),
    [
        (0, 7, "not a block of automata"),
        (4, 9, "more automata than a bundle may have, or fewer than scanners"),
        (8, 1 << 20, "more automata than a bundle may have, or fewer than scanners"),
        (8, 60_000, "shorter than their scanners"),
        (12, 2_000_000, "an automaton out of its place"),
        (16, 1_000, "a scanner that asks for another room than it needs"),
        (20, 1, "a scanner without automata of its own"),
        (24, 0, "a scanner without automata of its own"),
        (28, 9, "a scanner without automata of its own"),
        (52, 0, "an automaton out of its place"),
        (68, 1 << 30, "an automaton that is too large or reaches past the end"),
        (72, 257, "a malformed automaton"),
        (76, 1 << 30, "a malformed automaton"),
        (80, 1 << 30, "a malformed automaton"),
        (84, 65, "a malformed automaton"),
        (92, 1 << 30, "a malformed automaton"),
        (100, 0xFFFF_FFFF, "a byte of no class"),
        (356, 0xFFFF_FFFF, "a step to a state that is not there"),
    ],
)
def test_what_is_wrong_with_a_block_is_said(at: int, word: int, what: str) -> None:
    damaged = SAMPLE[:at] + struct.pack("<I", word) + SAMPLE[at + 4 :]
    fault = Block(damaged).fault()
    assert fault is not None
    assert fault[0] == f"patterns: {what}"
