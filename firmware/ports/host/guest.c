/*
 * guest.c - see guest.h.
 */
#include "guest.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "board.h"

enum { STAY_S = 2 }; /* seconds for a HELLO, and for reading its answer */

void n6_guest_init(n6_guest_t *guest)
{
    guest->fd = -1;
}

void n6_guest_meet(n6_guest_t *guest, int fd, const n6_server_t *server, uint64_t now)
{
    guest->fd = fd;
    guest->answered = false;
    guest->until = now + STAY_S * (uint64_t)N6_LITERT_TICK_HZ;
    n6_busy_init(&guest->busy, server);
}

/* false = it has closed. */
static bool listen_to(n6_guest_t *guest)
{
    n6_window_t window[N6_LINK_WINDOWS];
    struct iovec vector[N6_LINK_WINDOWS];
    ssize_t got = 0;
    do {
        size_t count = n6_link_rx_windows(&guest->busy.link, window);
        for (size_t i = 0; i < count; i++) {
            vector[i] = (struct iovec){.iov_base = window[i].at, .iov_len = window[i].size};
        }
        got = readv(guest->fd, vector, (int)count);
        if (got > 0) {
            n6_link_rx_done(&guest->busy.link, (size_t)got);
            n6_busy_poll(&guest->busy);
        }
    } while (got > 0);
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

/* false = it does not accept the answer, which is shorter than the buffer of any socket. */
static bool talk_to(n6_guest_t *guest)
{
    n6_span_t span[N6_LINK_SPANS];
    size_t count = n6_link_tx_spans(&guest->busy.link, span);
    for (size_t i = 0; i < count; i++) {
        if (write(guest->fd, span[i].at, span[i].size) != (ssize_t)span[i].size) {
            return false;
        }
    }
    /*
     * If a socket is closed while it has unread bytes, the answer may be lost: the guest closes
     * first.
     */
    guest->answered = true;
    return shutdown(guest->fd, SHUT_WR) == 0;
}

void n6_guest_serve(n6_guest_t *guest, uint64_t now)
{
    if (guest->fd < 0) {
        return;
    }
    bool stays = listen_to(guest) && now < guest->until;
    if (guest->busy.answered && !guest->answered) {
        stays = talk_to(guest) && stays;
    }
    if (!stays) {
        n6_guest_close(guest);
    }
}

uint64_t n6_guest_due(const n6_guest_t *guest)
{
    return guest->fd < 0 ? UINT64_MAX : guest->until;
}

void n6_guest_close(n6_guest_t *guest)
{
    if (guest->fd >= 0) {
        close(guest->fd);
        guest->fd = -1;
    }
}
