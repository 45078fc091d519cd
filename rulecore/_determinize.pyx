"""From what a set of patterns may do to what it does: the subset construction, and Hopcroft's minimisation.

Takes the patterns as one nondeterministic program over bytes (`rulecore.automata` writes it) and gives every state of
the automaton that finds all of them in one pass. A state is

    the context   what the last byte was, as far as assertions ask: the text's begin, a word's byte, a newline, another
    the threads   nodes at which a pattern that has begun goes on: a byte's, or an assertion's that must see the next
    the outputs   patterns found on the way into this state, and so not part of what comes after it

A pattern may begin anywhere, so every state would hold the first nodes of all of them. They are left out: what they
come to, byte by byte, depends on the context alone and is worked out once. Outputs are those of this very step; a
state does not remember what was found before, or the states would multiply with every subset of the patterns.

An assertion that looks at the next byte waits in its state until that byte, or the end, is known; a pattern that ends
with one is found one byte later, or in the state's list for the end of the text.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from rulecore._machine cimport count_trailing_zeros

cpdef enum Op:
    BYTE                     # low to high, then next
    SPLIT                    # next, and other
    ASSERT                   # low is an Assert; then next
    MATCH                    # pattern number `next` is found

cdef enum Assert:            # rulecore.regex.At
    TEXT_BEGIN, TEXT_END, LINE_BEGIN, LINE_END, WORD_EDGE, NO_WORD_EDGE

cdef enum:
    CONTEXTS = 4

cdef enum Context:           # of a state: the byte before it
    AT_BEGIN, AFTER_OTHER, AFTER_WORD, AFTER_NEWLINE

cdef enum Ahead:             # the byte behind it
    THE_END, OTHER, WORD, NEWLINE

cdef enum:
    DEAD = 0                 # the state that nothing comes after
    UNKNOWN = 0xFFFFFFFF

cdef struct State:
    size_t at                # of its numbers in the pool: threads, then outputs
    uint32_t threads
    uint32_t outputs
    uint32_t context

cdef struct Bits:            # a set of numbers: a bit each, and a bit for each word of those that has any
    uint64_t* bits
    uint64_t* words
    uint32_t summary         # words of words

cdef struct Span:
    size_t at
    uint32_t count


cdef int grow(void** memory, size_t* room, size_t needed, size_t size) except -1:
    """Makes room for `needed` elements of `size` bytes."""
    cdef void* larger
    if needed <= room[0]:
        return 0
    needed = max(needed, 2 * room[0])
    larger = PyMem_Realloc(memory[0], needed * size)
    if larger == NULL:
        raise MemoryError()
    memory[0] = larger
    room[0] = needed
    return 0


cdef void* fresh(size_t count, size_t size) except NULL:
    cdef void* memory = PyMem_Malloc(max(count, 1) * size)
    if memory == NULL:
        raise MemoryError()
    memset(memory, 0, max(count, 1) * size)
    return memory


cdef int bits_new(Bits* new, uint32_t size) except -1:
    new.bits = <uint64_t*> fresh(size // 64 + 1, 8)
    new.summary = size // 4096 + 1
    new.words = <uint64_t*> fresh(new.summary, 8)
    return 0


cdef inline void bits_add(Bits* into, uint32_t number) noexcept:
    into.bits[number // 64] |= <uint64_t> 1 << (number % 64)
    into.words[number // 4096] |= <uint64_t> 1 << (number // 64 % 64)


cdef uint32_t bits_take(Bits* source, uint32_t* into) noexcept:
    """The numbers of a set, ascending; it is empty then."""
    cdef uint32_t i, word, count = 0
    cdef uint64_t words, rest
    for i in range(source.summary):
        words = source.words[i]
        source.words[i] = 0
        while words:
            word = 64 * i + count_trailing_zeros(words)
            words &= words - 1
            rest = source.bits[word]
            source.bits[word] = 0
            while rest:
                into[count] = 64 * word + count_trailing_zeros(rest)
                count += 1
                rest &= rest - 1
    return count


cdef class Determinizer:
    """One program's states. `nodes` holds 4 numbers each: op, low * 256 + high, next, other."""

    cdef readonly uint32_t count           # states so far
    cdef uint32_t patterns, node_count, class_count
    cdef uint32_t* nodes
    cdef uint8_t[256] class_of             # a byte's class: bytes that no node tells apart
    cdef uint8_t[256] sample               # a byte of each class
    cdef uint8_t[256] ahead                # of each class: Ahead
    cdef uint8_t[256] context_of           # of each class: Context
    cdef State* states
    cdef size_t states_room
    cdef uint32_t* pool
    cdef size_t pool_size, pool_room
    cdef uint32_t* table                   # next state by state and class
    cdef size_t table_room
    cdef uint32_t* index                   # of states by their numbers, open addressing
    cdef size_t index_size
    # The threads and outputs that are being collected, and which visit marked a node last
    cdef Bits threads
    cdef Bits found
    cdef uint32_t* arrived
    cdef uint32_t* resolved
    cdef uint32_t visit
    cdef uint32_t* stack
    cdef uint32_t* collected
    # What patterns that begin here come to
    cdef object starts
    cdef Span[CONTEXTS] root               # their first nodes
    cdef Span[CONTEXTS][256] root_step     # threads one byte later
    cdef Span[CONTEXTS][256] root_found    # patterns found by then
    cdef uint32_t[CONTEXTS][256] root_target
    cdef uint32_t* roots
    cdef size_t roots_size, roots_room

    def __cinit__(self, const uint32_t[::1] nodes, starts, uint32_t patterns, const uint8_t[::1] class_of):
        cdef uint32_t i, size = <uint32_t> nodes.shape[0]
        self.node_count = size // 4
        self.patterns = patterns
        self.starts = starts
        self.nodes = <uint32_t*> fresh(size, 4)
        for i in range(size):
            self.nodes[i] = nodes[i]
        for i in range(256):
            self.class_of[i] = class_of[i]
            self.sample[class_of[i]] = i
            self.class_count = max(self.class_count, <uint32_t> class_of[i] + 1)
        bits_new(&self.threads, self.node_count)
        bits_new(&self.found, patterns)
        self.arrived = <uint32_t*> fresh(self.node_count, 4)
        self.resolved = <uint32_t*> fresh(self.node_count, 4)
        self.stack = <uint32_t*> fresh(self.node_count + 1, 4)
        self.collected = <uint32_t*> fresh(self.node_count + patterns, 4)
        self.index_size = 1024
        self.index = <uint32_t*> fresh(self.index_size, 4)
        self._contexts()

    def __dealloc__(self):
        PyMem_Free(self.nodes)
        PyMem_Free(self.states)
        PyMem_Free(self.pool)
        PyMem_Free(self.table)
        PyMem_Free(self.index)
        PyMem_Free(self.threads.bits)
        PyMem_Free(self.threads.words)
        PyMem_Free(self.found.bits)
        PyMem_Free(self.found.words)
        PyMem_Free(self.arrived)
        PyMem_Free(self.resolved)
        PyMem_Free(self.stack)
        PyMem_Free(self.collected)
        PyMem_Free(self.roots)

    def run(self, uint32_t states_max, size_t threads_max):
        """Finds all states; False when there are more than `states_max`, or their threads more than `threads_max`.

        The last to be found is then number `count`.
        """
        cdef uint32_t state = 1
        self._roots()
        self._state(AT_BEGIN)              # number 0 is dead, 1 the one to start with
        while state < self.count:
            self._expand(state)
            if self.count > states_max or self.pool_size > threads_max:
                return False
            state += 1
        return True

    def transitions(self):
        """The next state, a u32 each, by state and class."""
        return (<char*> self.table)[:<size_t> self.count * self.class_count * 4]

    def outputs(self):
        """The patterns found on the way into each state."""
        cdef uint32_t state
        cdef State* one
        found = []
        for state in range(self.count):
            one = &self.states[state]
            found.append(self._tuple(self.pool + one.at + one.threads, one.outputs))
        return found

    def ends(self):
        """The patterns found where the text ends in each state."""
        cdef uint32_t state, i
        cdef State* one
        found = [()]
        for state in range(1, self.count):
            one = &self.states[state]
            self._begin()
            if not self._is_done(one):
                for i in range(one.threads):
                    self._resolve_end(self.pool[one.at + i], one.context)
                for i in range(self.root[one.context].count):
                    self._resolve_end(self.roots[self.root[one.context].at + i], one.context)
            found.append(self._tuple(self.collected, bits_take(&self.found, self.collected)))
        return found

    # Contexts

    cdef int _contexts(self) except -1:
        """What assertions can tell of a byte; contexts that none asks for are one."""
        cdef uint32_t i, kind
        cdef bint words = False, lines = False
        cdef uint8_t byte
        for i in range(self.node_count):
            if self.nodes[4 * i] == ASSERT:
                kind = self.nodes[4 * i + 1] >> 8
                words = words or kind == WORD_EDGE or kind == NO_WORD_EDGE
                lines = lines or kind == LINE_BEGIN
        for i in range(self.class_count):
            byte = self.sample[i]
            self.ahead[i] = OTHER
            self.context_of[i] = AFTER_OTHER
            if byte == c'\n':
                self.ahead[i] = NEWLINE
                self.context_of[i] = AFTER_NEWLINE if lines else AFTER_OTHER
            elif c'0' <= byte <= c'9' or c'A' <= byte <= c'Z' or byte == c'_' or c'a' <= byte <= c'z':
                self.ahead[i] = WORD
                self.context_of[i] = AFTER_WORD if words else AFTER_OTHER
        return 0

    cdef bint _holds(self, uint32_t kind, uint32_t before, uint32_t ahead) noexcept:
        if kind == TEXT_BEGIN:
            return before == AT_BEGIN
        if kind == LINE_BEGIN:
            return before == AT_BEGIN or before == AFTER_NEWLINE
        if kind == TEXT_END:
            return ahead == THE_END
        if kind == LINE_END:
            return ahead == THE_END or ahead == NEWLINE
        return ((before == AFTER_WORD) != (ahead == WORD)) == (kind == WORD_EDGE)

    # Collecting

    cdef void _begin(self) noexcept:
        self.visit += 1

    cdef void _arrive(self, uint32_t node, uint32_t context) noexcept:
        """Collects what follows from being at a node while the next byte is not known."""
        cdef uint32_t depth = 0, kind
        cdef uint32_t* one
        if self.arrived[node] == self.visit:
            return
        self.arrived[node] = self.visit
        self.stack[0] = node
        depth = 1
        while depth > 0:
            depth -= 1
            node = self.stack[depth]
            one = &self.nodes[4 * node]
            if one[0] == SPLIT:
                if self.arrived[one[3]] != self.visit:
                    self.arrived[one[3]] = self.visit
                    self.stack[depth] = one[3]
                    depth += 1
            elif one[0] == ASSERT:
                kind = one[1] >> 8
                if kind != TEXT_BEGIN and kind != LINE_BEGIN:
                    bits_add(&self.threads, node)
                    continue
                if not self._holds(kind, context, THE_END):
                    continue
            elif one[0] == MATCH:
                bits_add(&self.found, one[2])
                continue
            else:
                bits_add(&self.threads, node)
                continue
            if self.arrived[one[2]] != self.visit:
                self.arrived[one[2]] = self.visit
                self.stack[depth] = one[2]
                depth += 1

    cdef void _resolve(self, uint32_t node, uint32_t context, int symbol) noexcept:
        """Collects what follows from being at a node when the next byte's class is known; -1 is the end."""
        cdef uint32_t depth, count = 0, i
        cdef uint32_t* one
        cdef uint32_t ahead = THE_END if symbol < 0 else self.ahead[symbol]
        if self.resolved[node] == self.visit:
            return
        self.resolved[node] = self.visit
        self.stack[0] = node
        depth = 1
        while depth > 0:
            depth -= 1
            one = &self.nodes[4 * self.stack[depth]]
            if one[0] == SPLIT:
                if self.resolved[one[3]] != self.visit:
                    self.resolved[one[3]] = self.visit
                    self.stack[depth] = one[3]
                    depth += 1
            elif one[0] == ASSERT:
                if not self._holds(one[1] >> 8, context, ahead):
                    continue
            elif one[0] == MATCH:
                bits_add(&self.found, one[2])
                continue
            else:
                if symbol >= 0 and one[1] >> 8 <= self.sample[symbol] <= (one[1] & 255):
                    self.collected[count] = one[2]
                    count += 1
                continue
            if self.resolved[one[2]] != self.visit:
                self.resolved[one[2]] = self.visit
                self.stack[depth] = one[2]
                depth += 1
        for i in range(count):
            self._arrive(self.collected[i], self.context_of[symbol])

    cdef inline void _resolve_end(self, uint32_t node, uint32_t context) noexcept:
        if self.nodes[4 * node] == ASSERT:     # all else waits for a byte
            self._resolve(node, context, -1)

    cdef tuple _tuple(self, const uint32_t* numbers, uint32_t count):
        cdef uint32_t i
        return tuple([numbers[i] for i in range(count)]) if count else ()

    cdef bint _is_done(self, const State* state) noexcept:
        """Whether nothing more is to be found."""
        return self.patterns == 1 and state.outputs > 0

    # Patterns that begin

    cdef Span _keep(self, Bits* source, uint32_t size) except *:
        cdef Span kept
        grow(<void**> &self.roots, &self.roots_room, self.roots_size + size + 1, 4)
        kept.at = self.roots_size
        kept.count = bits_take(source, self.roots + kept.at)
        self.roots_size += kept.count
        return kept

    cdef int _roots(self) except -1:
        cdef uint32_t context, symbol, i
        cdef Span root
        cdef Span[CONTEXTS] found
        for context in range(CONTEXTS):
            self._begin()
            for start in self.starts:
                self._arrive(start, context)
            self.root[context] = self._keep(&self.threads, self.node_count)
            found[context] = self._keep(&self.found, self.patterns)
        for context in range(CONTEXTS):
            for symbol in range(self.class_count):
                self._begin()
                root = self.root[context]
                for i in range(root.count):
                    self._resolve(self.roots[root.at + i], context, symbol)
                for i in range(found[self.context_of[symbol]].count):
                    bits_add(&self.found, self.roots[found[self.context_of[symbol]].at + i])
                self.root_step[context][symbol] = self._keep(&self.threads, self.node_count)
                self.root_found[context][symbol] = self._keep(&self.found, self.patterns)
                self.root_target[context][symbol] = UNKNOWN
        # The dead state and the one to start with
        grow(<void**> &self.states, &self.states_room, 64, sizeof(State))
        grow(<void**> &self.table, &self.table_room, self.class_count, 4)
        memset(&self.states[DEAD], 0, sizeof(State))
        memset(self.table, 0, self.class_count * 4)
        self.count = 1
        root = found[<int> AT_BEGIN]
        for i in range(root.count):
            bits_add(&self.found, self.roots[root.at + i])
        return 0

    # States

    cdef uint32_t _state(self, uint32_t context) except UNKNOWN:
        """The state of what has been collected, new or known."""
        cdef State state
        cdef size_t at = self.pool_size, slot
        cdef uint32_t known
        cdef uint64_t key
        grow(<void**> &self.pool, &self.pool_room, at + self.node_count + self.patterns + 2, 4)
        state.at = at
        state.context = context
        state.threads = bits_take(&self.threads, self.pool + at)
        state.outputs = bits_take(&self.found, self.pool + at + state.threads)
        key = self._key(&state)
        slot = key & (self.index_size - 1)
        while self.index[slot] != 0:
            known = self.index[slot]
            if self._same(&self.states[known], &state):
                return known
            slot = (slot + 1) & (self.index_size - 1)
        grow(<void**> &self.states, &self.states_room, self.count + 1, sizeof(State))
        self.pool_size = at + state.threads + state.outputs
        self.states[self.count] = state
        self.index[slot] = self.count
        self.count += 1
        if 2 * <size_t> self.count > self.index_size:
            self._reindex()
        return self.count - 1

    cdef uint64_t _key(self, const State* state) noexcept:
        cdef uint64_t key = state.context * <uint64_t> 0x9E3779B97F4A7C15 + state.threads
        cdef uint32_t i
        for i in range(state.threads + state.outputs):
            key = (key ^ self.pool[state.at + i]) * <uint64_t> 0xFF51AFD7ED558CCD
            key ^= key >> 32
        return key

    cdef bint _same(self, const State* a, const State* b) noexcept:
        return (a.context == b.context and a.threads == b.threads and a.outputs == b.outputs
                and memcmp(self.pool + a.at, self.pool + b.at, 4 * <size_t> (a.threads + a.outputs)) == 0)

    cdef int _reindex(self) except -1:
        cdef uint32_t state
        cdef size_t slot
        PyMem_Free(self.index)
        self.index = NULL
        self.index_size *= 4
        self.index = <uint32_t*> fresh(self.index_size, 4)
        for state in range(1, self.count):
            slot = self._key(&self.states[state]) & (self.index_size - 1)
            while self.index[slot] != 0:
                slot = (slot + 1) & (self.index_size - 1)
            self.index[slot] = state
        return 0

    cdef int _expand(self, uint32_t number) except -1:
        """Works out the states that follow a state, class by class."""
        cdef State state = self.states[number]
        cdef uint8_t[256] waits            # classes that a thread can go on with
        cdef uint32_t symbol, i, node, low, high, target
        cdef size_t row = <size_t> number * self.class_count
        cdef bint pending = False
        grow(<void**> &self.table, &self.table_room, row + self.class_count, 4)
        if self._is_done(&state):
            memset(self.table + row, 0, self.class_count * 4)
            return 0
        memset(waits, 0, 256)
        for i in range(state.threads):
            node = self.pool[state.at + i]
            if self.nodes[4 * node] == ASSERT:
                pending = True
                continue
            low, high = self.nodes[4 * node + 1] >> 8, self.nodes[4 * node + 1] & 255
            while low <= high:
                waits[self.class_of[low]] = 1
                low += 1
        for symbol in range(self.class_count):
            if not (pending or waits[symbol]):
                if self.root_target[state.context][symbol] == UNKNOWN:
                    self._begin()
                    self._step_root(state.context, symbol)
                    target = self._state(self.context_of[symbol])
                    self.root_target[state.context][symbol] = target
                self.table[row + symbol] = self.root_target[state.context][symbol]
                continue
            self._begin()
            for i in range(state.threads):
                node = self.pool[state.at + i]
                if self.nodes[4 * node] == ASSERT:
                    self._resolve(node, state.context, symbol)
                elif self.nodes[4 * node + 1] >> 8 <= self.sample[symbol] <= (self.nodes[4 * node + 1] & 255):
                    self._arrive(self.nodes[4 * node + 2], self.context_of[symbol])
            self._step_root(state.context, symbol)
            self.table[row + symbol] = self._state(self.context_of[symbol])
        return 0

    cdef void _step_root(self, uint32_t context, uint32_t symbol) noexcept:
        cdef Span threads = self.root_step[context][symbol]
        cdef Span found = self.root_found[context][symbol]
        cdef uint32_t i
        for i in range(threads.count):
            bits_add(&self.threads, self.roots[threads.at + i])
        for i in range(found.count):
            bits_add(&self.found, self.roots[found.at + i])


# Minimisation -------------------------------------------------------------------------------------------------------

cdef struct Partition:       # of states into groups: the states in an order in which each group is one stretch
    uint32_t* order
    uint32_t* place          # of a state in the order
    uint32_t* group_of
    uint32_t* first
    uint32_t* behind
    uint32_t* marked         # of a group: states moved to its front
    uint32_t groups


def minimise(const uint32_t[::1] transitions, uint32_t classes, const uint32_t[::1] labels):
    """The group of each state, a u32 each: the coarsest grouping in which states of a group have one label and go to
    states of one group. Groups are numbered by their first state. (Hopcroft, 1971.)
    """
    cdef uint32_t count = <uint32_t> labels.shape[0]
    cdef uint32_t label_count = 1 + max(labels)
    cdef uint32_t* memory = <uint32_t*> fresh(<size_t> 8 * count + label_count + 2, 4)
    cdef uint32_t* sources = NULL
    cdef uint32_t* behind = NULL
    cdef uint32_t* queue = NULL
    cdef uint8_t* queued = NULL
    cdef Partition groups
    try:
        groups.order, groups.place = memory, memory + count
        groups.group_of, groups.first = memory + 2 * count, memory + 3 * count
        groups.behind, groups.marked = memory + 4 * count, memory + 5 * count
        sources = <uint32_t*> fresh(<size_t> count * classes, 4)
        behind = <uint32_t*> fresh(<size_t> count * classes + 1, 4)
        queue = <uint32_t*> fresh(<size_t> count + 1, 4)
        queued = <uint8_t*> fresh(count, 1)
        by_label(&groups, labels, memory + 8 * <size_t> count, label_count)
        invert(transitions, classes, count, sources, behind)
        refine(&groups, classes, count, sources, behind, queue, queued, memory + 6 * <size_t> count)
        return renumbered(&groups, count, memory + 6 * <size_t> count)
    finally:
        PyMem_Free(memory)
        PyMem_Free(sources)
        PyMem_Free(behind)
        PyMem_Free(queue)
        PyMem_Free(queued)


cdef int by_label(Partition* groups, const uint32_t[::1] labels, uint32_t* behind, uint32_t label_count) except -1:
    """The first grouping; labels without a state make no group."""
    cdef uint32_t state, label, group = 0, at = 0, count = <uint32_t> labels.shape[0]
    for state in range(count):
        behind[labels[state] + 1] += 1
    for label in range(label_count):
        behind[label + 1] += behind[label]
    for label in range(label_count):
        if behind[label + 1] > behind[label]:
            groups.first[group] = behind[label]
            groups.behind[group] = behind[label + 1]
            group += 1
    groups.groups = group
    for state in range(count):
        at = behind[labels[state]]
        behind[labels[state]] += 1
        groups.order[at] = state
        groups.place[state] = at
    for group in range(groups.groups):
        for at in range(groups.first[group], groups.behind[group]):
            groups.group_of[groups.order[at]] = group
    return 0


cdef int invert(const uint32_t[::1] transitions, uint32_t classes, uint32_t count, uint32_t* sources,
                uint32_t* behind) except -1:
    """The states that come to each state, class by class: up to `behind[class * count + state]`."""
    cdef uint32_t state, symbol
    cdef size_t cell, total = <size_t> count * classes
    for state in range(count):
        for symbol in range(classes):
            behind[symbol * <size_t> count + transitions[<size_t> state * classes + symbol] + 1] += 1
    for cell in range(total):
        behind[cell + 1] += behind[cell]
    for state in range(count):
        for symbol in range(classes):
            cell = symbol * <size_t> count + transitions[<size_t> state * classes + symbol]
            sources[behind[cell]] = state
            behind[cell] += 1
    return 0


cdef int refine(Partition* groups, uint32_t classes, uint32_t count, const uint32_t* sources, const uint32_t* behind,
                uint32_t* queue, uint8_t* queued, uint32_t* work) except -1:
    """Splits groups until no group tells states of another apart. `work` has room for two numbers a state."""
    cdef uint32_t waiting = 0, group, symbol, i, k, size, state, other, touched, fresh_group
    cdef uint32_t* members = work
    cdef uint32_t* touched_groups = work + count
    cdef size_t cell, begin
    for group in range(groups.groups):
        queue[waiting] = group
        queued[group] = 1
        waiting += 1
    while waiting > 0:
        waiting -= 1
        group = queue[waiting]
        queued[group] = 0
        size = groups.behind[group] - groups.first[group]
        memcpy(members, groups.order + groups.first[group], 4 * <size_t> size)
        for symbol in range(classes):
            touched = 0
            for i in range(size):
                cell = symbol * <size_t> count + members[i]
                begin = behind[cell - 1] if cell > 0 else 0
                for k in range(begin, behind[cell]):
                    state = sources[k]
                    other = groups.group_of[state]
                    if groups.marked[other] == 0:
                        touched_groups[touched] = other
                        touched += 1
                    to_front(groups, state, other)
            for i in range(touched):
                other = touched_groups[i]
                fresh_group = split(groups, other)
                if fresh_group == UNKNOWN:
                    continue
                if not queued[other] and (groups.behind[other] - groups.first[other]
                                          < groups.behind[fresh_group] - groups.first[fresh_group]):
                    fresh_group = other
                queue[waiting] = fresh_group
                queued[fresh_group] = 1
                waiting += 1
    return 0


cdef inline void to_front(Partition* groups, uint32_t state, uint32_t group) noexcept:
    """Moves a state among those of its group that are marked: each is marked at most once, a class has one target."""
    cdef uint32_t front = groups.first[group] + groups.marked[group]
    cdef uint32_t place = groups.place[state]
    cdef uint32_t there = groups.order[front]
    groups.order[place] = there
    groups.place[there] = place
    groups.order[front] = state
    groups.place[state] = front
    groups.marked[group] += 1


cdef inline uint32_t split(Partition* groups, uint32_t group) noexcept:
    """Makes the marked states of a group a group of their own, unless they are all of it."""
    cdef uint32_t marked = groups.marked[group], i, new
    groups.marked[group] = 0
    if marked == groups.behind[group] - groups.first[group]:
        return UNKNOWN
    new = groups.groups
    groups.groups += 1
    groups.first[new] = groups.first[group]
    groups.behind[new] = groups.first[group] + marked
    groups.first[group] += marked
    for i in range(groups.first[new], groups.behind[new]):
        groups.group_of[groups.order[i]] = new
    return new


cdef bytes renumbered(Partition* groups, uint32_t count, uint32_t* number):
    cdef uint32_t state, known = 0
    memset(number, 0xFF, 4 * <size_t> count)
    for state in range(count):
        if number[groups.group_of[state]] == UNKNOWN:
            number[groups.group_of[state]] = known
            known += 1
        groups.marked[state] = number[groups.group_of[state]]
    return (<char*> groups.marked)[:<size_t> count * 4]
