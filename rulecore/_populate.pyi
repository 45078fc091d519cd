from typing_extensions import Buffer

def populate(data: Buffer) -> None:
    """Bring all pages of a mapping in, without the GIL. Raises OSError where a page can't be read."""
