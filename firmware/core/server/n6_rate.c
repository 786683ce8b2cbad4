/* See n6_rate.h. */
#include "n6_rate.h"

enum {
    SHARE = 200, /* the real rate differs by at most baud / SHARE: 0.5 % */
};

static const n6_port_t *port_of(const n6_rates_t *rate)
{
    return rate->channel->config.port;
}

static bool is_first(const n6_rates_t *rate)
{
    return rate->baud == port_of(rate)->baud;
}

static uint32_t good_frames(const n6_rates_t *rate)
{
    return n6_link_counts(&rate->channel->link)->rx_frames;
}

void n6_rate_init(n6_rates_t *rate, n6_channel_t *channel)
{
    rate->channel = channel;
    rate->baud = channel->config.port->baud;
}

bool n6_rate_is_proving(const n6_rates_t *rate)
{
    return rate->proving && good_frames(rate) == rate->frames;
}

/* ---- requests ---- */

/* The rate that the UART really has, nearest to this one. */
static uint32_t nearest(const n6_port_t *port, uint32_t baud)
{
    const uint32_t slow = baud > port->baud ? baud : port->baud;
    const uint32_t in_range = slow < port->fastest_baud ? slow : port->fastest_baud;
    const uint32_t divisor = (port->uart_hz + in_range / 2) / in_range;

    return divisor == 0 ? port->baud : (port->uart_hz + divisor / 2) / divisor;
}

static void leave(n6_rates_t *rate, uint32_t baud)
{
    rate->channel->mute = true;
    rate->wanted = baud;
}

void n6_rate_request(n6_rates_t *rate, const n6_request_t *request)
{
    const n6_port_t *port = port_of(rate);
    const uint32_t baud = ((const n6_rate_t *)request->body)->baud;
    const n6_rate_reply_t reply = {.baud = baud, .switch_ms = N6_RATE_SWITCH_MS};

    if (!port->set_rate) {
        n6_refuse(rate->channel, request, N6_MISTAKE_NOT_BUILT, 0);
        return;
    }
    const uint32_t real = nearest(port, baud);
    const uint32_t error = real > baud ? real - baud : baud - real;
    if (error > baud / SHARE) {
        n6_error(rate->channel, request->id, request->type, N6_MISTAKE_RATE_BAUD, real);
        return;
    }
    n6_reply(rate->channel, request, &reply, sizeof reply);
    if (baud != rate->baud) {
        leave(rate, baud);
    }
}

void n6_rate_return(n6_rates_t *rate)
{
    if (!is_first(rate)) {
        leave(rate, port_of(rate)->baud);
    }
}

/* ---- changes ---- */

static bool set(n6_rates_t *rate, uint32_t baud, uint64_t now)
{
    const n6_port_t *port = port_of(rate);

    if (!port->set_rate(port->context, baud)) {
        return false;
    }
    rate->baud = baud;
    rate->channel->mute = false;
    rate->proving = !is_first(rate);
    rate->frames = good_frames(rate);
    rate->at = now + n6_ticks(rate->channel, N6_RATE_MS, 1000);
    return true;
}

void n6_rate_relink(n6_rates_t *rate)
{
    if (!is_first(rate)) {
        (void)set(rate, port_of(rate)->baud, n6_now(rate->channel));
    }
    rate->channel->mute = rate->proving = false;
}

/* The link has damaged bytes, and is not waiting for room to answer a good frame. */
static bool is_damaged(const n6_rates_t *rate)
{
    const n6_link_t *link = &rate->channel->link;
    return n6_link_lost(link) && !n6_link_blocked(link);
}

bool n6_rate_poll(n6_rates_t *rate, uint64_t now)
{
    if (n6_rate_is_leaving(rate)) {
        return n6_link_ready_for_data(&rate->channel->link) && set(rate, rate->wanted, now);
    }
    if (is_first(rate)) {
        return true;
    }
    if (good_frames(rate) != rate->frames || !(rate->proving || is_damaged(rate))) {
        rate->proving = false;
        rate->frames = good_frames(rate);
        rate->at = now + n6_ticks(rate->channel, N6_RATE_MS, 1000);
    }
    if (now < rate->at) {
        return true;
    }
    rate->proving = true; /* a device that always has something to send must not send for ever */
    if (set(rate, port_of(rate)->baud, now)) {
        n6_log(rate->channel, N6_LOG_LEVEL_WARNING, "no good frame at this rate: first rate again");
    }
    return true;
}

uint64_t n6_rate_due(const n6_rates_t *rate)
{
    const bool watches = !is_first(rate) && (rate->proving || is_damaged(rate));
    return watches ? rate->at : UINT64_MAX;
}
