# Scanners: for each term that patterns are asked of, the automata that find all of them in one pass over its text.
# `rulecore.automata` writes what is read here.
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from rulecore._text cimport Text


cdef struct Automata:        # the head of a block
    uint32_t magic
    uint32_t scanners
    uint32_t automata


cdef struct Scanner:
    uint32_t patterns
    uint32_t words           # of 64 bits that a scan needs: a bit for each pattern, then what it keeps for itself
    uint32_t first           # of its automata
    uint32_t always          # those that read every text, the first ones
    uint32_t hinted          # those that read it after one of these has found their hint


# The first fault of a block, or NULL; `at` is its offset. An empty block has no scanner.
cdef const char* automata_verify(const uint8_t* block, size_t size, size_t* at) noexcept nogil
# Sets a bit of `found` (of Scanner.words) for each of the scanner's patterns that is found in a text.
cdef void automata_scan(const uint8_t* block, uint32_t scanner, Text text, uint64_t* found) noexcept nogil


cdef inline uint32_t scanner_count(const uint8_t* block, size_t size) noexcept nogil:
    return 0 if size == 0 else (<const Automata*> block).scanners


cdef inline const Scanner* scanner_at(const uint8_t* block, uint32_t scanner) noexcept nogil:
    return <const Scanner*> (block + sizeof(Automata)) + scanner
