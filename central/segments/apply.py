"""Folds deltas into their snapshot: a new one, which answers what the old one with its deltas did.

The visitors as the last delta leaves them are written as a visitors file, from which `central.segments.build` builds.
"""

from __future__ import annotations

from pathlib import Path

from central.segments.build import BuildStats, build_snapshot
from central.segments.chain import Chain
from central.segments.files import drafts, refuse_to_overwrite
from central.segments.progress import Progress
from central.segments.rows import UNIT_KEY
from central.segments.visitors import VisitorsWriter
from rulecore.keys import MembershipKeys


def apply(chain: Chain, keys: MembershipKeys, out: Path, progress: Progress) -> BuildStats:
    """Write the new snapshot and its visitors file. Segments that have lost all their visitors keep their names.

    Raises InputError, KeyError without a key of the epoch, LimitError, OSError.
    """
    refuse_to_overwrite((chain.path, *chain.delta_paths), out)
    base = chain.base
    segments = sorted(chain.segments)
    id_of = {name: i for i, name in enumerate(segments)}
    with drafts(out) as folder:
        folded = folder / "visitors"
        progress.stage("folding", base.visitors)
        with VisitorsWriter(folded, base.epoch, segments, chain.columns) as writer:
            for batch in chain.rows(keys, id_of):
                writer.write(batch.drop_columns([UNIT_KEY]))
                progress.advance(batch.num_rows)
            writer.finish(0)
        progress.finish()
        return build_snapshot([folded], [], keys, base.epoch, out, fingerprint_bits=base.fingerprint_bits)
