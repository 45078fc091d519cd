"""The text of a bundle image while it grows: names, then lines, then any text, each stored once.

The reader checks each of the three parts once as a whole (see `_layout.pxd`), so all names and lines have to be there
before the first text.
"""

from __future__ import annotations

from collections.abc import Iterable

from rulecore.errors import LimitError
from rulecore.limits import LIMITS

Span = tuple[int, int]
"""Where something lies: the first byte and how many."""


class Pool:
    """The pool of one image."""

    def __init__(self, names: Iterable[str], lines: Iterable[str]) -> None:
        self.content = bytearray()
        self._spans: dict[str, Span] = {"": (0, 0)}
        self.names_end = self._extend(names)
        self.lines_end = self._extend(lines)

    def _extend(self, texts: Iterable[str]) -> int:
        for text in texts:
            self.span(text)
        return len(self.content)

    def span(self, text: str) -> Span:
        """Where this text lies, which is stored if it is new. Raises LimitError."""
        span = self._spans.get(text)
        if span is None:
            encoded = text.encode()
            span = self._spans[text] = (len(self.content), len(encoded))
            self.content += encoded
            if len(self.content) > LIMITS.bundle_bytes_max:
                raise LimitError(f"the bundle is larger than {LIMITS.bundle_bytes_max:,} bytes")
        return span
