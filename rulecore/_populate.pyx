"""Brings the pages of a mapped image in, so that no decision waits for one: 75 to 700 us where the file is not cached.

Whoever maps a file calls this in a thread that may wait, before anybody reads. Pages stay where they are as long as
the kernel has memory: nothing is locked.

MADV_POPULATE_READ (Linux 5.14) gives an error where reading would be a SIGBUS, for a file that was made shorter or a
disk that fails; an older kernel is asked by reading a byte of each page. It is called piece by piece, because it keeps
the process's other threads from mapping memory for as long as it runs.

MADV_HUGEPAGE has a file that is not cached yet read in pages of 2 MiB, whatever the disk's read-ahead is, where the
filesystem can (ext4 since Linux 6.16, xfs): an access at random then takes about two thirds of the time, for it misses
the TLB less. A cached file keeps the pages that it has, which are large if it was written in pieces of 2 MiB or more.
"""

from libc.errno cimport EFAULT, EINVAL, EIO, errno
from libc.stdint cimport uint8_t, uintptr_t
from libc.string cimport strerror

from rulecore._buffer cimport BufferView

cdef extern from "<sys/mman.h>" nogil:
    int madvise(void* start, size_t size, int advice)
    int HUGEPAGE "MADV_HUGEPAGE"

cdef enum:
    POPULATE_READ = 22                     # not in the C headers of older systems
    PAGE_BYTES = 4096                      # or more, which only costs a few reads too many
    PIECE_BYTES = 4 << 20


def populate(data not None):
    cdef BufferView view = BufferView(data)
    cdef int fault
    with nogil:
        fault = bring_in(view.data, view.size)
    if fault == EFAULT:
        raise OSError(EIO, "not all of it can be read: the disk fails, or the file was made shorter")
    if fault:
        raise OSError(fault, strerror(fault).decode())


cdef int bring_in(const uint8_t* data, size_t size) noexcept nogil:
    """0, or the number of an error."""
    cdef size_t at = 0, piece
    cdef size_t before = <uintptr_t> data % PAGE_BYTES
    data -= before                         # to where its first page begins
    size += before
    madvise(<void*> data, size, HUGEPAGE)  # no more than a wish
    while at < size:
        piece = min(size - at, <size_t> PIECE_BYTES)
        if madvise(<void*> (data + at), piece, POPULATE_READ) != 0:
            if errno != EINVAL:
                return errno
            read_pages(data + at, piece)
        at += piece
    return 0


cdef void read_pages(const uint8_t* data, size_t size) noexcept nogil:
    cdef volatile uint8_t _byte            # volatile, or the compiler would leave the reading out
    cdef size_t end = 0
    while end < size:
        end = min(end + PAGE_BYTES, size)
        _byte = data[end - 1]              # the last one of the page: the first may lie before what was asked for
