def timestamp_constant(text: str) -> int:
    """Microseconds since 1970-01-01T00:00:00Z of an RFC 3339 timestamp, read as the engine reads a context's.

    Raises ValueError, saying why: not a timestamp, or finer than a microsecond.
    """

def duration_constant(text: str) -> int:
    """Microseconds of a duration such as 1h30m, read as the engine reads a context's.

    Raises ValueError, saying why: not a duration, or finer than a microsecond.
    """

def is_semver(text: str) -> bool:
    """Whether it is a semantic version 2.0.0, as the engine takes it."""
