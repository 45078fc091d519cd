"""The tokens of a condition: names, literals, operators and brackets, without blanks and comments.

What a literal's text means is for `literals.py`, which token may stand where for `syntax.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

NAME: Final = "name"
STRING: Final = "string"
INT: Final = "int"
DOUBLE: Final = "double"
UINT: Final = "uint"
BYTES: Final = "bytes"
STRAY: Final = "stray"

_KEYWORDS: Final = frozenset({"in", "true", "false", "null"})

# The first that fits is taken: so `r'x'` is no name before a string, `1.5` no int before a double. What begins no
# token comes as a stray character. Escapes are not judged here but where they are decoded, so that a bad one has a
# place.
_RAW: Final = r"""[rR](?:\"\"\"(?s:.)*?\"\"\"|\'\'\'(?s:.)*?\'\'\'|"[^"\r\n]*"|'[^'\r\n]*')"""
_LONG: Final = r"""\"\"\"(?:[^\\]|\\(?s:.))*?\"\"\"|\'\'\'(?:[^\\]|\\(?s:.))*?\'\'\'"""
_SHORT: Final = r""""(?:[^"\\\r\n]|\\[^\r\n])*"|'(?:[^'\\\r\n]|\\[^\r\n])*'"""
_GROUPS: Final = (
    (BYTES, r"""[bB][rR]?(?:"[^"\r\n]*"|'[^'\r\n]*')"""),
    (STRING, f"{_RAW}|{_LONG}|{_SHORT}"),
    (UINT, r"(?:0x[0-9A-Fa-f]+|[0-9]+)[uU]"),
    (DOUBLE, r"[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+"),
    (INT, r"0x[0-9A-Fa-f]+|[0-9]+"),
    (NAME, r"[A-Za-z_][A-Za-z0-9_]*"),
    ("", r"&&|\|\||==|!=|<=|>=|[<>+*%!()\[\].,?:-]|/(?!/)"),
    (STRAY, r"(?!//)(?s:.)"),
)
_KINDS: Final = ("", *(kind for kind, _ in _GROUPS))
_TOKEN: Final = re.compile(r"[ \t\n\f\r]*(?:" + "|".join(f"({pattern})" for _, pattern in _GROUPS) + r"|//[^\n]*|\Z)")


def tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """The kind, the text and the offset of each token. The kind of keywords, operators and brackets is their text."""
    for match in _TOKEN.finditer(text):
        group = match.lastindex
        if group is not None:
            word = match[group]
            kind = _KINDS[group]
            yield (word if not kind or word in _KEYWORDS else kind), word, match.start(group)
