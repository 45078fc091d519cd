"""The traps that YAML lays for unquoted texts such as conditions: recognised, and answered with quotes.

    when: !has(city)                        a tag
    when: 'vip' in segments                 a quoted text, and then something else
    when: bot ? a : b                       `: ` begins a value
    when: url.path == '/a #b'               ` #` begins a comment
    {when: sets.intersects(a, b)}           a comma ends a value in { } and [ ]

Some of them make YAML's parser give up: then `repair` puts the quotes in, so that the rest of the file can be read.
Others leave a tree that is valid but not what was meant: `yaml_tree.py` and `decode.py` ask for those.
"""

from __future__ import annotations

import re
from typing import Final

from central.authoring.diagnostics import Problems
from central.authoring.yaml_nodes import Mapping, Node, Pair, Scalar
from central.authoring.yaml_source import YamlSource

_BLOCK_VALUE: Final = re.compile(r"^\s*(?:- +)*(?P<key>[\w.-]+ *: +)?(?P<value>[^\s#|>{\[].*)$")
_FLOW_VALUE: Final = re.compile(r"(?<=[{\[,])\s*(?:[\w.-]+: +)?(?P<value>(?![\w.-]+: )[^\s{\[])")
_UNFINISHED: Final = re.compile(r"(?:&&|\|\||[=!<>+*/%(,?:!-]|\bin)\s*$")
_COMMENT: Final = re.compile(r"\s+#")
_A_FIELD: Final = re.compile(r"[\w.-]*")
_BRACKETS: Final = {"(": ")", "[": "]", "{": "}"}

A_TAG: Final = "an unquoted value that begins with ! is a tag to YAML"
_QUOTE: Final = "the value goes on behind its closing quote"
_COLON: Final = "`: ` begins a value inside this unquoted one"
_HASH: Final = "` #` begins a comment inside this unquoted value"
_FLOW: Final = "inside { } and [ ], an unquoted value ends at a comma or bracket"


def in_quotes(text: str) -> str:
    """What to expect: the text, as a quoted scalar."""
    return f"the whole value in quotes: {_quoted(text)}"


def _quoted(text: str) -> str:
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def repair(source: YamlSource, line: int, column: int, problems: Problems) -> bool:
    """Whether the line (from 1) that the parser gave up on, at a column (from 0), holds a trap; if so it is reported
    and the source gets the quotes.
    """
    text = source.line(line)
    found = _in_block(text) or _in_flow(text, column)
    if found is None:
        return False
    start, end, message = found
    problems.error(source.place(line, start + 1), message, expected=in_quotes(text[start:end]))
    source.repair(line, start, end, _quoted(text[start:end]))
    return True


def _in_block(text: str) -> tuple[int, int, str] | None:
    match = _BLOCK_VALUE.match(text)
    if match is None:
        return None
    start = match.start("value")
    end = start + len(_without_comment(match["value"]))
    value = text[start:end]
    if value[0] == "!":
        return start, end, A_TAG
    if value[0] in "'\"":
        return (start, end, _QUOTE) if _behind_quotes(value) else None
    return (start, end, _COLON) if match["key"] and re.search(r":(?: |$)", value) else None


def _in_flow(text: str, column: int) -> tuple[int, int, str] | None:
    """The value around the column, up to the comma or bracket that the author took for its end."""
    starts = [match.start("value") for match in _FLOW_VALUE.finditer(text) if match.start("value") <= column]
    around = [(start, end) for start in starts if start < (end := _flow_end(text, start)) and column <= end]
    if not around:
        return None
    # The arguments of a call look like values of their own: the whole call is the outermost value.
    start, end = next((one for one in around if is_balanced(text[slice(*one)])), around[-1])
    value = text[start:end]
    if value[0] == "!":
        return start, end, A_TAG
    if value[0] in "'\"":
        return (start, end, _QUOTE) if _behind_quotes(value) else None
    if ": " in value:
        return start, end, _COLON
    return (start, end, _FLOW) if re.search(r"[\[\]{},]", value) and is_balanced(value) else None


def _flow_end(text: str, start: int) -> int:
    closing: list[str] = []
    quote = ""
    for at in range(start, len(text)):
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _BRACKETS:
            closing.append(_BRACKETS[char])
        elif closing and char == closing[-1]:
            closing.pop()
        elif not closing and char in ",]}":
            return start + len(text[start:at].rstrip())
    return len(text.rstrip())


def _behind_quotes(value: str) -> bool:
    """Whether something other than a comment or a colon follows the quoted text that `value` begins with."""
    match = re.match(r"'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"", value)
    behind = value[match.end() :].strip() if match else ""
    return bool(behind) and behind[0] not in "#:"


def _without_comment(value: str) -> str:
    for match in _COMMENT.finditer(value):
        if is_balanced(value[: match.start()]):
            return value[: match.start()]
    return value.rstrip()


def is_balanced(text: str) -> bool:
    """Whether every quote and bracket of a condition is closed."""
    closing: list[str] = []
    quote = ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _BRACKETS:
            closing.append(_BRACKETS[char])
        elif char in ")]}" and (not closing or closing.pop() != char):
            return False
    return not closing and not quote


def rejoined(pairs: list[Pair], problems: Problems) -> list[Pair]:
    """The fields of a flow mapping, where a comma inside parentheses has split a value in two put together again.

    `{when: f(a, b)}` is `{when: "f(a", "b)": null}` to YAML.
    """
    joined: list[Pair] = []
    wholes: dict[int, Scalar] = {}
    for pair in pairs:
        before = joined[-1].value if joined else None
        bare = isinstance(pair.value, Scalar) and pair.value.start == pair.value.end and not pair.key.style
        if bare and isinstance(before, Scalar) and _is_open(before):
            whole = _joined(before, pair.key)
            joined[-1] = Pair(joined[-1].key, whole)
            wholes[len(joined)] = whole
        else:
            joined.append(pair)
    _report_split(wholes, problems)
    return joined


def rejoined_items(items: list[Node], problems: Problems) -> list[Node]:
    """The same for the items of a flow sequence."""
    joined: list[Node] = []
    wholes: dict[int, Scalar] = {}
    for item in items:
        before = joined[-1] if joined else None
        if isinstance(before, Scalar) and isinstance(item, Scalar) and not item.style and _is_open(before):
            whole = _joined(before, item)
            joined[-1] = whole
            wholes[len(joined)] = whole
        else:
            joined.append(item)
    _report_split(wholes, problems)
    return joined


def _is_open(scalar: Scalar) -> bool:
    return not scalar.style and scalar.text.count("(") > scalar.text.count(")")


def _joined(first: Scalar, last: Scalar) -> Scalar:
    text = " ".join(first.source.text[first.start : last.end].split())
    return Scalar(first.source, first.start, last.end, first.line, first.column, text)


def _report_split(wholes: dict[int, Scalar], problems: Problems) -> None:
    for whole in wholes.values():
        problems.error(whole.position, _FLOW, expected=in_quotes(whole.text))


def whole_condition(node: Node, problems: Problems) -> Node:
    """A condition that a ` #` or a `: ` cut in two, reported and made whole; any other node as it is."""
    if isinstance(node, Scalar):
        return _cut_by_comment(node, problems)
    if isinstance(node, Mapping):
        return _split_by_colon(node, problems)
    return node


def _cut_by_comment(scalar: Scalar, problems: Problems) -> Scalar:
    if scalar.style or (is_balanced(scalar.text) and not _UNFINISHED.search(scalar.text)):
        return scalar
    text = scalar.source.text
    end = text.find("\n", scalar.end)
    rest = text[scalar.end : end if end >= 0 else len(text)].rstrip()
    if not _COMMENT.match(rest):
        return scalar
    whole = scalar.text + rest
    problems.error(scalar.position, _HASH, expected=in_quotes(whole))
    return Scalar(scalar.source, scalar.start, scalar.end + len(rest), scalar.line, scalar.column, whole)


def _split_by_colon(mapping: Mapping, problems: Problems) -> Node:
    if len(mapping.pairs) != 1:
        return mapping
    (pair,) = mapping.pairs.values()
    key, value = pair.key, pair.value
    text = mapping.source.text[mapping.start : value.end]
    if mapping.flow or key.style or "\n" in text or _A_FIELD.fullmatch(key.text):
        return mapping
    problems.error(mapping.position, _COLON, expected=in_quotes(text))
    return Scalar(mapping.source, mapping.start, value.end, mapping.line, mapping.column, text)
