"""Segments: who is in them, computed from a retailer's records, and the snapshots that carry them to the edge."""

from central.segments.build import BuildStats, build_snapshot
from central.segments.errors import InputError
from central.segments.plan import Plan, plan_snapshot

__all__ = ["BuildStats", "InputError", "Plan", "build_snapshot", "plan_snapshot"]
