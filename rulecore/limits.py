"""The limits of images, names and contexts, each with its unit last in its name.

Publisher and edge enforce the same ones, so nothing can be published that an edge would refuse.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Sizes that the image formats, their readers and the context readers hold to.

    One expression takes at most `expression_steps_max` steps, and is an error value when it needs more: a step is an
    element that a quantifier comes to or that `in` and `sets` compare, or `expression_step_bytes` bytes of a text that
    is looked through. Without quantifiers inside each other, over long lists, none comes near.

    At most `deltas_max` deltas lie on a snapshot, with `delta_entries_max` entries in all of them together; more are
    to be made one.
    """

    bundle_bytes_max: int = 256 << 20
    snapshot_bytes_max: int = 64 << 30
    delta_bytes_max: int = 256 << 20
    deltas_max: int = 64
    delta_entries_max: int = 500_000
    attributes_max: int = 1_000
    placements_max: int = 10_000
    rules_max: int = 1_000_000
    variants_per_placement_max: int = 1_000
    segments_max: int = 65_535
    segments_per_visitor_max: int = 4_096
    purposes_max: int = 64
    columns_max: int = 64
    fingerprint_bits_max: int = 24
    expression_depth_max: int = 64
    expression_loops_max: int = 2
    expression_steps_max: int = 20_000_000
    expression_step_bytes: int = 64
    image_loops_max: int = 4
    formula_depth_max: int = 64
    formula_nodes_per_rule_max: int = 20_000
    patterns_max: int = 1_000_000
    pattern_chars_max: int = 1_000
    pattern_depth_max: int = 100
    pattern_nodes_max: int = 200_000
    automaton_states_max: int = 65_535
    automaton_threads_max: int = 16 << 20
    automaton_bytes_max: int = 8 << 20
    automata_max: int = 65_536
    automata_bytes_max: int = 64 << 20
    elements_max: int = 5_000_000
    payload_bytes_max: int = 1 << 20
    block_bytes_max: int = 1 << 20
    context_bytes_max: int = 64 << 10
    context_depth_max: int = 16
    list_items_max: int = 1_000
    string_bytes_max: int = 32 << 10
    unit_bytes_max: int = 256
    salt_bytes_max: int = 256


LIMITS: Final = Limits()
