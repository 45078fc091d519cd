"""How few bytes a snapshot could have: what its bytes are held against.

Three things must be said of the visitors, each of which has a least size, in bits a visitor:

- *which set a visitor has*: the entropy of the sets, each as likely as the share of visitors that have it. A static
  function from keys to sets can't be smaller, whatever it answers for strangers;
- *who is a stranger*: `fingerprint_bits`, the logarithm of one over the share of strangers that may pass for members;
- *what the sets are*: the entropy of each segment's presence in a distinct set, as if segments came independently of
  one another, less what the order of the sets would tell: they may be numbered as one likes among those that equally
  many visitors have. Who knows which segments go together can do with less, so this is a yardstick, and no bound.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from benches.membership_images import Population, sets_of
from benches.visitors import NAMES


class Bound(msgspec.Struct, frozen=True):
    """In bytes a visitor."""

    ids: float
    strangers: float
    dictionary: float

    @property
    def total(self) -> float:
        """All three."""
        return self.ids + self.strangers + self.dictionary


def bound_of(population: Population, fingerprint_bits: int) -> Bound:
    """Of these visitors, with fingerprints of so many bits."""
    visitors = population.count
    counts = population.sets.visitors
    share = counts / visitors
    ids = -float((share * np.log2(share)).sum())

    _, members = sets_of(population.visitors, population.sets.first)
    having = np.bincount(members, minlength=len(NAMES)) / len(counts)
    having = having[(having > 0) & (having < 1)]
    presence = -len(counts) * float((having * np.log2(having) + (1 - having) * np.log2(1 - having)).sum())
    alike = np.unique(counts, return_counts=True)[1]
    order = sum(math.lgamma(many + 1) for many in alike.tolist()) / math.log(2)
    return Bound(ids / 8, fingerprint_bits / 8, max(0.0, presence - order) / visitors / 8)
