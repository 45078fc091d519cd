"""The release that a worker serves: loaded from files, linked, tried, and swapped by one reference.

Everything here runs in a thread of its own, never on a request's way. A release is one look at all of its files:
when any of them changed while they were read, what was read is thrown away and the files are looked at again. So two
files that are reached through one directory (a symbolic link that is replaced by rename) always change together.

Files must be replaced by rename, never rewritten in place: a snapshot and its deltas are mapped, so that all workers
share their pages, and a mapping must not shrink under its reader. A bundle is small and is read into memory.

A snapshot's pages are brought in before it is swapped in, but its checksums are not compared: that is done once, by
`check`, for whoever installs it. No answer to a damaged one reads out of bounds.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from edge import log
from edge.board import LoadError
from edge.config import Config, Files
from edge.context import RequestReader
from rulecore import BundleImage, DeltaImage, Engine, Membership
from rulecore.errors import EdgewiseError, ImageError
from rulecore.keys import KEY_FILE, MembershipKeys
from rulecore.limits import LIMITS
from rulecore.mapping import map_file

KEYS_BYTES_MAX: Final = 1 << 20
LOOKS_MAX: Final = 5
MESSAGE_CHARS_MAX: Final = 2_000

Identity = tuple[tuple[int, int, int, int] | None, ...]
"""Of each file: device, inode, size and time of change in nanoseconds; None for one that is not there."""


class ReleaseError(Exception):
    """Files that can't be served. `lasting` files fail again until they change; else it is worth trying again."""

    def __init__(self, code: str, message: str, *, lasting: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.lasting = lasting


class Release(msgspec.Struct, frozen=True):
    """What a request pins when it begins. `made_at` is when the newest of the files was written."""

    engine: Engine
    reader: RequestReader
    placements: frozenset[str]
    identity: Identity
    made_at: float
    loaded_at: float

    def age_seconds(self, now: float) -> float:
        """How old the release is; never less than 0, whatever the clocks."""
        return max(0.0, now - self.made_at)


def identify(files: Files) -> Identity:
    """What the files are right now, without reading them."""
    return tuple(_identify(path) for path in _paths(files))


def load(files: Files) -> Release:
    """Read, verify, link and try the files, all as they were at one moment. Raises ReleaseError."""
    for _ in range(LOOKS_MAX):
        before = identify(files)
        try:
            release = _load(files, before)
        except ReleaseError:
            if identify(files) == before:
                raise
        else:
            if identify(files) == before:
                return release
    raise ReleaseError("changing", "the files go on changing while they are read", lasting=False)


def check(files: Files) -> Release:
    """Load the files as a worker does, and read the snapshot whole with its checksums. Raises ReleaseError."""
    release = load(files)
    if files.snapshot is not None and release.engine.membership is not None:
        with _naming(files.snapshot):
            release.engine.membership.image.verify()
    return release


def _load(files: Files, identity: Identity) -> Release:
    try:
        engine = _link(files)
        engine.decide_all({}, 0)  # before a release is trusted with requests, it decides once
    except (ValueError, EdgewiseError) as error:
        raise ReleaseError("refused", _plain(error)) from error
    except MemoryError as error:
        raise ReleaseError("out_of_memory", "not enough memory to load the files", lasting=False) from error
    return Release(
        engine=engine,
        reader=RequestReader(engine.bundle.attributes),
        placements=frozenset(engine.bundle.placements),
        identity=identity,
        made_at=max((entry[3] for entry in identity[: 2 + len(files.deltas)] if entry is not None), default=0) / 1e9,
        loaded_at=time.time(),
    )


def _paths(files: Files) -> Iterator[Path]:
    yield files.bundle
    if files.snapshot is not None and files.keys is not None:
        yield files.snapshot
        yield from files.deltas
        yield files.keys / KEY_FILE


def _identify(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _link(files: Files) -> Engine:
    with _naming(files.bundle):
        bundle = BundleImage(_read(files.bundle, LIMITS.bundle_bytes_max))
    if files.snapshot is None or files.keys is None:
        return Engine(bundle)
    membership = _open_membership(files.snapshot, files.deltas, files.keys / KEY_FILE)
    engine = Engine(bundle, membership)
    with _naming(files.snapshot):
        membership.populate()
    return engine


def _open_membership(snapshot: Path, deltas: tuple[Path, ...], keys_file: Path) -> Membership:
    with _naming(keys_file):
        keys = MembershipKeys.from_json(_read(keys_file, KEYS_BYTES_MAX))
    with _naming(snapshot):
        data = map_file(snapshot)
    changes = []
    for path in deltas:
        with _naming(path):
            changes.append(map_file(path))
            DeltaImage(changes[-1])  # so that it is named if it is the bad one; it is small
    with _naming(snapshot):
        return Membership(data, keys, changes)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say which file it is about."""
    try:
        yield
    except FileNotFoundError as error:
        raise ReleaseError("missing", f"{path}: there is no such file") from error
    except ImageError as error:
        raise ReleaseError("bad_image", f"{path}: {error}") from error
    except EdgewiseError as error:
        raise ReleaseError("refused", f"{path}: {_plain(error)}") from error
    except (KeyError, ValueError) as error:
        raise ReleaseError("bad_file", f"{path}: {_plain(error)}") from error
    except OSError as error:
        raise ReleaseError("unreadable", f"{path}: {error.strerror}", lasting=False) from error


def _read(path: Path, bytes_max: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise ValueError(f"larger than {bytes_max} bytes")
    return data


def _plain(error: Exception) -> str:
    said = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return said if len(said) <= MESSAGE_CHARS_MAX else f"{said[:MESSAGE_CHARS_MAX]}..."


class Releases:
    """The release served now, and the watch that replaces it when the files change.

    A change is taken when two looks in a row see the same files, so that files renamed one after the other have
    time to arrive; a wish to reload is taken at once. Files that were refused are not tried again until they change.
    """

    def __init__(self, config: Config, wishes: Callable[[], int] = lambda: 0) -> None:
        """`wishes` tells how often a reload was asked for. Raises ReleaseError when the files can't be served."""
        self.current = load(config.files)
        self.error: LoadError | None = None
        self._config = config
        self._wishes = wishes
        self._wishes_seen = wishes()
        self._tried: Identity = self.current.identity
        self._settling: Identity | None = None
        self._retry_at: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="edge-releases", daemon=True)
        self._log = log.get("release")

    def start(self) -> None:
        """Begin to watch the files."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; returns when no load is under way."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._config.reload_poll_seconds):
            self.look()

    def look(self) -> None:
        """One look at the files: load them if they changed and settled, if it was asked for, or if a retry is due."""
        wishes = self._wishes()
        identity = identify(self._config.files)
        if wishes != self._wishes_seen:
            self._wishes_seen = wishes
        elif identity == self._tried:
            self._settling = None
            if self._retry_at is None or time.monotonic() < self._retry_at:
                return
        elif identity != self._settling:
            self._settling = identity
            return
        self._settling = None
        self._take(identity)

    def _take(self, identity: Identity) -> None:
        self._tried = identity
        self._retry_at = None
        started = time.perf_counter()
        try:
            release = load(self._config.files)
        except ReleaseError as error:
            self.error = LoadError(error.code, error.message, time.time())
            if not error.lasting:
                self._retry_at = time.monotonic() + self._config.reload_retry_seconds
            self._log.error("release refused", code=error.code, message=error.message)
        except Exception as error:  # noqa: BLE001 - the old release must go on, whatever is wrong with the new one
            self.error = LoadError("internal", type(error).__name__, time.time())
            self._log.error("release refused", code="internal", exc_info=error)
        else:
            self._tried = release.identity
            self.current = release
            self.error = None  # after it: who sees no error sees the new release
            self._log.info(
                "release taken", release=release.engine.release, seconds=round(time.perf_counter() - started, 3)
            )
