from typing_extensions import Buffer

def pseudonyms(
    site_secret: bytes, prefix: bytes, offsets: Buffer, text: Buffer, first: int, count: int, offset_bytes: int
) -> bytes:
    """Pseudonyms, 16 bytes each, of rows `first` to `first + count`; offsets are 4 or 8 bytes wide.

    Raises ValueError when the offsets do not fit the buffers.
    """

def unit_keys(epoch_key: bytes, pseudonyms: Buffer) -> bytes:
    """Unit keys, 8 bytes each, of pseudonyms. Raises ValueError when they are not whole."""
