"""The engine: decisions for callers, from a linked bundle and membership.

Everything slow has happened before: the image is verified, its names are linked. What a decision costs is reading
the context, a search of its placement's index, and one object for the answer.
"""

cimport cython
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t, uint32_t

from rulecore._bundle cimport BundleImage, Image, block_bytes, span_bytes, span_str, terms_of
from rulecore._explain cimport explain_placement
from rulecore._layout cimport NONE, VariantRecord
from rulecore._linked cimport Workspace
from rulecore._membership cimport Membership
from rulecore._text cimport TIMESTAMP_MAX, TIMESTAMP_MIN
from rulecore._verdict cimport FAILED, decide_placement, default_of, find_conditions

cdef tuple REASONS = ("TARGETING_MATCH", "SPLIT", "DEFAULT", "STATIC", "DISABLED", "ERROR")


@cython.final
@cython.freelist(64)
cdef class Decision:
    """What a visitor sees at a placement, and why. Fields are read from the image when they are asked for."""

    def __init__(self):
        raise TypeError("decisions come from an Engine")

    cdef const Image* image(self) except NULL:
        if self.linked is None:
            raise TypeError("decisions come from an Engine")
        return self.linked.image

    cdef const VariantRecord* record(self) except NULL:
        cdef const Image* image = self.image()
        return &image.variants[image.placements[self.verdict.placement].first_variant + self.verdict.variant]

    @property
    def placement(self):
        return span_str(self.image(), self.image().placements[self.verdict.placement].name)

    @property
    def variant(self):
        return span_str(self.image(), self.record().name)

    @property
    def reason(self):
        return REASONS[self.verdict.reason]

    @property
    def rule(self):
        if self.verdict.rule == NONE:
            return None
        return span_str(self.image(), self.image().rules[self.verdict.rule].id)

    @property
    def payload(self):
        """JSON, or None."""
        cdef const VariantRecord* record = self.record()
        return span_bytes(self.image(), record.payload) if record.payload.size else None

    @property
    def payload_digest(self):
        """64 bits of the payload and the block."""
        return self.record().digest

    @property
    def block(self):
        return block_bytes(self.image(), self.record())

    @property
    def block_path(self):
        cdef const VariantRecord* record = self.record()
        return span_str(self.image(), record.block_path) if record.block_path.size else None

    @property
    def experiment(self):
        """Of the rule that decided, or that would have if the unit were not held out."""
        cdef uint32_t rule = self.verdict.rule if self.verdict.rule != NONE else self.verdict.held_rule
        if rule == NONE or terms_of(self.image(), rule).experiment.size == 0:
            return None
        return span_str(self.image(), terms_of(self.image(), rule).experiment)

    @property
    def holdout(self):
        if self.verdict.holdout == NONE:
            return None
        return span_str(self.image(), self.image().holdouts[self.verdict.holdout].name)

    @property
    def held_out(self):
        """(rule, variant) that would have been, or None."""
        cdef uint32_t first
        if self.verdict.held_rule == NONE:
            return None
        first = self.image().placements[self.verdict.placement].first_variant
        return (
            span_str(self.image(), self.image().rules[self.verdict.held_rule].id),
            span_str(self.image(), self.image().variants[first + self.verdict.held_variant].name),
        )

    @property
    def release(self):
        return self.linked.release

    def __repr__(self):
        return f"<Decision {self.placement}={self.variant} {self.reason} rule={self.rule}>"


cdef inline Decision decision_of(Linked linked, Verdict verdict):
    cdef Decision decision = Decision.__new__(Decision)
    decision.linked = linked
    decision.verdict = verdict
    return decision


cdef int64_t instant(object now) except? -1:
    """`now` as it is evaluated. A float is refused: seconds taken for microseconds would mean 1970."""
    cdef int overflow = 0
    cdef int64_t micros
    if not isinstance(now, int):
        raise TypeError(f"now is an int, microseconds since 1970, not {type(now).__name__}")
    micros = PyLong_AsLongLongAndOverflow(now, &overflow)
    if overflow != 0 or not TIMESTAMP_MIN <= micros <= TIMESTAMP_MAX:
        raise ValueError(f"now is {now} microseconds since 1970, which is not in the years 1 to 9999")
    return micros


@cython.final
cdef class Engine:
    """A bundle and a membership, linked. Immutable, safe to share between threads."""

    def __cinit__(self, BundleImage bundle not None, Membership membership=None):
        self.linked = Linked(bundle, membership)

    @property
    def bundle(self):
        return self.linked.bundle

    @property
    def membership(self):
        return self.linked.membership

    @property
    def release(self):
        return self.linked.release

    def decide(self, str placement not None, context not None, object now):
        """The decision for one placement. Raises PlacementError, ContextError."""
        if not isinstance(context, dict):
            raise TypeError(f"a context is a dict, not {type(context).__name__}: JSON bytes go to decide_json")
        return self._decide(placement, context, now)

    def decide_json(self, str placement not None, bytes body not None, object now):
        """The same from a JSON object's bytes."""
        return self._decide(placement, body, now)

    cdef Decision _decide(self, str placement, object context, object now):
        cdef uint32_t index = self.linked.bundle.placement_index(placement)
        cdef Workspace* work = self.linked.begin(context, instant(now), False)
        cdef Verdict verdict = decide_placement(self.linked, work, index)
        self.linked.end(work)
        return decision_of(self.linked, verdict)

    def decide_all(self, context not None, object now, placements=None):
        """Decisions for all placements in order of name, or for those named in the order given."""
        cdef list named = None if placements is None else [
            self.linked.bundle.placement_index(placement) for placement in placements
        ]
        cdef Py_ssize_t count = self.linked.image.placement_count if named is None else len(named)
        cdef Py_ssize_t i
        cdef Verdict* verdicts = <Verdict*> PyMem_Malloc(max(count, 1) * sizeof(Verdict))
        if verdicts == NULL:
            raise MemoryError()
        try:
            for i in range(count):
                verdicts[i].placement = <uint32_t> i if named is None else <uint32_t> named[i]
            self._decide_each(context, instant(now), verdicts, count)
            return [decision_of(self.linked, verdicts[i]) for i in range(count)]
        finally:
            PyMem_Free(verdicts)

    cdef int _decide_each(self, object context, int64_t now, Verdict* verdicts, Py_ssize_t count) except -1:
        """Decides for the placements that the verdicts name, before any object is made of them."""
        cdef Workspace* work = self.linked.begin(context, now, False)
        cdef Py_ssize_t i
        for i in range(count):
            verdicts[i] = decide_placement(self.linked, work, verdicts[i].placement)
        self.linked.end(work)
        return 0

    def default(self, str placement not None):
        """The placement's default, reason ERROR: for a caller that could not decide. Raises PlacementError."""
        return decision_of(
            self.linked, default_of(self.linked.image, self.linked.bundle.placement_index(placement), FAILED))

    def matching_segments(self, context not None, object now):
        """The condition segments that the context is in, in order of name."""
        cdef uint32_t i
        cdef Workspace* work = self.linked.begin(context, instant(now), False)
        find_conditions(self.linked, work)
        try:
            return [
                span_str(self.linked.image, self.linked.image.conditions[i])
                for i in range(self.linked.image.condition_count)
                if work.conditions[i]
            ]
        finally:
            self.linked.end(work)

    def explain(self, str placement not None, context not None, object now):
        """The same decision with every rule, predicate and attribute that led to it."""
        cdef uint32_t index = self.linked.bundle.placement_index(placement)
        cdef Workspace* work = self.linked.begin(context, instant(now), True)
        try:
            decision = decision_of(self.linked, decide_placement(self.linked, work, index))
            return explain_placement(self.linked, work, index, decision)
        finally:
            self.linked.end(work)
