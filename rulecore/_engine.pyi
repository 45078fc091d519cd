from rulecore._bundle import BundleImage
from rulecore._membership import Membership
from rulecore.explanation import Explanation

class Decision:
    """What a visitor sees at a placement, and why. Fields are read from the image when they are asked for."""

    @property
    def placement(self) -> str: ...
    @property
    def variant(self) -> str: ...
    @property
    def reason(self) -> str:
        """One of OpenFeature's: TARGETING_MATCH, SPLIT, DEFAULT, STATIC, DISABLED; ERROR from `Engine.default`."""
    @property
    def rule(self) -> str | None:
        """The rule that decided; None for the default, and when a holdout applied (see `held_out`)."""
    @property
    def payload(self) -> bytes | None:
        """JSON, as encoded when the bundle was compiled."""
    @property
    def payload_digest(self) -> int:
        """64 bits of the variant's payload and block: what a page cache may be keyed on."""
    @property
    def block(self) -> bytes | None: ...
    @property
    def block_path(self) -> str | None: ...
    @property
    def experiment(self) -> str | None: ...
    @property
    def holdout(self) -> str | None: ...
    @property
    def held_out(self) -> tuple[str, str] | None:
        """The rule and the variant that would have been, if the unit were not held out."""
    @property
    def release(self) -> str: ...

class Engine:
    """A bundle and a membership, linked. Immutable, safe to share between threads.

    `now` is microseconds since 1970-01-01T00:00:00Z; a `now` in the context goes before it. A context's values may
    be nested (`{"session": {"page_views": 3}}`) or dotted (`{"session.page_views": 3}`). What the bundle does not
    use is ignored; None (null) is the same as absent; a value of a wrong type raises ContextError, an unknown placement
    PlacementError, a `now` that is not in the years 1 to 9999 ValueError.
    """

    def __init__(self, bundle: BundleImage, membership: Membership | None = None) -> None:
        """Raises LinkError when the bundle names segments or columns that the snapshot lacks."""
    @property
    def bundle(self) -> BundleImage: ...
    @property
    def membership(self) -> Membership | None: ...
    @property
    def release(self) -> str: ...
    def decide(self, placement: str, context: dict[str, object], now: int) -> Decision: ...
    def decide_json(self, placement: str, body: bytes, now: int) -> Decision: ...
    def decide_all(
        self, context: dict[str, object] | bytes, now: int, placements: list[str] | None = None
    ) -> list[Decision]:
        """Every placement of the bundle in order of name, or those named in the order given, from one extraction."""
    def default(self, placement: str) -> Decision:
        """The placement's default, reason ERROR: for a caller that could not decide."""
    def matching_segments(self, context: dict[str, object] | bytes, now: int) -> list[str]:
        """The condition segments that the context is in, in order of name."""
    def explain(self, placement: str, context: dict[str, object] | bytes, now: int) -> Explanation: ...
