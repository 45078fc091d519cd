"""What an author writes, field by field: the structs that mirror the YAML.

They are the only description of the source's form: `decode.py` reads YAML into them, `schema.py` prints them as a JSON
Schema for editors. What the fields mean together (defaults, names, dates, types) is resolved in `load.py` and the
modules that it calls.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from central.authoring.diagnostics import Position
from central.authoring.yaml_nodes import Mapping, Node, Scalar, Sequence

NAME_PATTERN: Final = r"^[a-z][a-z0-9_-]{0,63}$"
ATTRIBUTE_PATTERN: Final = r"^[a-z][a-z0-9_]{0,63}(\.[a-z][a-z0-9_]{0,63}){0,7}$"

_NAME_WORDS: Final = "a name: a letter, then letters, digits, _ and -, all lower case, at most 64"
_ATTRIBUTE_WORDS: Final = "a name: lower case letters, digits and _, with dots between its parts"

Name = Annotated[str, Meta(pattern=NAME_PATTERN, extra={"expected": _NAME_WORDS})]
AttributeName = Annotated[str, Meta(pattern=ATTRIBUTE_PATTERN, extra={"expected": _ATTRIBUTE_WORDS})]
# msgspec takes a text's pattern for a type when a list stands beside it in a union, and crashes when it collects the
# struct (msgspec/msgspec#717): so this pattern is for `decode.py` and the JSON Schema, and not for msgspec.
_Purpose = Annotated[
    str,
    Meta(extra_json_schema={"pattern": NAME_PATTERN}, extra={"expected": _NAME_WORDS, "pattern": NAME_PATTERN}),
]
Purposes = Annotated[_Purpose | list[Name], Meta(extra={"expected": "a purpose, a list of purposes, or none"})]
Condition = Annotated[
    str | Annotated[list[str], Meta(min_length=1)],
    Meta(extra={"expected": "a condition, or a list of conditions that all must hold", "condition": True}),
]
Percent = Annotated[float, Meta(ge=0, le=100, extra={"expected": "percent, from 0 to 100, in steps of 0.001"})]
Date = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?$",
        extra={"expected": "a date such as 2026-11-20, or an instant such as 2026-11-20T18:00:00Z"},
    ),
]
Salt = Annotated[str, Meta(min_length=1, max_length=256, extra={"expected": "a text of 1 to 256 bytes"})]
Description = Annotated[str | UnsetType, Meta(description="For the reader; it changes nothing.")]
Unit = Annotated[
    AttributeName | UnsetType,
    Meta(description="The attribute that is bucketed, a string or an int. Default: visitor_id."),
]

_T = TypeVar("_T")


def given(value: _T | UnsetType, default: _T) -> _T:
    """The field's value, or the default when the author left it out."""
    return default if isinstance(value, UnsetType) else value


class Located(msgspec.Struct, dict=True, forbid_unknown_fields=True):
    """Fields that know where they were written. `decode.py` places each one when it makes it."""

    @property
    def node(self) -> Mapping:
        return cast(Mapping, self.__dict__["node"])

    @property
    def head(self) -> Position:
        """Where the thing is named: its name's place if it has one before the colon, else where it begins."""
        return cast(Position, self.__dict__["head"])

    def located(self, node: Mapping, head: Position) -> None:
        """Set where this was written."""
        self.__dict__["node"], self.__dict__["head"] = node, head

    def written(self, name: str) -> bool:
        """Whether the author gave the field, rightly or wrongly."""
        return name in self.node.pairs

    def names(self, name: str) -> list[str]:
        """The names that the author gave under a field, those among them whose value is wrong, too."""
        node = self.value(name)
        return list(node.pairs) if isinstance(node, Mapping) else []

    def value(self, *path: str | int) -> Node | None:
        """The node at a path of names and positions in lists."""
        node: Node = self.node
        for step in path:
            if isinstance(node, Mapping) and isinstance(step, str):
                pair = node.pairs.get(step)
                if pair is None:
                    return None
                node = pair.value
            elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
            else:
                return None
        return node

    def at(self, *path: str | int) -> Position:
        """Where the value at a path stands; where the thing is named, if there is none."""
        node = self.value(*path)
        return self.head if node is None else node.position

    def key_at(self, *path: str) -> Position:
        """Where the last name of a path stands."""
        parent = self.value(*path[:-1])
        pair = parent.pairs.get(path[-1]) if isinstance(parent, Mapping) else None
        return self.head if pair is None else pair.key.position

    def scalar(self, *path: str | int) -> Scalar | None:
        node = self.value(*path)
        return node if isinstance(node, Scalar) else None


class Provided(Located):
    """Narrows an attribute that the edge provides."""

    values: Annotated[
        list[str] | UnsetType,
        Meta(description="All the values it can have: a condition that compares it with another one is an error."),
    ] = UNSET
    purpose: Annotated[
        Purposes | UnsetType, Meta(description="What a visitor must consent to before it is used; none for nothing.")
    ] = UNSET
    description: Description = UNSET


class Attribute(Located):
    """A typed fact about the request or the visitor."""

    type: Annotated[
        Literal["bool", "int", "double", "string", "timestamp", "duration", "list(string)", "list(int)"],
        Meta(description="The type of its values."),
    ]
    from_: Annotated[
        Annotated[
            str,
            Meta(
                pattern=r"^(header|cookie|query|snapshot) \S+$",
                extra={"expected": "header, cookie, query or snapshot, and the name there: `cookie age`"},
            ),
        ]
        | UnsetType,
        Meta(description="Where the edge finds it; left out, callers give it in the context."),
    ] = msgspec.field(default=UNSET, name="from")
    purpose: Annotated[
        Purposes | UnsetType,
        Meta(description="What a visitor must consent to before it is used. Default: personalization."),
    ] = UNSET
    description: Description = UNSET


class Segment(Located):
    """A named set of visitors: by condition with `when`, else precomputed in the snapshot."""

    when: Annotated[Condition | UnsetType, Meta(description="Who belongs to it; a list means and.")] = UNSET
    purpose: Annotated[
        Purposes | UnsetType,
        Meta(
            description="What a visitor must consent to before it is used. Default: personalization if precomputed, "
            "none by condition (what the condition uses has purposes of its own)."
        ),
    ] = UNSET
    description: Description = UNSET


class Holdout(Located):
    """Units that are kept out of the placements that name it, so that what rules bring can be measured."""

    percent: Annotated[Percent, Meta(description="The share of units held out.")]
    salt: Annotated[Salt | UnsetType, Meta(description="Decides which units. Default: the holdout's name.")] = UNSET
    unit: Unit = UNSET
    purpose: Annotated[
        Purposes | UnsetType,
        Meta(description="Only who consented to it can be held out. Default: personalization."),
    ] = UNSET
    description: Description = UNSET


class Layer(Located):
    """Experiments in one layer exclude each other: each takes its own range of the units."""

    salt: Annotated[
        Salt | UnsetType, Meta(description="Decides which units fall where. Default: the layer's name.")
    ] = UNSET
    unit: Unit = UNSET
    description: Description = UNSET


class Variant(Located):
    """One content of a placement."""

    payload: Annotated[
        Any,
        Meta(
            description="What is delivered, as JSON. true, false, null and numbers are typed, all else is text; "
            "what is quoted is always text."
        ),
    ] = UNSET
    block: Annotated[
        Annotated[str, Meta(min_length=1, extra={"expected": "the path of a file under blocks/"})] | UnsetType,
        Meta(description="A file under blocks/, delivered as it is."),
    ] = UNSET
    description: Description = UNSET


class Experiment(Located):
    """A rule whose exposures are analysed."""

    id: Annotated[Name, Meta(description="Its name, only one in the bundle; it salts the split.")]
    layer: Annotated[
        Name | UnsetType, Meta(description="The layer in which it excludes others; goes with `range`.")
    ] = UNSET
    range: Annotated[
        tuple[Percent, Percent] | UnsetType,
        Meta(description="The percent of the layer's units that it takes, half-open: [0, 40], then [40, 100]."),
    ] = UNSET
    description: Description = UNSET


class Cap(Located):
    """How often a visitor may see a rule's variant."""

    shows: Annotated[int, Meta(ge=1, le=1_000_000, description="At most so often.")]
    per: Annotated[Literal["session", "day"], Meta(description="In which time.")]


class Rule(Located):
    """One line of a placement's decision list: the first that matches decides."""

    id: Annotated[Name, Meta(description="Its name, only one in the bundle.")]
    when: Annotated[
        Condition | UnsetType, Meta(description="The CEL condition that guards it; a list means and. Default: always.")
    ] = UNSET
    serve: Annotated[Name | UnsetType, Meta(description="The variant to show; none for no content.")] = UNSET
    split: Annotated[
        Annotated[
            dict[Name, Annotated[int, Meta(ge=0, le=1_000_000_000)]],
            Meta(extra={"expected": "variants and their weights: `{red: 50, blue: 50}`"}),
        ]
        | UnsetType,
        Meta(description="Variants and their weights, in place of `serve`. Needs an experiment or a salt."),
    ] = UNSET
    starts: Annotated[
        Date | UnsetType, Meta(description="The first instant at which it holds; a date is in the bundle's time zone.")
    ] = UNSET
    ends: Annotated[Date | UnsetType, Meta(description="The first instant at which it holds no more.")] = UNSET
    percent: Annotated[
        Percent | UnsetType, Meta(description="The share of units that it takes; the others go on to the next rule.")
    ] = UNSET
    experiment: Annotated[
        Experiment | UnsetType, Meta(description="Makes an experiment of the rule: its exposures are analysed.")
    ] = UNSET
    salt: Annotated[
        Salt | UnsetType,
        Meta(
            description="Decides which units `percent` and `split` take. "
            "Default: the experiment's id, else placement/rule."
        ),
    ] = UNSET
    unit: Annotated[
        AttributeName | UnsetType,
        Meta(
            description="The attribute that is bucketed, a string or an int. "
            "Default: that of the experiment's layer, else visitor_id."
        ),
    ] = UNSET
    sticky: Annotated[
        Literal["cookie"] | UnsetType,
        Meta(description="Keeps a visitor's first variant of the split while the rule still matches."),
    ] = UNSET
    cap: Annotated[Cap | UnsetType, Meta(description="How often a visitor may see it.")] = UNSET
    enabled: Annotated[bool, Meta(description="The kill switch: false turns the rule off.")] = True
    purpose: Annotated[
        Purposes | UnsetType,
        Meta(
            description="What a visitor must consent to before the rule is tried. Default: personalization if it "
            "buckets a unit or uses the session (percent, a layer, split, sticky, cap), else none."
        ),
    ] = UNSET
    description: Description = UNSET


class Placement(Located):
    """A spot on a page whose content is chosen."""

    default: Annotated[Name, Meta(description="The variant when no rule matches; none for no content.")]
    variants: Annotated[dict[Name, Variant], Meta(description="What it can show. none always exists.")] = {}
    rules: Annotated[list[Rule], Meta(description="Tried in order; the first that matches decides.")] = []
    holdout: Annotated[Name | UnsetType, Meta(description="Units in this holdout see the default.")] = UNSET
    enabled: Annotated[bool, Meta(description="The kill switch: false shows everyone the default.")] = True
    description: Description = UNSET


Segments = Annotated[
    dict[Name, Segment],
    Meta(description="Segments by condition; precomputed ones only to give them a purpose or a description."),
]
Placements = Annotated[dict[Name, Placement], Meta(description="The spots on pages whose content is chosen.")]


class Part(Located):
    """A further file of a bundle: it adds placements and segments."""

    placements: Placements = {}
    segments: Segments = {}
    description: Description = UNSET


class Bundle(Located):
    """`bundle.yaml`: one site's rules."""

    bundle: Annotated[Name, Meta(description="The bundle's name.")]
    timezone: Annotated[
        str,
        Meta(
            description="The time zone of dates without an offset, and of visitors who have none: an IANA name or an "
            "offset such as +01:00.",
            extra={"expected": "a time zone such as America/New_York or +01:00"},
        ),
    ] = "UTC"
    provided: Annotated[
        dict[AttributeName, Provided],
        Meta(description="Narrows what the edge provides, and declares the `query.NAME` attributes."),
    ] = {}
    attributes: Annotated[
        dict[AttributeName, Attribute], Meta(description="Attributes of the site's own, with their types.")
    ] = {}
    segments: Segments = {}
    holdouts: Annotated[dict[Name, Holdout], Meta(description="Units kept out of placements.")] = {}
    layers: Annotated[dict[Name, Layer], Meta(description="Experiments that exclude each other share one.")] = {}
    placements: Placements = {}
    description: Description = UNSET


class Expected(Located):
    """What a placement is expected to decide."""

    variant: Annotated[Name, Meta(description="The variant.")]
    reason: Annotated[
        Literal["TARGETING_MATCH", "SPLIT", "DEFAULT", "STATIC", "DISABLED"] | UnsetType,
        Meta(description="Why it was chosen, in OpenFeature's words."),
    ] = UNSET
    rule: Annotated[Name | UnsetType, Meta(description="The rule that decided; none if no rule did.")] = UNSET


class Test(Located):
    """One decision that the bundle promises."""

    __test__ = False

    name: Annotated[str, Meta(min_length=1, description="The promise, as a sentence.")]
    expect: Annotated[
        Annotated[dict[Name, Name | Expected], Meta(min_length=1)],
        Meta(
            description="What each placement decides: a variant, or variant, reason and rule.",
            extra={"expected": "placements and what they decide: `home_hero: evergreen`"},
        ),
    ]
    context: Annotated[
        dict[str, Any],
        Meta(
            description="The visitor and the request, by attribute. `segments` lists precomputed ones; without `now`, "
            "it is 2026-01-01T12:00:00Z."
        ),
    ] = {}


Tests = Annotated[list[Test], Meta(description="The tests of a bundle, in *.test.yaml beside it.")]
