"""Time zones from the tables that an image carries, so that every node tells the same hour of the same instant.

A block is written by `rulecore.zones` and trusted only after `zones_verify`. An empty one knows UTC and fixed offsets,
as every one does. All numbers are little-endian; the sections follow each other without gaps:

    header     magic, names, tables, transitions, bytes of the name pool, zero         6 x u32
    times      seconds since 1970 of each transition, ascending within a table         i64 each
    offsets    seconds east of UTC from that transition on                             i32 each
    tables     one a set of rules; names of the same rules share it                    Table each
    names      sorted by bytes                                                         Name each
    pool       the names' bytes, one after the other

Before a table's first transition its `initial` offset holds, after its last the two yearly rules of its POSIX footer
(IEEE Std 1003.1, TZ; RFC 9636, section 3.3), in which "daylight" may as well be the winter, as in Ireland.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from rulecore._text cimport Text, days_from_civil, text_compare


cdef enum:
    MAGIC = 0x315A5745           # "EWZ1"
    OFFSET_MAX = 93_599          # 25:59:59, the widest that TZif allows
    RULE_SECONDS_MAX = 604_799   # 167:59:59
    NAME_BYTES_MAX = 64

cdef enum RuleKind:
    ALWAYS_STANDARD, JULIAN, DAY_OF_YEAR, MONTH_WEEK_DAY

cdef int64_t TIME_MAX = 1 << 40  # seconds: 34,000 years either way
cdef int64_t DAY_SECONDS = 86_400
cdef int64_t MICROS = 1_000_000


cdef packed struct Header:
    uint32_t magic
    uint32_t names
    uint32_t tables
    uint32_t transitions
    uint32_t pool_bytes
    uint32_t zero


cdef packed struct YearlyRule:   # when the clocks go to the other offset, each year
    uint8_t kind
    uint8_t month                # of MONTH_WEEK_DAY: 1 to 12
    uint8_t week                 # 1 to 5, where 5 is the last
    uint8_t weekday              # 0 is Sunday
    uint16_t day                 # of JULIAN: 1 to 365, never 29 February; of DAY_OF_YEAR: 0 to 365
    uint16_t zero
    int32_t seconds              # of local time from midnight; may lie in days before or after


cdef packed struct Table:
    uint32_t first
    uint32_t count
    int32_t initial
    int32_t standard
    int32_t daylight
    YearlyRule to_daylight
    YearlyRule to_standard


cdef packed struct Name:
    uint32_t at                  # in the pool
    uint16_t size
    uint16_t zero
    uint32_t table


cdef struct Block:
    Header header
    const uint8_t* times
    const uint8_t* offsets
    const uint8_t* tables
    const uint8_t* names
    const uint8_t* pool


cdef void open_block(const uint8_t* block, Block* out) noexcept nogil:
    """The places of the sections, for a block that is at least a header."""
    memcpy(&out.header, block, sizeof(Header))
    out.times = block + sizeof(Header)
    out.offsets = out.times + <size_t>8 * out.header.transitions
    out.tables = out.offsets + <size_t>4 * out.header.transitions
    out.names = out.tables + sizeof(Table) * out.header.tables
    out.pool = out.names + sizeof(Name) * out.header.names


cdef inline int64_t time_at(const Block* zones, uint32_t index) noexcept nogil:
    cdef int64_t time
    memcpy(&time, zones.times + <size_t>8 * index, 8)
    return time


cdef inline int32_t offset_at(const Block* zones, uint32_t index) noexcept nogil:
    cdef int32_t offset
    memcpy(&offset, zones.offsets + <size_t>4 * index, 4)
    return offset


cdef inline Table table_at(const Block* zones, uint32_t index) noexcept nogil:
    cdef Table table
    memcpy(&table, zones.tables + sizeof(Table) * index, sizeof(Table))
    return table


cdef inline Name name_at(const Block* zones, uint32_t index) noexcept nogil:
    cdef Name name
    memcpy(&name, zones.names + sizeof(Name) * index, sizeof(Name))
    return name


# Verification -------------------------------------------------------------------------------------------------------

cdef const char* zones_verify(const uint8_t* block, size_t size, size_t* at) noexcept nogil:
    cdef Block zones
    cdef uint64_t needed
    at[0] = 0
    if size == 0:
        return NULL
    if size < sizeof(Header):
        return "time zones: shorter than their header"
    memcpy(&zones.header, block, sizeof(Header))
    if zones.header.magic != MAGIC or zones.header.zero != 0:
        return "time zones: not a block of them"
    needed = sizeof(Header) + <uint64_t>12 * zones.header.transitions + <uint64_t>sizeof(Table) * zones.header.tables
    needed += <uint64_t>sizeof(Name) * zones.header.names + zones.header.pool_bytes
    if needed != size:
        return "time zones: not of the size that their header gives"
    open_block(block, &zones)
    cdef const uint8_t* fault_at = block
    cdef const char* fault = verify_tables(&zones, &fault_at)
    if fault == NULL:
        fault = verify_names(&zones, &fault_at)
    at[0] = fault_at - block
    return fault


cdef const char* verify_tables(const Block* zones, const uint8_t** at) noexcept nogil:
    """Every transition belongs to one table, in the tables' order: so a single pass sees each just once."""
    cdef uint32_t used = 0
    cdef uint32_t i, k
    cdef Table table
    cdef int64_t time
    cdef int64_t last
    for i in range(zones.header.tables):
        at[0] = zones.tables + sizeof(Table) * i
        table = table_at(zones, i)
        if table.first != used or table.count > zones.header.transitions - used:
            return "time zones: a table with transitions that are not its own"
        if not (sane_offset(table.initial) and sane_offset(table.standard) and sane_offset(table.daylight)):
            return "time zones: an offset of more than a day"
        if not (sane_rule(&table.to_daylight) and sane_rule(&table.to_standard)):
            return "time zones: a malformed yearly rule"
        if (table.to_daylight.kind == ALWAYS_STANDARD) != (table.to_standard.kind == ALWAYS_STANDARD):
            return "time zones: a yearly rule without its other half"
        last = -TIME_MAX
        for k in range(table.first, table.first + table.count):
            at[0] = zones.times + <size_t>8 * k
            time = time_at(zones, k)
            if time <= last or time >= TIME_MAX:
                return "time zones: transitions out of order or of range"
            last = time
            at[0] = zones.offsets + <size_t>4 * k
            if not sane_offset(offset_at(zones, k)):
                return "time zones: an offset of more than a day"
        used += table.count
    at[0] = zones.tables
    if used != zones.header.transitions:
        return "time zones: transitions that no table has"
    return NULL


cdef const char* verify_names(const Block* zones, const uint8_t** at) noexcept nogil:
    cdef uint32_t used = 0
    cdef uint32_t i
    cdef Name name
    cdef Text text
    cdef Text last
    last.data = NULL
    last.size = 0
    for i in range(zones.header.names):
        at[0] = zones.names + sizeof(Name) * i
        name = name_at(zones, i)
        if name.at != used or name.size > zones.header.pool_bytes - used or name.zero != 0:
            return "time zones: a name that is not its own"
        if name.size == 0 or name.size > NAME_BYTES_MAX:
            return "time zones: a name of no length, or too long"
        if name.table >= zones.header.tables:
            return "time zones: a name without a table"
        text.data = <const char*>zones.pool + name.at
        text.size = name.size
        if text_compare(last, text) >= 0:
            return "time zones: names out of order"
        last = text
        used += name.size
    at[0] = zones.names
    if used != zones.header.pool_bytes:
        return "time zones: bytes that no name has"
    return NULL


cdef inline bint sane_offset(int32_t offset) noexcept nogil:
    return -OFFSET_MAX <= offset and offset <= OFFSET_MAX


cdef bint sane_rule(const YearlyRule* rule) noexcept nogil:
    if rule.zero != 0 or rule.seconds < -RULE_SECONDS_MAX or rule.seconds > RULE_SECONDS_MAX:
        return False
    if rule.kind == MONTH_WEEK_DAY:
        return (
            1 <= rule.month and rule.month <= 12 and 1 <= rule.week and rule.week <= 5 and rule.weekday <= 6
            and rule.day == 0
        )
    if rule.month != 0 or rule.week != 0 or rule.weekday != 0:
        return False
    if rule.kind == JULIAN:
        return 1 <= rule.day and rule.day <= 365
    if rule.kind == DAY_OF_YEAR:
        return rule.day <= 365
    return rule.kind == ALWAYS_STANDARD and rule.day == 0 and rule.seconds == 0


# Offsets ------------------------------------------------------------------------------------------------------------

cdef bint zone_offset(const uint8_t* block, size_t size, Text name, int64_t micros, int32_t* seconds) noexcept nogil:
    cdef Block zones
    cdef uint32_t table
    if fixed_offset(name, seconds):
        return True
    if size < sizeof(Header):
        return False
    open_block(block, &zones)
    if not find_name(&zones, name, &table):
        return False
    seconds[0] = table_offset(&zones, table, floor_div(micros, MICROS))
    return True


cdef bint fixed_offset(Text name, int32_t* seconds) noexcept nogil:
    """`UTC`, `+hh:mm` or `-hh:mm`, of less than a day."""
    cdef const char* data = name.data
    cdef int hours, minutes
    if name.size == 3 and memcmp(data, b"UTC", 3) == 0:
        seconds[0] = 0
        return True
    if name.size != 6 or (data[0] != c"+" and data[0] != c"-") or data[3] != c":":
        return False
    hours = two_digits(data + 1)
    minutes = two_digits(data + 4)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return False
    seconds[0] = hours * 3600 + minutes * 60
    if data[0] == c"-":
        seconds[0] = -seconds[0]
    return True


cdef inline int two_digits(const char* data) noexcept nogil:
    if data[0] < c"0" or data[0] > c"9" or data[1] < c"0" or data[1] > c"9":
        return -1
    return (data[0] - c"0") * 10 + (data[1] - c"0")


cdef bint find_name(const Block* zones, Text name, uint32_t* table) noexcept nogil:
    cdef uint32_t low = 0
    cdef uint32_t high = zones.header.names
    cdef uint32_t middle
    cdef Name entry
    cdef Text text
    cdef int order
    while low < high:
        middle = low + (high - low) // 2
        entry = name_at(zones, middle)
        text.data = <const char*>zones.pool + entry.at
        text.size = entry.size
        order = text_compare(name, text)
        if order == 0:
            table[0] = entry.table
            return True
        if order < 0:
            high = middle
        else:
            low = middle + 1
    return False


cdef int32_t table_offset(const Block* zones, uint32_t index, int64_t time) noexcept nogil:
    cdef Table table = table_at(zones, index)
    cdef uint32_t low = table.first
    cdef uint32_t high = table.first + table.count
    cdef uint32_t middle
    while low < high:            # the first transition after `time`
        middle = low + (high - low) // 2
        if time_at(zones, middle) <= time:
            low = middle + 1
        else:
            high = middle
    if low == table.first + table.count:
        return footer_offset(&table, time)
    return table.initial if low == table.first else offset_at(zones, low - 1)


cdef int32_t footer_offset(const Table* table, int64_t time) noexcept nogil:
    """The offset after the latest of the yearly changes up to `time`.

    A change's time may reach into the year before or after its own, so those are looked at too.
    """
    cdef int64_t year, this_year, to_daylight, to_standard
    if table.to_daylight.kind == ALWAYS_STANDARD:
        return table.standard
    this_year = year_of_days(floor_div(time, DAY_SECONDS))
    for year in range(this_year + 1, this_year - 3, -1):
        to_daylight = change_time(&table.to_daylight, year) - table.standard
        to_standard = change_time(&table.to_standard, year) - table.daylight
        if to_daylight <= time and (to_daylight >= to_standard or to_standard > time):
            return table.daylight
        if to_standard <= time:
            return table.standard
    return table.standard        # not reached: a change of two years ago lies before `time`


cdef int64_t change_time(const YearlyRule* rule, int64_t year) noexcept nogil:
    """Seconds of local time from the epoch's midnight at which a year's change comes."""
    cdef int64_t january = days_from_civil(year, 1, 1)
    cdef int64_t day, first, next_month
    if rule.kind == JULIAN:
        day = january + rule.day - 1 + (rule.day >= 60 and is_leap(year))
    elif rule.kind == DAY_OF_YEAR:
        day = january + rule.day
    else:
        first = days_from_civil(year, rule.month, 1)
        day = first + (rule.weekday - weekday_of_days(first) + 7) % 7 + 7 * (rule.week - 1)
        next_month = january + (366 if is_leap(year) else 365)
        if rule.month < 12:
            next_month = days_from_civil(year, rule.month + 1, 1)
        if day >= next_month:
            day -= 7             # the fifth of four: the last
    return day * DAY_SECONDS + rule.seconds


# The calendar -------------------------------------------------------------------------------------------------------

cdef inline int64_t floor_div(int64_t number, int64_t by) noexcept nogil:
    cdef int64_t quotient = number // by             # towards zero
    return quotient - (number - quotient * by < 0)


cdef inline bint is_leap(int64_t year) noexcept nogil:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


cdef inline int32_t weekday_of_days(int64_t days) noexcept nogil:
    """1970 began on a Thursday."""
    return <int32_t>(days + 4 - floor_div(days + 4, 7) * 7)


cdef int64_t year_of_days(int64_t days) noexcept nogil:
    """The year of a day since 1970-01-01. The mean year gives it but for one, which comparing puts right."""
    cdef int64_t year = 1970 + floor_div(days * 400, 146_097)
    while days < days_from_civil(year, 1, 1):
        year -= 1
    while days >= days_from_civil(year + 1, 1, 1):
        year += 1
    return year


cdef void civil_from_micros(int64_t local_micros, Civil* out) noexcept nogil:
    cdef int64_t days = floor_div(local_micros, DAY_SECONDS * MICROS)
    cdef int64_t of_day = local_micros - days * DAY_SECONDS * MICROS
    out.year = year_of_days(days)
    out.yearday = <int32_t>(days - days_from_civil(out.year, 1, 1))
    out.month = 0
    while out.month < 11 and days >= days_from_civil(out.year, out.month + 2, 1):
        out.month += 1
    out.day = <int32_t>(days - days_from_civil(out.year, out.month + 1, 1))
    out.weekday = weekday_of_days(days)
    out.hour = <int32_t>(of_day // (3600 * MICROS))
    out.minute = <int32_t>(of_day // (60 * MICROS) % 60)
    out.second = <int32_t>(of_day // MICROS % 60)
    out.millisecond = <int32_t>(of_day // 1000 % 1000)
