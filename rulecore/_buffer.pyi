from typing_extensions import Buffer

class BufferView:
    """For the compiled modules; nothing of it is seen from Python."""

    def __init__(self, source: Buffer) -> None: ...
