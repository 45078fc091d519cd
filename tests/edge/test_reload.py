"""Files change under load: no request fails, and every answer is wholly of one release."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.edge.bundles import marked, put
from tests.edge.load import Caller, callers
from tests.edge.serving import Server, until, write_config

CALLERS = 4
REQUESTS_MIN = 3_000


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


def test_reloads_under_load_fail_no_request_and_mix_no_releases(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    put(bundle, marked("m0"))
    with Server(write_config(tmp_path, workers=2)) as server:
        releases = {served(server).pop(): "m0"}
        with callers(server, CALLERS) as asking:
            number = 0
            while sum(len(caller.answers) for caller in asking) < REQUESTS_MIN or number < 6:
                number += 1
                put(bundle, b"bad")
                until(lambda: errors(server) == ["bad_image"] * 2, "both workers refuse the bad file")
                put(bundle, marked(f"m{number}"))
                release = ""

                def taken() -> bool:
                    nonlocal release
                    said = server.status()["workers"]  # in one answer: another one may be of an earlier moment
                    release = said[0]["release"]
                    return release not in releases and all(
                        (each["release"], each["error"]) == (release, None) for each in said
                    )

                until(taken, "both workers take the good file")
                releases[release] = f"m{number}"
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
