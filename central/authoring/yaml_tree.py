"""A YAML file read as a node tree (`yaml_nodes.py`), by PyYAML's parser of events.

What the language does without is reported here: tags, anchors and aliases, merge keys, several documents, keys that
are no text, duplicate keys, too deep nesting. What the fields mean is `decode.py`'s.
"""

from __future__ import annotations

import re
from typing import Any, Final

from yaml import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    CSafeLoader,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    MarkedYAMLError,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from central.authoring.diagnostics import Position, Problems
from central.authoring.yaml_nodes import Broken, Mapping, Node, Pair, Scalar, Sequence
from central.authoring.yaml_source import YamlSource
from central.authoring.yaml_traps import A_TAG, in_quotes, rejoined, rejoined_items, repair
from central.config import LIMITS

_NAME: Final = re.compile(r"\s*[\w.-]+")
_FIELD: Final = "a field, `name: value`, in line with its siblings"
_QUOTED_OR_ITEM: Final = "a text that begins so, in quotes; the items of a list, with `- `"


def read_tree(file: str, data: bytes, problems: Problems) -> Node | None:
    """The root of the file's only document, or None when there is none or it could not be read to its end."""
    source = YamlSource.read(file, data, problems)
    if source is None:
        return None
    for _ in range(LIMITS.repairs_per_file_max):
        found = Problems()
        try:
            root = _Builder(source, found).document()
        except MarkedYAMLError as error:
            if _repaired(source, error, problems):
                continue
            problems.take(found)
            _report(source, error, problems)
            return None
        problems.take(found)
        if root is None:
            problems.error(Position(file, 0, 0), "the file is empty")
        return root
    return None


class _Builder:
    """Turns events into nodes."""

    def __init__(self, source: YamlSource, problems: Problems) -> None:
        self.source = source
        self.problems = problems
        self.parser: Any = CSafeLoader(source.text)
        self.depth = 0

    def document(self) -> Node | None:
        root: Node | None = None
        while True:
            event: Any = self.parser.get_event()
            kind = type(event)
            if kind is StreamEndEvent:
                return root
            if kind is DocumentStartEvent and root is not None:
                self.problems.error(self._place(event), "a second document begins here", expected="one document a file")
                return root
            if isinstance(event, NodeEvent):
                root = self.node(event)

    def node(self, event: Any) -> Node:
        if event.anchor is not None:
            self._anchor(event)
        kind = type(event)
        mark, end = event.start_mark, event.end_mark.index
        if kind is ScalarEvent:
            text, style = event.value, event.style or ""
            if event.tag is not None:
                text, style = self._tag(event), ""
            return Scalar(self.source, mark.index, end, mark.line + 1, mark.column + 1, text, style)
        if kind is AliasEvent:
            return Broken(self.source, mark.index, end, mark.line + 1, mark.column + 1)
        if event.tag is not None:
            self._tag(event)
        self.depth += 1
        node = self._collection(event)
        self.depth -= 1
        return node

    def _collection(self, event: Any) -> Node:
        mark = event.start_mark
        mapping = type(event) is MappingStartEvent
        if self.depth > LIMITS.nesting_levels_max:
            expected = f"at most {LIMITS.nesting_levels_max} levels"
            self.problems.error(self._place(event), "this is nested too deeply", expected=expected)
            end = self._skip()
            return Broken(self.source, mark.index, end, mark.line + 1, mark.column + 1)
        flow = bool(event.flow_style)
        if mapping:
            pairs, end = self._pairs(flow)
            return Mapping(self.source, mark.index, end, mark.line + 1, mark.column + 1, pairs, flow)
        items: list[Node] = []
        event = self.parser.get_event()
        while type(event) is not SequenceEndEvent:
            items.append(self.node(event))
            event = self.parser.get_event()
        if flow:
            items = rejoined_items(items, self.problems)
        return Sequence(self.source, mark.index, _end(event), mark.line + 1, mark.column + 1, items, flow)

    def _pairs(self, flow: bool) -> tuple[dict[str, Pair], int]:
        pairs: list[Pair] = []
        next_event, node = self.parser.get_event, self.node
        event = next_event()
        while type(event) is not MappingEndEvent:
            key = node(event)
            value = node(next_event())
            if isinstance(key, Scalar):
                pairs.append(Pair(key, value))
            elif not isinstance(key, Broken):
                self.problems.error(key.position, "a list or mapping can't be a name", expected="a name")
            event = next_event()
        return self._distinct(rejoined(pairs, self.problems) if flow else pairs), _end(event)

    def _distinct(self, pairs: list[Pair]) -> dict[str, Pair]:
        first = {pair.key.text: pair for pair in pairs}
        if len(first) == len(pairs) and "<<" not in first:
            return first
        first.clear()
        for pair in pairs:
            name = pair.key.text
            if name == "<<" and not pair.key.style:
                self.problems.error(
                    pair.key.position, "merge keys (<<) are not taken", expected="the fields written out"
                )
            elif name in first:
                expected = f"one of the two: the first is in line {first[name].key.line}"
                self.problems.error(pair.key.position, f"{name!r} is given twice", expected=expected)
            else:
                first[name] = pair
        return first

    def _skip(self) -> int:
        """Past the end of the collection that has begun; where that is."""
        depth, end = 1, 0
        while depth:
            event: Any = self.parser.get_event()
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            end = _end(event)
        return end

    def _anchor(self, event: Any) -> None:
        alias = type(event) is AliasEvent
        self.problems.error(
            self._place(event),
            f"{'aliases' if alias else 'anchors'} ({'*' if alias else '&'}{event.anchor}) are not taken",
            expected="the value written out; a text that begins so, in quotes",
        )

    def _tag(self, event: Any) -> str:
        """Report a tag; the text as the author may have meant it."""
        raw = " ".join(self.source.text[event.start_mark.index : event.end_mark.index].split())
        if raw.startswith("!!"):
            expected = "the value alone"
            self.problems.error(self._place(event), f"tags ({raw.split()[0]}) are not taken", expected=expected)
            return str(event.value) if type(event) is ScalarEvent else ""
        expected = in_quotes(raw) if type(event) is ScalarEvent else ""
        self.problems.error(self._place(event), A_TAG, expected=expected)
        return raw

    def _place(self, event: Any) -> Position:
        return self.source.place(event.start_mark.line + 1, event.start_mark.column + 1)


def _end(event: Any) -> int:
    return int(event.end_mark.index)


def _repaired(source: YamlSource, error: MarkedYAMLError, problems: Problems) -> bool:
    """Whether one of the lines that the parser names holds a trap, which is reported and repaired."""
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
    return any(repair(source, mark.line + 1, mark.column, problems) for mark in marks)


def _no_field(text: str, first: int) -> tuple[str, str]:
    """What is wrong with a text where a field is due, and what is expected. The fields begin in line `first`."""
    if text.startswith(("]", "}")):
        return f"this `{text[0]}` closes nothing", ""
    if text.startswith("- "):
        return "this does not go on the list above", "the `- ` of all its items in line with each other"
    return f"this does not go with the fields from line {first} on", _FIELD


def _report(source: YamlSource, error: MarkedYAMLError, problems: Problems) -> None:
    """The parser's complaint in our words."""
    what, doing = error.problem or "", error.context or ""
    mark, since = error.problem_mark, error.context_mark or error.problem_mark
    if mark is None or since is None:
        raise error
    here = source.place(mark.line + 1, mark.column + 1)
    there = source.place(since.line + 1, since.column + 1)
    line = source.line(mark.line + 1)
    char = line[mark.column] if mark.column < len(line) else ""
    if "quoted scalar" in doing and "escape" not in what:
        problems.error(there, "this quote is never closed", expected="a closing quote")
    elif "escape" in what or "hexdecimal" in what:
        problems.error(here, "an unknown escape in double quotes", expected="\\\\ for a backslash; or single quotes")
    elif "flow mapping" in doing or "flow sequence" in doing:
        opening, closing = ("{", "}") if "mapping" in doing else ("[", "]")
        if mark.index >= len(source.text.rstrip()):
            problems.error(there, f"this `{opening}` is never closed", expected=f"`{closing}`")
        else:
            where = f"the `{opening}` of line {since.line + 1}"
            problems.error(here, f"{where} can't go on like this", expected=f"`,` or `{closing}`")
    elif "flow node" in doing:
        found = f"`{char}` stands" if char else "the file ends"
        problems.error(here, f"{found} where a value is due", expected='a value; "" for an empty text')
    elif "cannot start any token" in what:
        expected = in_quotes(line[mark.column :].rstrip())
        problems.error(here, f"an unquoted value can't begin with `{char}`", expected=expected)
    elif "mapping values" in what:
        field = line[: mark.column]
        place = source.place(mark.line + 1, len(field) - len(field.lstrip()) + 1) if _NAME.fullmatch(field) else here
        problems.error(place, "no field can begin here", expected=f"{_FIELD}; a text that holds `: `, in quotes")
    elif "could not find expected ':'" in what:
        problems.error(there, "this is not a field", expected=_FIELD)
    elif "block sequence entries" in what:
        problems.error(here, "a list can't begin in the middle of a line", expected="each `- ` on a line of its own")
    elif "'-' indicator" in what:
        problems.error(here, f"this does not belong to the list of line {since.line + 1}", expected="`- `")
    elif "expected key" in what:
        message, expected = _no_field(line[mark.column :], since.line + 1)
        problems.error(here, message, expected=expected)
    elif "anchor" in doing or "alias" in doing:
        problems.error(there, "an unquoted value can't begin with & or *", expected=_QUOTED_OR_ITEM)
    elif "document start" in what:
        problems.error(here, "this does not go on what stands above", expected="all fields in line with each other")
    else:
        problems.error(here, f"YAML can't be read here: {what}")
