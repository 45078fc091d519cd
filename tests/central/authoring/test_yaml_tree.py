"""YAML is read as the author wrote it: every scalar is a text, every node knows its place, nothing is ever raised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.authoring.diagnostics import Position, Problems
from central.authoring.yaml_nodes import Mapping, Node, Scalar, ScalarOrigin, Sequence
from central.authoring.yaml_tree import read_tree
from central.config import LIMITS

PIECES = [
    *"abz019_-.,:;#&*!|>'\"%@`{}[]()?~=<\\/ \n\t\r",
    ": ", "- ", "\n  ", "\n- ", " #", "when: ", "a: b\n", "? ", "<<: ", "---\n", "...\n", "!!str ", "&a ", "*a", "|\n ",
    ">-\n ", "{a: ", "[b, ", "'vip' in segments", "\ufeff", "\u0085", "\u2028", "\u00e9", "\u4e2d", "\U0001f600",
    "\x00", "\x7f", "\ud800", "%YAML 1.2\n", "\"\\x4", "\"\\u12", "''",
]  # fmt: skip
"""What YAML's grammar is made of, and what it stumbles over."""


def read(text: str) -> Node:
    problems = Problems()
    root = read_tree("a.yaml", text.encode(), problems)
    assert problems.render() == ""
    assert root is not None
    return root


def plain(node: Node) -> object:
    """The tree as texts, lists and dicts."""
    if isinstance(node, Mapping):
        return {name: plain(pair.value) for name, pair in node.pairs.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    assert isinstance(node, Scalar)
    return node.text


def said(data: bytes) -> list[str]:
    problems = Problems()
    read_tree("a.yaml", data, problems)
    return [f"{problem.position.line}:{problem.position.column}: {problem.message}" for problem in problems.all]


def nodes(root: Node) -> list[Node]:
    found = [root]
    for node in found:
        if isinstance(node, Mapping):
            found += [one for pair in node.pairs.values() for one in (pair.key, pair.value)]
        elif isinstance(node, Sequence):
            found += node.items
    return found


@pytest.mark.parametrize(
    "text",
    ["no", "yes", "on", "off", "NO", "true", "null", "~", "1.10", "1_000", "007", "0x1F", "1e3", ".5", "-0", "12:30:45",
     "2026-11-20", "=", ".inf", "1.2.3"],
)  # fmt: skip
def test_a_plain_scalar_is_the_text_that_was_written(text: str) -> None:
    assert plain(read(f"country: {text}\n")) == {"country": text}
    assert plain(read(f"[{text}, {text}]")) == [text, text]


def test_a_key_is_a_text_as_well() -> None:
    assert plain(read("{no: a, 1: b, 1.0: c, true: d, null: e}")) == {
        "no": "a", "1": "b", "1.0": "c", "true": "d", "null": "e"
    }  # fmt: skip


def test_quoted_text_is_told_from_plain_text() -> None:
    root = read("- 1\n- '1'\n- \"1\"\n- |\n  1\n- >-\n  1\n-\n- ''\n")
    assert isinstance(root, Sequence)
    assert [(item.text, item.style) for item in root.items if isinstance(item, Scalar)] == [
        ("1", ""), ("1", "'"), ("1", '"'), ("1\n", "|"), ("1", ">"), ("", ""), ("", "'")
    ]  # fmt: skip


def test_fields_and_items_keep_the_order_written() -> None:
    root = read("{z: 1, a: 2, m: 3}")
    assert isinstance(root, Mapping)
    assert list(root.pairs) == ["z", "a", "m"]


def test_block_and_flow_are_told_apart() -> None:
    root = read("a: {b: [1]}\nc:\n  - 1\n")
    flows = [node.flow for node in nodes(root) if isinstance(node, Mapping | Sequence)]
    assert flows == [False, True, False, True]


def test_every_node_knows_its_place() -> None:
    root = read("bundle: shop\nrules:\n  - id: one\n    when: [a,  'b']\n")
    places = {node.text: (node.position.line, node.position.column) for node in nodes(root) if isinstance(node, Scalar)}
    assert places == {
        "bundle": (1, 1), "shop": (1, 9), "rules": (2, 1), "id": (3, 5), "one": (3, 9), "when": (4, 5), "a": (4, 12),
        "b": (4, 16),
    }  # fmt: skip


def test_columns_count_characters_and_not_bytes() -> None:
    root = read("{é: 中, 😀: b}")
    assert isinstance(root, Mapping)
    assert [pair.value.position.column for pair in root.pairs.values()] == [5, 11]


def test_a_byte_order_mark_and_windows_line_ends_move_nothing() -> None:
    root = read("\ufeffa: b\r\nc: d\r\n")
    assert plain(root) == {"a": "b", "c": "d"}
    assert root.position == Position("a.yaml", 1, 1)
    assert nodes(root)[3].position == Position("a.yaml", 2, 1)


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("when: a == X", 1, 12),
        ("when: 'it''s X'", 1, 14),
        ('when: "\\x41\\u00e9 X"', 1, 19),
        ("when: >-\n  a &&\n  b == X\n", 3, 8),
        ("when: |\n  a &&\n\n    b == X\n", 4, 10),
        ("when: a &&\n  b == X\n", 2, 8),
        ('when: "a &&\n  b == X"\n', 2, 8),
        ('when: "a \\\n  \\  b == X"\n', 2, 11),
    ],
)
def test_each_character_of_a_scalar_maps_to_where_it_was_written(source: str, line: int, column: int) -> None:
    root = read(source)
    assert isinstance(root, Mapping)
    scalar = next(iter(root.pairs.values())).value
    assert isinstance(scalar, Scalar)
    place = ScalarOrigin(scalar).position(scalar.text.index("X"))
    assert (place.line, place.column) == (line, column)


def test_the_end_of_a_scalar_has_a_place_too() -> None:
    root = read("when: 'abc'\n")
    assert isinstance(root, Mapping)
    scalar = next(iter(root.pairs.values())).value
    assert isinstance(scalar, Scalar)
    assert ScalarOrigin(scalar).position(3) == Position("a.yaml", 1, 11)


def test_several_faults_are_told_at_once_in_their_order() -> None:
    assert said(b"a: &x 1\nb: *x\na: 2\nc: !!int 3\n<<: 4\n? [d]\n: 5\n") == [
        "1:4: anchors (&x) are not taken",
        "2:4: aliases (*x) are not taken",
        "3:1: 'a' is given twice",
        "4:4: tags (!!int) are not taken",
        "5:1: merge keys (<<) are not taken",
        "6:3: a list or mapping can't be a name",
    ]


def test_what_comes_before_a_fault_that_ends_reading_is_told_as_well() -> None:
    assert said(b"a: &x 1\nb: !has(c)\nd: [1\n") == [
        "1:4: anchors (&x) are not taken",
        "2:4: an unquoted value that begins with ! is a tag to YAML",
        "3:4: this `[` is never closed",
    ]


def test_a_file_without_content_is_said_to_be_empty() -> None:
    assert said(b"") == said(b"\n\n# nothing\n") == ["0:0: the file is empty"]


def test_a_file_that_is_too_large_is_not_read() -> None:
    assert said(bytes(LIMITS.source_bytes_max + 1)) == ["0:0: the file has 67,108,865 bytes"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_no_depth_of_nesting_overflows_the_stack(opening: str) -> None:
    found = said(opening.encode() * 20_000)
    assert found


def test_a_bomb_of_aliases_is_not_unfolded() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    assert len(said("\n".join(lines).encode())) == 60 + 2 * 59


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_no_text_raises_and_every_problem_has_a_place_in_it(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    problems = Problems()
    root = read_tree("a.yaml", data, problems)
    lines = data.decode(errors="replace").removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    assert root is not None or problems.error_count
    for problem in problems.all:
        assert 0 <= problem.position.line <= len(lines) + 1
        assert problem.render()
    for node in nodes(root) if root is not None else ():
        assert 0 <= node.start <= node.end <= len(node.source.text)
        if isinstance(node, Scalar):
            origin = ScalarOrigin(node)
            lined = [origin.position(offset).line for offset in range(len(node.text) + 1)]
            assert lined == sorted(lined)
            assert node.line <= lined[0]
            assert lined[-1] <= len(lines) + 1


@given(st.binary(max_size=60))
def test_no_bytes_raise(data: bytes) -> None:
    problems = Problems()
    assert read_tree("a.yaml", data, problems) is not None or problems.error_count
