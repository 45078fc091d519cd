"""An order in which similar things are neighbours: that of the leaves of their average-linkage tree.

The tree is found by the nearest-neighbour chain (Murtagh, "A survey of recent advances in hierarchical clustering
algorithms", 1983), in time that grows with the square of their number: average linkage is reducible, so two branches
that are each other's nearest may be joined at once, whatever else is still to be joined.
"""

from __future__ import annotations

from collections.abc import Sequence


def seriate(likeness: Sequence[Sequence[float]]) -> list[int]:
    """`likeness` is symmetric. Of two branches that meet, each is turned so that the ends more alike touch."""
    branches = {i: [i] for i in range(len(likeness))}
    alike = {i: {j: likeness[i][j] for j in branches if j != i} for i in branches}
    chain: list[int] = []
    while len(branches) > 1:
        if not chain:
            chain.append(min(branches))
        last = chain[-1]
        before = chain[-2] if len(chain) > 1 else -1
        near = alike[last]
        # The one before wins ties, without which the chain could go in circles; then the lowest number.
        nearest = max(near, key=lambda other: (near[other], other == before, -other))
        if nearest != before:
            chain.append(nearest)
            continue
        del chain[-2:]
        _join(branches, alike, min(last, before), max(last, before), likeness)
    return next(iter(branches.values()), [])


def _join(
    branches: dict[int, list[int]],
    alike: dict[int, dict[int, float]],
    kept: int,
    gone: int,
    likeness: Sequence[Sequence[float]],
) -> None:
    """Make one branch of two, under the number of the first."""
    first, second = branches[kept], branches.pop(gone)
    of_gone = alike.pop(gone)
    mean = alike[kept]
    del mean[gone], of_gone[kept]
    for other in mean:
        joined = (len(first) * mean[other] + len(second) * of_gone[other]) / (len(first) + len(second))
        mean[other] = alike[other][kept] = joined
        del alike[other][gone]
    turned = [(likeness[a[-1]][b[0]], a, b) for a in (first, first[::-1]) for b in (second, second[::-1])]
    _, first, second = max(turned, key=lambda way: way[0])
    branches[kept] = first + second
