# Codes for the numbers in the records of sets (`_records.pxd`): counted first, then chosen.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t


cdef enum:
    CLASSES = 60                 # of numbers up to 65,535
    SHARES = 62                  # after a fine context for each class of the number before, 0 for none before
    GAPS = 63
    TABLES = 64


# Which classes numbers had, by fine table; then the codes of the tables that those are gathered into.
cdef struct RecordCodes:
    uint64_t counts[TABLES][CLASSES]
    uint8_t table_of[TABLES]     # the table for a fine one
    uint32_t contexts            # tables besides those of shares and gaps
    uint32_t table_bits
    uint8_t sizes[TABLES][CLASSES]
    uint16_t codes[TABLES][CLASSES]   # their first bit lowest
    uint64_t bits                # that all numbers counted take


cdef inline uint32_t class_of(uint32_t number, uint32_t* extra) noexcept nogil:
    # Eight classes of one number each, then four an octave.
    cdef uint32_t bits = 0
    if number < 8:
        extra[0] = 0
        return number
    while number >> bits > 7:
        bits += 1
    extra[0] = bits
    return 4 * bits + (number >> bits)


cdef inline uint32_t first_of(uint32_t number_class, uint32_t* extra) noexcept nogil:
    # The least number of a class.
    if number_class < 8:
        extra[0] = 0
        return number_class
    extra[0] = (number_class >> 2) - 1
    return (4 + (number_class & 3)) << extra[0]


# Gathers tables and chooses their codes for the least bytes in all.
cdef void choose_codes(RecordCodes* codes) noexcept nogil
# The entries of the tables, 4 bytes each.
cdef bytes tables_of(RecordCodes* codes)
