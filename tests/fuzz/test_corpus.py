"""What fuzzing starts from holds without a fuzzer, too."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from rulecore import BundleImage, ImageError
from rulecore._delta import DeltaImage
from rulecore._snapshot import SnapshotImage
from tests.fuzz import bundle_image, delta_image, json_context, snapshot_image
from tests.fuzz.mutation import mutator
from tests.fuzz.run import CORPUS


@pytest.mark.parametrize("target", [bundle_image, delta_image, json_context, snapshot_image])
def test_the_kept_inputs_and_the_seeds_hold(target: ModuleType) -> None:
    folder = CORPUS / target.__name__.rpartition(".")[2]
    kept = [path.read_bytes() for path in sorted(folder.glob("*"))]
    for data in (*target.seeds(), *kept):
        target.run(data)


@pytest.mark.parametrize("target", [bundle_image, delta_image, snapshot_image])
def test_what_the_writer_seals_is_sealed_already(target: ModuleType) -> None:
    for seed in target.seeds():
        assert target.seal(bytearray(seed)) == seed


@pytest.mark.parametrize(
    ("target", "read"), [(bundle_image, BundleImage), (delta_image, DeltaImage), (snapshot_image, SnapshotImage)]
)
def test_changed_images_are_refused_or_harmless(target: ModuleType, read: Callable[[bytes], object]) -> None:
    change = mutator(target.seal, lambda data, _: data[: len(data) // 2])
    seeds = list(target.seeds())
    refused = 0
    for number in range(200):
        image = change(seeds[number % len(seeds)], 1 << 20, number)
        target.run(image)
        try:
            read(image)
        except ImageError:
            refused += 1
    assert 0 < refused < 200
