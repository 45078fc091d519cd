"""Lines of C are told by Cython's comments, and only what a lack of memory reaches is not counted."""

from __future__ import annotations

from tests.line_coverage import made_of, out_of_memory, ranges

GENERATED = """
static int helper(void) {
}
  /* "rulecore/_a.pyx":7
 * cdef int f():             # <<<<<<<<<<<<<<
*/
static int f(void) {
  /* "rulecore/_b.pxd":3
*/
  x = 1;
}
static int helper(void) {
  /* "cpython/object.pxd":9
*/
  y = 1;
}
"""

SOURCE = """
if room == NULL:
    raise MemoryError
if copy == NULL:  # no memory
    free(room)

    return -1
x = 1  # memory
""".splitlines()


def test_lines_of_c_belong_to_what_the_last_comment_in_their_function_names() -> None:
    lines = GENERATED.splitlines()
    origins = made_of(lines)
    assert origins[lines.index("static int f(void) {") + 1] == ("rulecore/_a.pyx", 7)
    assert origins[lines.index("  x = 1;") + 1] == ("rulecore/_b.pxd", 3)
    assert lines.index("  y = 1;") + 1 not in origins
    assert 2 not in origins


def test_a_lack_of_memory_and_what_is_below_it_is_not_counted() -> None:
    assert list(out_of_memory(SOURCE)) == [3, 4, 5, 7]


def test_lines_in_a_row_are_told_as_a_range() -> None:
    assert ranges([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10"
