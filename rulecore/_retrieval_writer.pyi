from typing_extensions import Buffer

from rulecore.codes import PrefixCode

def write_retrieval(keys: Buffer, symbols: Buffer, code: PrefixCode, fingerprint_bits: int) -> bytes:
    """A retrieval of the symbol (4 bytes) of each key (8 bytes, uniform and ascending). Works without the GIL.

    Takes about 4 bytes of memory a key beside what it returns, and all cores; the bytes don't depend on how many.
    Raises ValueError for keys that do not ascend or are far from uniform, symbols that the code does not have, buffers
    that do not fit each other and more than 24 bits of fingerprint; LimitError for more than 4 GiB.
    """
