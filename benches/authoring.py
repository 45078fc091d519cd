"""How long authors wait: from a bundle's YAML to the checked bundle, and all of `central rules check`.

The bundle is that of `benches.generator`, written as authors write: conditions as texts in quotes, as lists and as
plain texts, payloads in flow style, and a test for each rule beside each placement. Writing the image alone is
measured in `benches.loading`.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Final

from benches.generator import ATTRIBUTES, NOW, Facts, Scenario
from benches.report import Ratio, Section
from benches.timing import figures
from central.authoring.load import load_bundle
from central.cli import main
from rulecore import BundleImage, Engine, write_bundle
from rulecore.model import PERSONALIZATION, Call, Placement, Rule, Source
from rulecore.render import render

RULES_EACH: Final = 40
"""Rules a placement."""

ONE_FILE: Final = "load, all in one file"
MANY_FILES: Final = "load, a file a placement"
CHECK: Final = "central rules check, with its tests"
START: Final = "the same of rules/storefront, from the shell"

_STOREFRONT: Final = Path(__file__).parents[1] / "rules" / "storefront"


def measure_authoring(rules: int, rounds: int) -> Section:
    """Milliseconds to load and to check so many rules, in turns."""
    scenario = Scenario(rules, max(1, rules // RULES_EACH))
    files = len(scenario.bundle.placements)
    with tempfile.TemporaryDirectory(prefix="edgewise-bench-") as folder:
        one, many, tested = (Path(folder) / name for name in ("one", "many", "tested"))
        write_rules(scenario, one, files=1)
        write_rules(scenario, many, files)
        write_rules(scenario, tested, files)
        write_tests(scenario, tested)
        cases: dict[str, Callable[[], object]] = {
            ONE_FILE: lambda: load_bundle(one),
            MANY_FILES: lambda: load_bundle(many),
            CHECK: lambda: _check(tested),
            START: _start,
        }
        taken: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(rounds):
            for name, case in cases.items():
                start = perf_counter()
                case()
                taken[name].append((perf_counter() - start) * 1e3)
    found = [figures(name, "ms", some) for name, some in taken.items()]
    median = {each.name: each.median for each in found}
    ratios = [
        Ratio("a file a placement / one file", median[MANY_FILES] / median[ONE_FILE]),
        Ratio("check / load", median[CHECK] / median[MANY_FILES]),
        Ratio("µs a rule to load", median[ONE_FILE] * 1e3 / rules),
    ]
    return Section(f"Authoring: {rules:,} rules in {files:,} placements", found, ratios)


def write_rules(scenario: Scenario, directory: Path, files: int) -> None:
    """Write the scenario's bundle as YAML: bundle.yaml, and its placements in so many files beside it."""
    directory.mkdir()
    head = ["bundle: bench", "timezone: UTC", "attributes:"]
    for attribute in ATTRIBUTES.values():
        if attribute.source is not Source.PROVIDED:
            origin = "" if attribute.source is Source.CONTEXT else f", from: {attribute.source} {attribute.source_name}"
            purpose = "" if PERSONALIZATION in attribute.purposes else ", purpose: none"
            head.append(f"  {attribute.name}: {{type: {attribute.type}{origin}{purpose}}}")
    (directory / "bundle.yaml").write_text("\n".join(head) + "\n", "utf-8")
    placements = scenario.bundle.placements
    for number in range(files):
        lines = [line for placement in placements[number::files] for line in _placement_lines(placement)]
        (directory / f"pages_{number:03}.yaml").write_text("\n".join(["placements:", *lines]) + "\n", "utf-8")


def write_tests(scenario: Scenario, directory: Path) -> None:
    """Write a test for each rule beside the bundle, a file a placement. What it expects is what is decided."""
    engine = Engine(BundleImage(write_bundle(scenario.bundle)))
    for placement in scenario.bundle.placements:
        lines = []
        for rule, facts in zip(placement.rules, scenario.sufficient(placement.name), strict=True):
            context = {"visitor_id": "v1", "consent": [PERSONALIZATION], **facts}
            variant = engine.decide(placement.name, context, NOW).variant
            lines += [
                f"- name: {rule.id} is reached",
                f"  context: {{{_flow(context)}}}",
                f"  expect: {{{placement.name}: {variant}}}",
            ]
        (directory / f"{placement.name}.test.yaml").write_text("\n".join(lines) + "\n", "utf-8")


def _check(directory: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        main(["rules", "check", str(directory)])


def _start() -> None:
    command = [sys.executable, "-m", "central", "rules", "check", str(_STOREFRONT)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def _placement_lines(placement: Placement) -> Iterator[str]:
    yield f"  {placement.name}:"
    yield "    variants:"
    for variant in placement.variants:
        payload = json.loads(variant.payload or b"{}")
        yield f"      {variant.name}: {{payload: {{{_flow(payload)}}}}}"
    yield f"    default: {placement.default}"
    yield "    rules:"
    for number, rule in enumerate(placement.rules):
        yield from _rule_lines(rule, number)


def _rule_lines(rule: Rule, number: int) -> Iterator[str]:
    assert isinstance(rule.when, Call)
    parts = [render(part) for part in rule.when.args]
    yield f"      - id: {rule.id}"
    if number % 3 == 0:
        yield "        when:"
        yield from (f'          - "{part}"' for part in parts)
    elif number % 3 == 1 or parts[0].startswith("'"):
        yield f'        when: "{" && ".join(parts)}"'
    else:
        yield f"        when: {' && '.join(parts)}"
    if rule.serve is None:
        yield f"        salt: {rule.salt}"
        yield f"        split: {{{', '.join(f'{variant}: {weight}' for variant, weight in rule.split)}}}"
    else:
        yield f"        serve: {rule.serve}"


def _flow(fields: Facts) -> str:
    return ", ".join(f"{name}: {json.dumps(value)}" for name, value in fields.items())
