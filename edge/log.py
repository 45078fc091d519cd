"""Structured logs of the supervisor and the workers, on standard error.

Nothing of a visitor is ever logged: no header, query, cookie, body or context, and of an exception only its type
and where it was raised, since its message may quote what a visitor sent. Requests are counted, not logged.

A log that can't be written, because its reader is gone or its disk is full, is lost: serving goes on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from edge.config import LogFormat

FRAMES_MAX: Final = 8
TEXT_CHARS_MAX: Final = 200
STDERR: Final = 2

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class _StandardError:
    """Standard error without a buffer: a line is one write, so that several processes' lines don't mix."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            os.write(STDERR, text.encode(errors="backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


_STANDARD_ERROR: Final = cast(TextIO, _StandardError())


def say(text: str) -> None:
    """Tell who started the command, in a line of its own."""
    _STANDARD_ERROR.write(f"{text}\n")


def configure(log_format: LogFormat) -> None:
    """Send our own and the libraries' log records to standard error in one form. Call it once a process, early."""
    # Standard streams that are closed become /dev/null, lest a socket take their number and get our log lines.
    while (opened := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(opened, True)
    os.close(opened)
    render: Processor = (
        structlog.processors.JSONRenderer()
        if log_format is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=os.isatty(STDERR))
    )
    shared: Sequence[Processor] = (
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _error_without_message,
    )
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(_STANDARD_ERROR),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(_STANDARD_ERROR)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_text_without_arguments, structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns of single requests, which are only counted


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose records say which part of the edge they come from."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=name)
    return logger


def where(error: BaseException) -> list[str]:
    """The last places that an exception went through, outermost first, as `file:line function`."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def _error_without_message(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    given = event.pop("exc_info", None)
    info: _ExcInfo | BaseException | None = sys.exc_info() if given is True else given  # type: ignore[assignment]
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["where"] = where(error)
    return event


def _text_without_arguments(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """A library's record: its template's first line only, since what was filled in may be a visitor's."""
    record = event["_record"]
    lines = str(record.msg).splitlines() or [""]
    event["event"] = lines[0][:TEXT_CHARS_MAX]
    record.exc_text = None
    return event
