"""How long authors wait: from a bundle's YAML to the checked bundle, and all of `central rules check`.

The bundle is that of `benches.generator`, written out as authors write: conditions as texts in quotes, as lists and as
plain texts, payloads in flow style, beside every placement a test for each of its rules. It is the same on any machine.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Final

from benches.generator import ATTRIBUTES, NOW, Facts, Scenario
from benches.report import Ratio, Section
from benches.timing import Figures, figures
from central.authoring.load import load_bundle
from central.cli import main
from rulecore import BundleImage, Engine, write_bundle
from rulecore.model import PERSONALIZATION, Call, Placement, Rule, Source
from rulecore.render import render

RULES_A_PLACEMENT: Final = 40

ONE_FILE: Final = "load, one file"
MANY_FILES: Final = "load, a file a placement"
CHECK: Final = "central rules check, with its tests"
WRITE: Final = "write the image"


def measure_authoring(rules: int, rounds: int) -> Section:
    """Milliseconds to load, check and write so many rules, each so many times in turn."""
    placements = max(1, rules // RULES_A_PLACEMENT)
    scenario = Scenario(rules, placements)
    taken: dict[str, list[float]] = {ONE_FILE: [], MANY_FILES: [], CHECK: [], WRITE: []}
    with tempfile.TemporaryDirectory(prefix="edgewise-bench-") as folder:
        one, many, tested = (Path(folder) / name for name in ("one", "many", "tested"))
        write_rules(scenario, one, files=1)
        write_rules(scenario, many, files=placements)
        write_rules(scenario, tested, files=placements)
        write_tests(scenario, tested)
        for _ in range(rounds):
            for name, directory in ((ONE_FILE, one), (MANY_FILES, many)):
                start = perf_counter()
                bundle = load_bundle(directory).bundle
                taken[name].append(perf_counter() - start)
            assert bundle is not None
            start = perf_counter()
            write_bundle(bundle)
            taken[WRITE].append(perf_counter() - start)
            with contextlib.redirect_stdout(io.StringIO()):
                start = perf_counter()
                main(["rules", "check", str(tested)])
                taken[CHECK].append(perf_counter() - start)
    found: list[Figures] = [figures(name, "ms", [each * 1e3 for each in some]) for name, some in taken.items()]
    median = {each.name: each.median for each in found}
    ratios = [
        Ratio(f"{MANY_FILES} / one file", median[MANY_FILES] / median[ONE_FILE]),
        Ratio("check / load", median[CHECK] / median[MANY_FILES]),
        Ratio("µs a rule to load", median[ONE_FILE] * 1e3 / rules),
    ]
    return Section(f"Authoring: {rules:,} rules in {placements:,} placements", found, ratios)


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
