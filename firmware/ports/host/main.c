/*
 * main.c - n6sim, the virtual board: the main loop between a client and the core.
 *
 * Each pass of the loop reads received bytes, calls the core, sends its bytes, and sleeps in poll()
 * until the next event: bytes, room for bytes, a connection, the end of an NPU run or a signal
 * (both through the board's pipe), or a time for which the core or a slow line waits. Bytes are
 * read directly into the core's windows and written from its spans.
 *
 * It ends when its only client closes (--fd), when its parent process ends (--parent-death), and at
 * SIGTERM, SIGINT or SIGHUP.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "board.h"
#include "crash.h"
#include "endpoint.h"
#include "guest.h"
#include "line.h"
#include "report.h"

enum { TURN = 64 }; /* maximum reads and writes per pass of the loop */

typedef struct {
    n6_board_t *board;
    n6_endpoint_t end;
    n6_line_t rx;
    n6_line_t tx;
    uint32_t baud; /* of both */
    n6_guest_t guest;
    bool signs; /* poll() has reported an event of the client */
    bool knock; /* poll() has reported a new connection */
    bool stuck; /* the client does not accept bytes at present */
    bool gone;  /* the client has closed, and all its bytes were read */
    bool left;  /* it has closed, because there is a new connection: the next client */
    pid_t parent;
} n6_main_t;

/* ---- signals ---- */

static const n6_board_t *signalled; /* the board whose loop is woken by a signal */
static volatile sig_atomic_t ended;

static void on_end(int number)
{
    (void)number;
    int saved = errno;
    ended = 1;
    n6_board_wake(signalled);
    errno = saved;
}

/* A thread of the parent has ended; check if the parent has ended. */
static void on_parent(int number)
{
    (void)number;
    int saved = errno;
    n6_board_wake(signalled);
    errno = saved;
}

static void on_signal(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static void watch_parent(n6_main_t *self)
{
    self->parent = getppid();
    on_signal(SIGHUP, on_parent);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGHUP);
#endif
}

static bool orphaned(const n6_main_t *self)
{
    return self->parent && getppid() != self->parent;
}

/* ---- bytes ---- */

static size_t readable(int fd)
{
    int count = 0;
    return ioctl(fd, FIONREAD, &count) || count < 0 ? 0 : (size_t)count;
}

/* Limits the vector to this number of bytes, and returns the actual number. */
static size_t cut(struct iovec *vector, int *length, size_t most)
{
    size_t bytes = 0;
    int kept = 0;
    for (; kept < *length && bytes < most; kept++) {
        size_t left = most - bytes;
        vector[kept].iov_len = vector[kept].iov_len < left ? vector[kept].iov_len : left;
        bytes += vector[kept].iov_len;
    }
    *length = kept;
    return bytes;
}

/* Reads at most this number of bytes into the core. false = no more bytes at present. */
static bool receive_some(n6_main_t *self, size_t most)
{
    n6_server_t *server = &self->board->server;
    n6_window_t window[N6_LINK_WINDOWS];
    struct iovec vector[N6_LINK_WINDOWS];
    int count = (int)n6_server_rx_windows(server, window);
    for (int i = 0; i < count; i++) {
        vector[i] = (struct iovec){.iov_base = window[i].at, .iov_len = window[i].size};
    }
    size_t wanted = cut(vector, &count, most);
    if (!wanted) {
        return false;
    }
    ssize_t got = readv(self->end.client, vector, count);
    if (got <= 0) {
        self->gone = got == 0 || (errno != EAGAIN && errno != EINTR);
        return false;
    }
    n6_server_rx_done(server, (size_t)got);
    n6_line_moved(&self->rx, (size_t)got);
    return (size_t)got == wanted;
}

static void receive(n6_main_t *self, uint64_t now)
{
    if (!n6_line_paced(&self->rx)) {
        for (int i = 0; i < TURN && receive_some(self, SIZE_MAX); i++) {
        }
    } else if (readable(self->end.client)) {
        n6_line_begin(&self->rx, now);
        for (int i = 0; i < TURN && receive_some(self, n6_line_passed(&self->rx, now)); i++) {
        }
    } else {
        n6_line_rest(&self->rx);
        if (self->signs) {
            receive_some(self, 1); /* detects that the client has closed */
        }
    }
}

static size_t waiting(n6_main_t *self, struct iovec *vector, int *count)
{
    n6_span_t span[N6_LINK_SPANS];
    size_t bytes = 0;
    *count = (int)n6_server_tx_spans(&self->board->server, span);
    for (int i = 0; i < *count; i++) {
        vector[i] = (struct iovec){.iov_base = (void *)span[i].at, .iov_len = span[i].size};
        bytes += span[i].size;
    }
    return bytes;
}

/* Sends the core's bytes. true = all were sent, and the core may have more. */
static bool transmit(n6_main_t *self, uint64_t now)
{
    struct iovec vector[N6_LINK_SPANS];
    int count = 0;
    size_t bytes = waiting(self, vector, &count);
    self->stuck = false;
    if (!bytes) {
        n6_line_rest(&self->tx);
        return false;
    }
    n6_line_begin(&self->tx, now);
    if (!cut(vector, &count, n6_line_passed(&self->tx, now))) {
        return false;
    }
    ssize_t sent = writev(self->end.client, vector, count);
    if (sent < 0) {
        self->gone = errno != EAGAIN && errno != EINTR;
        self->stuck = true;
        n6_line_rest(&self->tx);
        return false;
    }
    n6_server_tx_done(&self->board->server, (size_t)sent);
    n6_line_moved(&self->tx, (size_t)sent);
    return (size_t)sent == bytes || !n6_line_paced(&self->tx);
}

/* ---- loop ---- */

/* Nanoseconds until the next action without an event. */
static uint64_t patience(n6_main_t *self)
{
    struct iovec vector[N6_LINK_SPANS];
    int count = 0;
    uint64_t wait = n6_server_due(&self->board->server);
    if (self->end.client >= 0) {
        uint64_t now = n6_board_now(self->board);
        uint64_t rx = n6_line_due(&self->rx, readable(self->end.client));
        uint64_t tx = n6_line_due(&self->tx, waiting(self, vector, &count));
        uint64_t due = rx < tx ? rx : tx;
        if (due != UINT64_MAX) {
            due = due > now ? due - now : 0;
        }
        wait = due < wait ? due : wait;
    }
    if (n6_board_due(self->board) != UINT64_MAX) {
        uint64_t now = n6_board_now(self->board);
        uint64_t due = n6_board_due(self->board);
        due = due > now ? due - now : 0;
        wait = due < wait ? due : wait;
    }
    if (self->guest.fd >= 0) {
        uint64_t now = n6_board_now(self->board);
        uint64_t due = n6_guest_due(&self->guest);
        due = due > now ? due - now : 0;
        wait = due < wait ? due : wait;
    }
#ifndef __linux__
    const uint64_t half_a_second = 500000000;
    if (self->parent && wait > half_a_second) {
        wait = half_a_second;
    }
#endif
    return wait;
}

static void sleep_until_event(n6_main_t *self)
{
    n6_window_t window[N6_LINK_WINDOWS];
    struct pollfd fd[] = {
        {.fd = self->board->wake[0], .events = POLLIN},
        {.fd = -1},
        {.fd = self->guest.fd < 0 && !self->left ? self->end.listener : -1, .events = POLLIN},
        {.fd = self->guest.fd, .events = POLLIN},
    };
    const nfds_t fds = sizeof(fd) / sizeof(fd[0]);
    if (self->end.client >= 0) {
        bool reads = !self->rx.busy && n6_server_rx_windows(&self->board->server, window) > 0;
        fd[1].events = (short)((reads ? POLLIN : 0) | (self->stuck ? POLLOUT : 0));
        fd[1].fd = fd[1].events ? self->end.client : -1;
    }
    uint64_t wait = patience(self);
#ifdef __linux__
    struct timespec time = {.tv_sec = (time_t)(wait / 1000000000),
                            .tv_nsec = (long)(wait % 1000000000)};
    int events = ppoll(fd, fds, wait == UINT64_MAX ? NULL : &time, NULL);
#else
    uint64_t ms = wait / 1000000 + (wait % 1000000 != 0);
    int events = poll(fd, fds, wait == UINT64_MAX ? -1 : ms < INT_MAX ? (int)ms : INT_MAX);
#endif
    char bytes[64];
    while (events > 0 && fd[0].revents && read(fd[0].fd, bytes, sizeof(bytes)) > 0) {
    }
    self->signs = events > 0 && fd[1].revents;
    self->knock = events > 0 && fd[2].revents;
}

/* The client has closed, but some of its bytes may be unread. */
static bool has_left(int client)
{
#ifdef POLLRDHUP
    struct pollfd fd = {.fd = client, .events = POLLRDHUP};
#else
    struct pollfd fd = {.fd = client};
#endif
    return poll(&fd, 1, 0) > 0;
}

/* A new client starts with an idle line. */
static void meet(n6_main_t *self, int fd)
{
    self->end.client = fd;
    self->gone = self->stuck = self->signs = self->left = false;
    n6_line_rest(&self->rx);
    n6_line_rest(&self->tx);
    n6_server_relink(&self->board->server);
}

/* Accepts the next connection: as the client if there is none, otherwise as a guest. */
static void answer_door(n6_main_t *self)
{
    const int client = self->end.client;
    if (client >= 0 && (!self->knock || self->guest.fd >= 0)) {
        return;
    }
    self->knock = false;
    self->left = client >= 0 && has_left(client);
    int fd = self->left ? -1 : n6_endpoint_accept(&self->end);
    if (fd < 0) {
        return;
    }
    if (client < 0) {
        meet(self, fd);
    } else {
        n6_guest_meet(&self->guest, fd, &self->board->server, n6_board_now(self->board));
    }
}

/* The line gets the rate that the core has set. */
static void follow_rate(n6_main_t *self)
{
    if (self->baud != self->board->baud) {
        self->baud = self->board->baud;
        n6_line_set_baud(&self->rx, self->baud);
        n6_line_set_baud(&self->tx, self->baud);
    }
}

/* One pass. false = the last client has closed. */
static bool turn(n6_main_t *self)
{
    n6_board_t *board = self->board;
    int state = N6_SERVER_IDLE;
    int turns = TURN;
    answer_door(self);
    n6_guest_serve(&self->guest, n6_board_now(board));
    if (self->end.client >= 0) {
        receive(self, n6_board_now(board));
    }
    do {
        state = n6_server_poll(&board->server);
        follow_rate(self);
    } while (self->end.client >= 0 && !self->gone && transmit(self, n6_board_now(board)) &&
             --turns);
    if (self->gone) {
        self->gone = self->left = false;
        if (!n6_endpoint_hang_up(&self->end)) {
            return false;
        }
    }
    if (n6_board_restart(board)) {
        n6_line_rest(&self->rx);
        n6_line_rest(&self->tx);
        n6_guest_close(&self->guest); /* its time is of the clock before the restart */
    } else if (state != N6_SERVER_BUSY && turns) {
        sleep_until_event(self);
    }
    return true;
}

int main(int argc, char **argv)
{
    n6_crash_keep(argc, argv);
    n6_options_t options = n6_options_read(argc, argv);
    n6_main_t self = {.board = n6_board_open(&options)};
    self.baud = self.board->baud;
    n6_line_init(&self.rx, self.baud);
    n6_line_init(&self.tx, self.baud);
#ifdef __linux__
    if (self.baud) {
        prctl(PR_SET_TIMERSLACK, 1); /* otherwise each wait for the line is 50 us too long */
    }
#endif
    n6_guest_init(&self.guest);
    n6_endpoint_open(&self.end, &options);
    signalled = self.board;
    on_signal(SIGPIPE, SIG_IGN);
    on_signal(SIGTERM, on_end);
    on_signal(SIGINT, on_end);
    on_signal(SIGHUP, on_end);
    if (options.parent_death) {
        watch_parent(&self);
    }
    n6_report_ready(self.end.url);
    while (!ended && !orphaned(&self) && turn(&self)) {
    }
    /* The program ends, and the handlers must not use the closed board. */
    on_signal(SIGTERM, SIG_IGN);
    on_signal(SIGINT, SIG_IGN);
    on_signal(SIGHUP, SIG_IGN);
    n6_guest_close(&self.guest);
    n6_endpoint_close(&self.end);
    n6_board_close(self.board);
    return EXIT_SUCCESS;
}
