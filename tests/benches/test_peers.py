"""Every peer that is installed answers as the engine and the oracle do, or else its figures would mean nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benches.generator import NOW, Facts, Scenario
from benches.peers.peer import PEERS, AtLeast, Equals, Has, InexpressibleError, Is, Listed, OneOf, Peer, checks_of
from rulecore import BundleImage, Engine, write_bundle
from rulecore.model import Attr, Call, Const, InSegment, Type
from tests.oracle import Oracle

RULES = 60


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return Scenario(RULES)


@pytest.fixture(scope="module")
def contexts(scenario: Scenario) -> list[Facts]:
    return [*scenario.natural("placement_00", 60), *scenario.unmatched(20)]


@pytest.fixture(scope="module")
def answers(scenario: Scenario, contexts: list[Facts]) -> list[str | None]:
    """The engine's."""
    engine = Engine(BundleImage(write_bundle(scenario.bundle)))
    return [engine.decide("placement_00", context, NOW).rule for context in contexts]


@pytest.fixture(params=PEERS, ids=[listed.name for listed in PEERS])
def peer(request: pytest.FixtureRequest, scenario: Scenario) -> Iterator[Peer]:
    listed: Listed = request.param
    if listed.version() is None:
        pytest.skip(f"{listed.package} is not installed; the extra `bench` has it")
    adapter = listed.load()(scenario.bundle.placements[0])
    yield adapter
    adapter.close()


def test_the_engine_answers_as_the_oracle_does(
    scenario: Scenario, contexts: list[Facts], answers: list[str | None]
) -> None:
    oracle = Oracle(scenario.bundle)
    assert [oracle.decide("placement_00", context, NOW).rule for context in contexts] == answers


def test_a_peer_answers_as_the_engine_does(peer: Peer, contexts: list[Facts], answers: list[str | None]) -> None:
    assert [peer.decide(peer.prepare(context)) for context in contexts] == answers


def test_a_peer_leaves_contexts_as_they_are(peer: Peer, scenario: Scenario) -> None:
    contexts = scenario.unmatched(3)
    same = [dict(context) for context in contexts]
    for context in contexts:
        peer.decide(peer.prepare(context))
    peer.close()
    assert contexts == same


def test_conditions_come_to_checks() -> None:
    country = Attr("country", Type.STRING)
    condition = Call(
        "and",
        (
            InSegment("vip"),
            Call("eq", (country, Const(Type.STRING, "NZ")), Type.BOOL),
            Call("in", (country, Const(Type.LIST_STRING, ("NZ", "AU"))), Type.BOOL),
            Call("ge", (Attr("spend", Type.DOUBLE), Const(Type.DOUBLE, 2.5)), Type.BOOL),
            Call("in", (Const(Type.STRING, "hats"), Attr("categories", Type.LIST_STRING)), Type.BOOL),
            Attr("member", Type.BOOL),
            Call("not", (Attr("bot", Type.BOOL),), Type.BOOL),
        ),
        Type.BOOL,
    )
    assert checks_of(condition) == [
        Has("segments", "vip"),
        Equals("country", "NZ"),
        OneOf("country", ("NZ", "AU")),
        AtLeast("spend", 2.5),
        Has("categories", "hats"),
        Is("member", True),
        Is("bot", False),
    ]


def test_what_is_no_conjunction_is_refused() -> None:
    either = Call("or", (Attr("member", Type.BOOL), Attr("bot", Type.BOOL)), Type.BOOL)
    with pytest.raises(InexpressibleError, match="or"):
        checks_of(either)
