/*
 * test_line.c - the slow line with a clock of the test: the time of each byte, in nanoseconds.
 */
#include "line.h"
#include "n6_test.h"

enum { MICROSECOND = 1000, MILLISECOND = 1000000 };
static const uint64_t start = 123456789;

/* A line of 1,000,000 bit/s: a byte takes 10 us. */
static n6_line_t paced(void)
{
    n6_line_t line;
    n6_line_init(&line, 1000000);
    return line;
}

static void a_line_without_a_rate_holds_nothing_up(void)
{
    n6_line_t line;
    n6_line_init(&line, 0);
    CHECK(!n6_line_paced(&line));
    n6_line_begin(&line, start);
    CHECK(n6_line_passed(&line, start) == SIZE_MAX);
    n6_line_moved(&line, 1000);
    CHECK(n6_line_due(&line, 1000) == UINT64_MAX);
}

static void an_idle_line_moves_nothing_and_saves_nothing_up(void)
{
    n6_line_t line = paced();
    CHECK(n6_line_paced(&line));
    EQUAL(n6_line_passed(&line, start), 0);
    CHECK(n6_line_due(&line, 5) == UINT64_MAX);
    n6_line_begin(&line, start);
    n6_line_rest(&line);
    n6_line_begin(&line, start + MILLISECOND);
    EQUAL(n6_line_passed(&line, start + MILLISECOND), 0);
}

static void a_byte_has_passed_when_its_time_is_over(void)
{
    n6_line_t line = paced();
    n6_line_begin(&line, start);
    EQUAL(n6_line_passed(&line, start + 10 * MICROSECOND - 1), 0);
    EQUAL(n6_line_passed(&line, start + 10 * MICROSECOND), 1);
    EQUAL(n6_line_passed(&line, start + 39 * MICROSECOND), 3);
    n6_line_moved(&line, 3);
    n6_line_begin(&line, start + 39 * MICROSECOND); /* it is busy: nothing starts again */
    EQUAL(n6_line_passed(&line, start + 39 * MICROSECOND), 0);
    EQUAL(n6_line_passed(&line, start + 40 * MICROSECOND), 1);
}

static void it_is_due_when_the_rest_has_passed(void)
{
    n6_line_t line = paced();
    n6_line_begin(&line, start);
    uint64_t due = n6_line_due(&line, 7);
    EQUAL(n6_line_passed(&line, due), 7);
    EQUAL(n6_line_passed(&line, due - 2), 6);
    n6_line_moved(&line, 6);
    due = n6_line_due(&line, 1);
    EQUAL(n6_line_passed(&line, due), 1);
    CHECK(due > start + 70 * MICROSECOND - 2 && due <= start + 70 * MICROSECOND + 1);
}

/* Bytes of long transfers are moved once per millisecond, those of slow lines one by one. */
static void it_wakes_up_for_a_millisecond_or_a_byte(void)
{
    n6_line_t line = paced();
    n6_line_begin(&line, start);
    EQUAL(n6_line_passed(&line, n6_line_due(&line, 100000)), 100);
    n6_line_init(&line, 300);
    n6_line_begin(&line, start);
    EQUAL(n6_line_passed(&line, n6_line_due(&line, 100000)), 1);
}

/*
 * Also if the program wakes up late, each byte is moved, none before its time, and the last one at
 * the time that follows from the rate.
 */
static void a_long_transfer_runs_at_the_rate_of_the_line(void)
{
    enum { BYTES = 100000 };
    const uint32_t baud = 921600;
    n6_line_t line;
    size_t moved = 0;
    uint64_t now = start;
    uint32_t random = 1;
    n6_line_init(&line, baud);
    n6_line_begin(&line, now);
    while (moved < BYTES) {
        uint64_t due = n6_line_due(&line, BYTES - moved);
        CHECK(due > now || n6_line_passed(&line, now) > 0);
        random = random * 1664525u + 1013904223u;
        now = (due > now ? due : now) + (random >> 10); /* up to 4 ms late */
        size_t passed = n6_line_passed(&line, now);
        CHECK(passed > 0);
        passed = passed < BYTES - moved ? passed : BYTES - moved;
        moved += passed;
        n6_line_moved(&line, passed);
        CHECK((double)moved * 10e9 / baud <= (double)(now - start) + 1);
    }
    double should = BYTES * 10e9 / baud;
    double took = (double)(now - start);
    CHECK(took >= should - 1 && took < should + 6 * MILLISECOND);
}

const n6_test_t n6_line_tests[] = {
    TEST(a_line_without_a_rate_holds_nothing_up),
    TEST(an_idle_line_moves_nothing_and_saves_nothing_up),
    TEST(a_byte_has_passed_when_its_time_is_over),
    TEST(it_is_due_when_the_rest_has_passed),
    TEST(it_wakes_up_for_a_millisecond_or_a_byte),
    TEST(a_long_transfer_runs_at_the_rate_of_the_line),
    TESTS_END,
};
