"""Logs say what happened and where, and never what somebody sent."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, logging, sys
from edge import log
from edge.config import LogFormat
log.configure(LogFormat(sys.argv[1]))
def fail(text):
    raise ValueError(text)
try:
    fail("s3cret")
except ValueError as error:
    log.get("worker").error("request failed", exc_info=error)
    log.get("worker").error("request failed", exc_info=True)
    logging.getLogger("uvicorn.error").error("Exception in %s", "s3cret", exc_info=error)
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application\\ns3cret")
async def task():
    asyncio.get_running_loop().create_task(broken())
    await asyncio.sleep(0)
async def broken():
    raise ValueError("s3cret")
asyncio.run(task())
import gc; gc.collect()
logging.getLogger("uvicorn.access").warning("GET /s3cret")
logging.getLogger("uvicorn.error").info("not worth it")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_exceptions_are_logged_by_type_and_place_without_their_message(form: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, form], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == ""
    assert "s3cret" not in done.stderr
    assert done.stderr.count("ValueError") == 5
    assert "not worth it" not in done.stderr
    if form == "json":
        records = [json.loads(line) for line in done.stderr.splitlines()]
        assert [record["event"] for record in records] == [
            "request failed",
            "request failed",
            "Exception in %s",
            "Exception in ASGI application",
            "Task exception was never retrieved",
        ]
        assert all(record["where"][-1].split()[-1] in ("fail", "broken") for record in records)
        assert all(record["level"] == "error" and record["timestamp"] for record in records)


def test_a_closed_standard_error_is_no_other_file_s_number() -> None:
    script = "import os; from edge import log; log.configure(log.LogFormat.JSON); print(os.open('/', os.O_RDONLY))"
    command = ["sh", "-c", 'exec "$0" -c "$1" <&- 2>&-', sys.executable, script]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    assert int(done.stdout) > 2
