"""What every peer's adapter is: rules in, the id of the rule that decides out.

An adapter translates a placement's rules into its engine's own form, the way its documentation would have it done,
and where there are several ways into the one that is fastest. All answer the same question, which rule takes this
context first, so that their answers can be compared; what a rule serves is left out, and a split is just another
rule to them, so peers do a little less than we do. Which contexts they are asked is left to `benches.comparison`.
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import Final, Protocol

import msgspec

from benches.generator import Facts
from rulecore.model import Attr, Call, Const, Expr, InSegment, Placement, Type


class InexpressibleError(Exception):
    """A peer has no way to say a condition."""


class Peer(Protocol):
    """An engine that holds the rules of one placement."""

    def __init__(self, placement: Placement) -> None:
        """Translate and load the rules. Raises InexpressibleError."""

    def prepare(self, context: Facts) -> object:
        """The context as a caller of this engine would hold it, in plain data: this is not timed.

        Whatever objects of its own the engine wants besides are made in `decide`, as every request has a new context.
        """

    def decide(self, item: object) -> str | None:
        """The id of the first rule that takes what `prepare` gave, or None."""

    def close(self) -> None:
        """End whatever it started."""


class Listed(msgspec.Struct, frozen=True):
    """A peer that can be measured, before it is imported. `package` is what is installed; None: nothing is needed."""

    name: str
    package: str | None
    module: str

    def version(self) -> str | None:
        """Of the package; None when it is not installed."""
        if self.package is None:
            return ""
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return None

    def load(self) -> type[Peer]:
        """The adapter's class."""
        adapter: type[Peer] = importlib.import_module(f"benches.peers.{self.module}").Adapter
        return adapter


PEERS: Final = (
    Listed("generated Python", None, "generated"),
    Listed("datalogic-py", "datalogic-py", "datalogic"),
    Listed("zen-engine", "zen-engine", "zen"),
    Listed("yggdrasil-engine", "yggdrasil-engine", "yggdrasil"),
    Listed("growthbook", "growthbook", "growthbook"),
    Listed("launchdarkly-server-sdk", "launchdarkly-server-sdk", "launchdarkly"),
    Listed("openfeature-flagd-core", "openfeature-flagd-core", "flagd"),
)
"""In the order of tables. Each module has a class `Adapter`."""


class Check(msgspec.Struct, frozen=True, tag_field="kind"):
    """One predicate of a rule in the generator's workloads: all of a rule's must hold."""

    attribute: str


class Equals(Check, frozen=True):
    """A string is this one."""

    value: str


class Is(Check, frozen=True):
    """A bool is this one."""

    value: bool


class OneOf(Check, frozen=True):
    """A string is one of these."""

    values: tuple[str, ...]


class AtLeast(Check, frozen=True):
    """A number is no less than this."""

    least: float


class Has(Check, frozen=True):
    """A list of strings has this one."""

    value: str


AnyCheck = Equals | Is | OneOf | AtLeast | Has

SEGMENTS: Final = "segments"
"""The attribute in which contexts list a visitor's segments."""


def checks_of(when: Expr | None) -> list[AnyCheck]:
    """A condition as the checks that must all hold. Raises InexpressibleError if it is not of that form."""
    match when:
        case None:
            return []
        case Call("and", args):
            return [check for arg in args for check in checks_of(arg)]
        case InSegment(name):
            return [Has(SEGMENTS, name)]
        case Attr(name, Type.BOOL):
            return [Is(name, True)]
        case Call("not", (Attr(name, Type.BOOL),)):
            return [Is(name, False)]
        case Call("eq", (Attr(name, Type.STRING), Const(_, str(value)))):
            return [Equals(name, value)]
        case Call("in", (Attr(name, Type.STRING), Const(Type.LIST_STRING, tuple(values)))):
            return [OneOf(name, tuple(str(value) for value in values))]
        case Call("in", (Const(_, str(value)), Attr(name, Type.LIST_STRING))):
            return [Has(name, value)]
        case Call("ge", (Attr(name, Type.INT | Type.DOUBLE), Const(_, int(least) | float(least)))):
            return [AtLeast(name, least)]
    raise InexpressibleError(f"no peer is asked for {when!r}")
