"""Deterministic automata from the tables that an image carries: one load a byte of text, whatever the patterns.

A block is written by `rulecore.automata` and trusted only after `automata_verify`. It is aligned to 8 bytes; all
numbers are little-endian and, unless said otherwise, u32. The parts follow each other without gaps:

    head       Automata
    scanners   Scanner each
    entries    one an automaton, in the order of their scanners: where it lies in the block, and its first word for
               long lists among the scanner's
    automata   in the same order, each:
        head       Automaton
        classes    256 bytes: the class of a byte, for bytes that the patterns tell apart
        table      by state and class, the next state, as the place of its row in this table
        outputs    for each state from `special` on, the list of what is found on the way into it
        ends       for each state, the list of what is found when the text ends there
        bounds     where each list begins in `ids`, and where the last one ends
        ids        numbers of patterns, or of hints

States from `special` on are those that stop the quick loop: `special` itself is dead, nothing more can be found after
it; each of the others has found something. A list of more than `SHORT_LIST` patterns is read once a scan, so that a
text costs no more than its length, its short lists and all the long ones.

Patterns with loops in them can't share an automaton with many others, so they lie in small ones; these are run on a
text only when a part of it has been found that one of their patterns can't do without. Each has a hint of its own for
that, which an automaton finds that reads every text.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from rulecore._machine cimport count_trailing_zeros
from rulecore._text cimport Text

from rulecore.limits import LIMITS

cdef enum:
    MAGIC = 0x31415745           # "EWA1"
    SHORT_LIST = 4

cdef uint64_t AUTOMATON_BYTES = LIMITS.automaton_bytes_max
cdef uint32_t AUTOMATA = LIMITS.automata_max
cdef uint32_t PATTERNS = LIMITS.patterns_max


cdef struct Automaton:
    uint32_t states
    uint32_t classes
    uint32_t start
    uint32_t special
    uint32_t patterns            # that it looks for, and hints
    uint32_t lists
    uint32_t long_lists          # come first
    uint32_t ids


cdef struct Entry:
    uint32_t at
    uint32_t seen


cdef struct Tables:              # where an automaton's parts lie
    const uint8_t* class_of
    const uint32_t* table
    const uint32_t* outputs
    const uint32_t* ends
    const uint32_t* bounds
    const uint32_t* ids


cdef struct Scan:                # one automaton's, as it goes
    uint64_t* found
    uint64_t* seen               # a bit for each long list
    uint32_t left                # patterns that are yet to be found


cdef inline uint64_t automaton_size(const Automaton* head) noexcept nogil:
    cdef uint64_t numbers = <uint64_t> head.states * head.classes + (head.states - head.special)
    numbers += <uint64_t> head.states + head.lists + 1 + head.ids
    return sizeof(Automaton) + 256 + 4 * numbers


cdef inline Tables tables_of(const Automaton* head) noexcept nogil:
    cdef Tables tables
    tables.class_of = <const uint8_t*> (head + 1)
    tables.table = <const uint32_t*> (tables.class_of + 256)
    tables.outputs = tables.table + <size_t> head.states * head.classes
    tables.ends = tables.outputs + (head.states - head.special)
    tables.bounds = tables.ends + head.states
    tables.ids = tables.bounds + head.lists + 1
    return tables


cdef inline const Entry* entries_of(const uint8_t* block) noexcept nogil:
    return <const Entry*> scanner_at(block, (<const Automata*> block).scanners)


cdef inline uint32_t words_of(uint32_t bits) noexcept nogil:
    return bits // 64 + (bits % 64 != 0)


# Verification -------------------------------------------------------------------------------------------------------

cdef const char* automata_verify(const uint8_t* block, size_t size, size_t* at) noexcept nogil:
    cdef const Automata* head = <const Automata*> block
    cdef const char* what
    cdef size_t used
    cdef uint32_t i, automata = 0, patterns = 0
    at[0] = 0
    if size == 0:
        return NULL
    if size < sizeof(Automata) or head.magic != MAGIC:
        return "patterns: not a block of automata"
    if head.automata > AUTOMATA or head.scanners > head.automata:
        return "patterns: more automata than a bundle may have, or fewer than scanners"
    used = sizeof(Automata) + sizeof(Scanner) * head.scanners + sizeof(Entry) * head.automata
    if size < used:
        return "patterns: shorter than their scanners"
    for i in range(head.scanners):
        at[0] = <const uint8_t*> scanner_at(block, i) - block
        what = verify_scanner(block, size, scanner_at(block, i), automata, &used, at)
        if what != NULL:
            return what
        if scanner_at(block, i).patterns > PATTERNS - patterns:
            return "patterns: more than a bundle may have"
        patterns += scanner_at(block, i).patterns
        automata += scanner_at(block, i).always + scanner_at(block, i).hinted
    at[0] = used
    if used != size or automata != head.automata:
        return "patterns: automata or bytes that no scanner has"
    return NULL


cdef const char* verify_scanner(const uint8_t* block, size_t size, const Scanner* scanner, uint32_t first, size_t* used,
                                size_t* at) noexcept nogil:
    """The first fault of a scanner, whose automata begin with number `first`, at `used`."""
    cdef const Automata* head = <const Automata*> block
    cdef const Entry* entry
    cdef const char* what
    cdef uint32_t i
    cdef uint64_t words = <uint64_t> words_of(scanner.patterns) + words_of(scanner.hinted)
    if (scanner.first != first or scanner.always == 0 or scanner.always > head.automata - first
            or scanner.hinted > head.automata - first - scanner.always):
        return "patterns: a scanner without automata of its own"
    for i in range(first, first + scanner.always + scanner.hinted):
        entry = entries_of(block) + i
        at[0] = <const uint8_t*> entry - block
        if entry.at != used[0] or entry.seen != words:
            return "patterns: an automaton out of its place"
        at[0] = used[0]
        what = verify_automaton(block, size, used, scanner)
        if what != NULL:
            return what
        words += words_of((<const Automaton*> (block + entry.at)).long_lists)
    at[0] = <const uint8_t*> scanner - block
    if words != scanner.words:
        return "patterns: a scanner that asks for another room than it needs"
    return NULL


cdef const char* verify_automaton(const uint8_t* block, size_t size, size_t* used,
                                  const Scanner* scanner) noexcept nogil:
    """The first fault of the automaton at `used`, which is moved behind it."""
    cdef const Automaton* head = <const Automaton*> (block + used[0])
    cdef Tables tables
    cdef uint64_t cells, i
    cdef uint64_t numbers = 64 * <uint64_t> words_of(scanner.patterns) + scanner.hinted
    cdef uint32_t most = 0
    cdef uint8_t last_class = 0
    if size - used[0] < sizeof(Automaton):
        return "patterns: an automaton that reaches past the end"
    if (head.special >= head.states or head.start >= head.states or head.classes == 0 or head.classes > 256
            or head.long_lists > head.lists or head.patterns > numbers):
        return "patterns: a malformed automaton"
    if automaton_size(head) > AUTOMATON_BYTES or automaton_size(head) > size - used[0]:
        return "patterns: an automaton that is too large or reaches past the end"
    tables = tables_of(head)
    for i in range(256):
        last_class = max(last_class, tables.class_of[i])
    if last_class >= head.classes:
        return "patterns: a byte of no class"
    cells = <uint64_t> head.states * head.classes
    for i in range(cells):
        most = max(most, tables.table[i])
    if most > cells - head.classes:
        return "patterns: a step to a state that is not there"
    most = 0
    for i in range(2 * <uint64_t> head.states - head.special):      # outputs and ends
        most = max(most, tables.outputs[i])
    if most >= head.lists:
        return "patterns: a state with a list that is not there"
    if tables.bounds[0] != 0 or tables.bounds[head.lists] != head.ids:
        return "patterns: lists that do not share out what was found"
    for i in range(head.lists):
        if tables.bounds[i + 1] < tables.bounds[i]:
            return "patterns: lists out of order"
        if i >= head.long_lists and tables.bounds[i + 1] - tables.bounds[i] > SHORT_LIST:
            return "patterns: a long list among the short ones"
    for i in range(head.ids):
        if tables.ids[i] >= numbers:
            return "patterns: a pattern that its scanner does not have"
    used[0] += automaton_size(head)
    return NULL


# Scanning -----------------------------------------------------------------------------------------------------------

cdef void automata_scan(const uint8_t* block, uint32_t scanner, Text text, uint64_t* found) noexcept nogil:
    cdef const Scanner* record = scanner_at(block, scanner)
    cdef const Entry* entries = entries_of(block) + record.first
    cdef const Entry* hinted = entries + record.always
    cdef uint64_t* hints = found + words_of(record.patterns)
    cdef uint64_t rest
    cdef uint32_t i
    memset(found, 0, record.words * sizeof(uint64_t))
    for i in range(record.always):
        run(block, &entries[i], text, found)
    for i in range(words_of(record.hinted)):
        rest = hints[i]
        while rest:
            run(block, &hinted[64 * i + count_trailing_zeros(rest)], text, found)
            rest &= rest - 1


cdef void run(const uint8_t* block, const Entry* entry, Text text, uint64_t* found) noexcept nogil:
    cdef const Automaton* head = <const Automaton*> (block + entry.at)
    cdef Tables tables = tables_of(head)
    cdef const uint8_t* at = <const uint8_t*> text.data
    cdef const uint8_t* end = at + text.size
    cdef uint32_t special = head.special * head.classes
    cdef uint32_t place = head.start * head.classes
    cdef Scan scan
    scan.found = found
    scan.seen = found + entry.seen
    scan.left = head.patterns
    if place >= special and note(head, &tables, place, special, &scan):
        return
    while at != end:
        place = tables.table[place + tables.class_of[at[0]]]
        at += 1
        if place >= special and note(head, &tables, place, special, &scan):
            return
    note_list(head, &tables, tables.ends[place // head.classes], &scan)


cdef bint note(const Automaton* head, const Tables* tables, uint32_t place, uint32_t special,
               Scan* scan) noexcept nogil:
    """Notes what is found on the way into a special state, and says whether nothing more can be."""
    if place == special:
        return True
    note_list(head, tables, tables.outputs[(place - special) // head.classes], scan)
    return scan.left == 0


cdef void note_list(const Automaton* head, const Tables* tables, uint32_t number, Scan* scan) noexcept nogil:
    cdef uint32_t i, id
    cdef uint64_t bit
    if number < head.long_lists:
        bit = <uint64_t> 1 << (number % 64)
        if scan.seen[number // 64] & bit:
            return
        scan.seen[number // 64] |= bit
    for i in range(tables.bounds[number], tables.bounds[number + 1]):
        id = tables.ids[i]
        bit = <uint64_t> 1 << (id % 64)
        if not scan.found[id // 64] & bit:
            scan.found[id // 64] |= bit
            scan.left -= 1
