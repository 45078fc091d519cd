/* What gcc's -fsanitize-coverage=trace-pc calls at every basic block, as the counters that libFuzzer reads.
 *
 * gcc has no inline counters of its own, and libFuzzer no longer takes calls. So each place that calls gets the counter
 * that its address hashes to: with room for many more than there are places, few share one. Loaded before anything
 * that is instrumented; not instrumented itself. */
#include <stddef.h>
#include <stdint.h>

#define COUNTERS_LOG2 17
#define COUNTERS ((size_t) 1 << COUNTERS_LOG2)

void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop);
void __sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *stop);

static uint8_t counters[COUNTERS];
static uintptr_t places[2 * COUNTERS]; /* the address and flags of each: libFuzzer wants as many; nobody reads them */

void __sanitizer_cov_trace_pc(void) {
    uintptr_t place = (uintptr_t) __builtin_return_address(0);
    counters[(uint64_t) place * UINT64_C(0x9E3779B97F4A7C15) >> (64 - COUNTERS_LOG2)]++;
}

__attribute__((constructor)) static void hand_over(void) {
    __sanitizer_cov_8bit_counters_init(counters, counters + COUNTERS);
    __sanitizer_cov_pcs_init(places, places + 2 * COUNTERS);
}

/* gcc tells of floating-point comparisons, too; libFuzzer has no use for them. */
void __sanitizer_cov_trace_cmpf(float left, float right) { (void) left; (void) right; }
void __sanitizer_cov_trace_cmpd(double left, double right) { (void) left; (void) right; }
