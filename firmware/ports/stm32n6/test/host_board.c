/*
 * host_board.c - board.h on the host: main.c and npu/ll_aton.c run as a program whose link is a
 * unix socket, with the replacement runtime as the NPU.
 *
 *     N6_TEST_SOCKET=/tmp/n6 host_board        serves one client after the other until it is killed
 *
 * N6_TEST_LATENCY is the number of polls until a block on the NPU ends, N6_TEST_FAILURE the result
 * of bringup(), N6_TEST_MEMORY the bytes of memory on chip. N6_TEST_NAME is the name of the board,
 * N6_TEST_MHZ the clock that it reports for its CPU, N6_TEST_VOLTAGE its n6_voltage_mode_t, and
 * N6_TEST_HZ the rate that it reports for its clock, which counts nanoseconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "board.h"
#include "runtime.h"

enum {
    HZ = 1000000000,
    MEMORY = 65536,
};

static int listener, client = -1, reopened;
static uint32_t baud = 4000000;
static uint8_t memory[MEMORY];

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value != NULL ? value : otherwise;
}

/* ---- board ---- */

n6_reset_cause_t board_reset_cause(const char **fault_record)
{
    *fault_record = "kept over the restart";
    return N6_RESET_CAUSE_FAULT;
}

_Noreturn void board_restart(void)
{
    exit(0);
}

_Noreturn void board_fault(const char *text)
{
    (void)fprintf(stderr, "%s\n", text);
    exit(1);
}

uint32_t board_ram_total(void)
{
    return MEMORY;
}

uint8_t *board_inner_memory(size_t *size)
{
    *size = (size_t)atoi(setting("N6_TEST_MEMORY", "65536"));
    return memory;
}

uint8_t *board_outer_memory(size_t *size)
{
    *size = 0;
    return NULL;
}

void board_stage(const char *stage)
{
    (void)stage;
}

int board_hung_in(const char *stage)
{
    (void)stage;
    return 0;
}

const char *board_start_failed(void)
{
    return getenv("N6_TEST_LAST");
}

const char *bringup_clocks(void)
{
    return NULL;
}

const char *bringup(void)
{
    stub_aton_latency = (uint32_t)atoi(setting("N6_TEST_LATENCY", "2"));
    return getenv("N6_TEST_FAILURE");
}

const char *bringup_remark(void)
{
    return "flash runs at a quarter";
}

void bringup_info(n6_info_reply_t *info)
{
    (void)strncpy(info->board, setting("N6_TEST_NAME", "host"), sizeof info->board - 1);
    info->baud = link_baud();
    info->cpu_hz = (uint32_t)atoi(setting("N6_TEST_MHZ", "0")) * 1000000u;
    info->npu_hz = 1000000000;
    info->voltage_mode = (uint8_t)atoi(setting("N6_TEST_VOLTAGE", "0"));
    info->temperature_dc = N6_LIMIT_NO_TEMPERATURE;
}

void bringup_unique_id(uint8_t to[16])
{
    memcpy(to, "host", 4);
}

uint64_t bringup_nonce(void)
{
    return 42;
}

void watchdog_start(uint32_t milliseconds)
{
    (void)milliseconds;
}

void watchdog_feed(void)
{
}

/* ---- clock, CRC ---- */

void clock_init(void)
{
}

uint64_t clock_hz(void)
{
    const char *reported = getenv("N6_TEST_HZ");
    return reported != NULL ? strtoull(reported, NULL, 10) : HZ;
}

uint64_t clock_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * HZ + (uint64_t)now.tv_nsec;
}

void clock_wait(void)
{
    struct pollfd wait = {client < 0 ? listener : client, POLLIN, 0};
    (void)poll(&wait, 1, 1);
}

int clock_sleeps(void)
{
    return 0;
}

int crc_init(void)
{
    return 0;
}

uint32_t crc_unit(uint32_t crc, const void *data, size_t size)
{
    (void)data;
    (void)size;
    return crc;
}

/* ---- link ---- */

int link_init(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    (void)strncpy(at.sun_path, setting("N6_TEST_SOCKET", ""), sizeof at.sun_path - 1);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 1) != 0) {
        return -1;
    }
    (void)printf("listening\n");
    (void)fflush(stdout);
    return 0;
}

static int connected(void)
{
    if (client < 0 && (client = accept(listener, NULL, NULL)) >= 0) {
        reopened = 1;
        (void)fcntl(client, F_SETFL, O_NONBLOCK);
    }
    return client >= 0;
}

static size_t moved(ssize_t count)
{
    if (count > 0) {
        return (size_t)count;
    }
    if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        (void)close(client);
        client = -1;
    }
    return 0;
}

size_t link_read(uint8_t *to, size_t size)
{
    return connected() && !reopened ? moved(recv(client, to, size, 0)) : 0;
}

size_t link_write(const uint8_t *from, size_t size)
{
    return connected() ? moved(send(client, from, size, MSG_NOSIGNAL)) : size;
}

int link_reopened(void)
{
    int was = reopened;
    reopened = 0;
    return was;
}

uint32_t link_window(void)
{
    return 3u * LINK_CHUNK_UART;
}

uint16_t link_chunk(void)
{
    return LINK_CHUNK_UART;
}

uint32_t link_baud(void)
{
    return baud;
}

uint32_t link_clock(void)
{
    return 200000000;
}

int link_set_baud(uint32_t wanted)
{
    baud = wanted;
    return 1;
}
