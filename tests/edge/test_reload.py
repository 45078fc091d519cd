"""Files change under load: no request fails, and every answer is wholly of one release."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from edge.config import Files
from tests.deltas import delta_on
from tests.edge.bundles import marked, marked_by_segment, put
from tests.edge.load import Caller, callers
from tests.edge.serving import Server, until, write_config
from tests.edge.snapshots import KEYS, files, put_snapshot

CALLERS = 4
REQUESTS_MIN = 3_000
MARKS = ["m0", "m1", "m2", "m3", "m4"]


def served(server: Server) -> set[str]:
    """The releases that the workers say they serve."""
    return {worker["release"] for worker in server.status()["workers"] if worker is not None}


def errors(server: Server) -> list[str | None]:
    return [worker["error"] and worker["error"]["code"] for worker in server.status()["workers"]]


def check(caller: Caller, releases: dict[str, str]) -> None:
    for status, body in caller.answers:
        assert status == 200
        answer = json.loads(body)
        marks = {decision["variant"] for decision in answer["decisions"].values()}
        marks |= {decision["payload"]["from"] for decision in answer["decisions"].values()}
        assert marks == {releases[answer["release"]]}
        assert len(answer["decisions"]) == 2


class Bundles:
    """A bundle is replaced, by bad ones and by good ones in turn."""

    error = "bad_image"
    body = b'{"context":{}}'

    def __init__(self, directory: Path) -> None:
        self._path = directory / "bundle"
        self.files = Files(bundle=self._path)
        self.put_good(0)

    def put_bad(self) -> None:
        put(self._path, b"bad")

    def put_good(self, number: int) -> None:
        put(self._path, marked(self.mark(number)))

    def mark(self, number: int) -> str:
        """What marks the answers then."""
        return f"m{number}"


class Deltas:
    """Of two deltas the second is replaced: by one that follows something else, and by one that fits, in turn."""

    error = "refused"
    body = b'{"context":{"visitor_id":"v-1","consent":["personalization"]}}'

    def __init__(self, directory: Path) -> None:
        self.files = files(directory, deltas=2)
        put(directory / "bundle", marked_by_segment(MARKS))
        base = put_snapshot(directory, {"v-1": MARKS[:3], "v-2": MARKS[1:]})
        self._chain = [base, delta_on([base], {"v-1": MARKS[:2]}, KEYS)]
        put(self.files.deltas[0], self._chain[1])
        self.put_good(0)

    def put_bad(self) -> None:
        put(self.files.deltas[1], self._chain[1])

    def put_good(self, number: int) -> None:
        put(self.files.deltas[1], delta_on(self._chain, {"v-1": [self.mark(number)], f"w-{number}": []}, KEYS))

    def mark(self, number: int) -> str:
        """What marks the answers then."""
        return MARKS[number % len(MARKS)]


@pytest.mark.parametrize("replaced", [Bundles, Deltas])
def test_reloads_under_load_fail_no_request_and_mix_no_releases(
    tmp_path: Path, replaced: type[Bundles | Deltas]
) -> None:
    source = replaced(tmp_path)
    with Server(write_config(tmp_path, workers=2, files=source.files)) as server:
        releases = {served(server).pop(): source.mark(0)}
        with callers(server, CALLERS, source.body) as asking:
            number = 0
            while sum(len(caller.answers) for caller in asking) < REQUESTS_MIN or number < 6:
                number += 1
                source.put_bad()
                until(lambda: errors(server) == [source.error] * 2, "both workers refuse the bad file")
                source.put_good(number)
                release = ""

                def taken() -> bool:
                    nonlocal release
                    said = server.status()["workers"]  # in one answer: another one may be of an earlier moment
                    release = said[0]["release"]
                    return release not in releases and all(
                        (each["release"], each["error"]) == (release, None) for each in said
                    )

                until(taken, "both workers take the good file")
                releases[release] = source.mark(number)
        assert len(releases) == number + 1
        assert [caller.dropped for caller in asking] == [[]] * CALLERS
        assert [caller.not_connected for caller in asking] == [0] * CALLERS
        for caller in asking:
            check(caller, releases)
        seen = {json.loads(body)["release"] for caller in asking for _, body in caller.answers}
        assert seen >= {*releases} - {release}, "the callers came through all reloads but perhaps the last"
        assert not server.events("worker ended")


def test_sighup_reloads_every_worker_at_once(tmp_path: Path) -> None:
    put(tmp_path / "bundle", marked("first"))
    with Server(write_config(tmp_path, workers=2)) as server:
        before = served(server)
        put(tmp_path / "bundle", marked("second"))
        server.signal(signal.SIGHUP)
        server.wait("release taken", 2)
        until(lambda: len(served(server)) == 1 and served(server) != before, "both serve the new release")


def test_a_refused_file_makes_the_worker_degraded_and_says_why(tmp_path: Path) -> None:
    put(tmp_path / "bundle", marked("first"))
    with Server(write_config(tmp_path)) as server, server.client() as client:
        put(tmp_path / "bundle", b"bad")
        server.wait("release refused")
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["status"] == "degraded"
        assert "bundle" in ready.json()["reason"]
        error = server.status()["last_reload_error"]
        assert error["code"] == "bad_image"
        assert client.get("/v1/decide").headers["edgewise-variants"] == "banner=first, hero=first"
        put(tmp_path / "bundle", marked("second"))
        server.wait("release taken")
        assert client.get("/readyz").json() == {"status": "ready", "reason": ""}
        assert client.get("/v1/decide").headers["edgewise-variants"] == "banner=second, hero=second"
        assert len(server.events("release refused")) == 1
