from typing_extensions import Buffer

def unit_keys(
    site_secret: bytes, epoch_key: bytes, prefix: bytes, offsets: Buffer, text: Buffer, first: int, count: int
) -> tuple[bytes, bytes]:
    """Unit keys and the first 64 bits of the pseudonyms of rows `first` to `first + count`; `offsets` are 32 bits wide.

    Raises ValueError when the offsets do not fit the buffers.
    """
