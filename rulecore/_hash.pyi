from typing_extensions import Buffer

def murmur3_32(data: Buffer, seed: int = 0) -> int:
    """MurmurHash3 x86, 32 bits."""

def xxh64(data: Buffer, seed: int = 0) -> int:
    """XXH64. Works without the GIL."""

def siphash_64(key: bytes, data: Buffer) -> int:
    """SipHash-2-4, 64 bits. `key` has 16 bytes, else ValueError."""

def siphash_128(key: bytes, data: Buffer) -> bytes:
    """SipHash-2-4 with 128 bits, as the reference implementation orders them: 16 bytes."""
