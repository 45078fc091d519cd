from rulecore.model import Type

class ContextReader:
    """Reads contexts of the attributes `names`, of the given types. Immutable, safe to share between threads."""

    def __init__(self, names: tuple[str, ...], types: tuple[Type, ...]) -> None:
        """Raises ValueError for a name given twice, one of too many parts, or a type that no attribute has."""
    @property
    def names(self) -> tuple[str, ...]: ...
    def read(self, context: dict[str, object] | bytes) -> dict[str, object]:
        """What a context, as a dict or as JSON, gives by attribute: None for null; times in microseconds.

        Raises ContextError.
        """
