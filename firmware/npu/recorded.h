/*
 * recorded.h - a network runtime that plays a recording: descriptions of networks, and for each run
 * its outputs, its times or its error. recorded_file.h describes the file.
 *
 *     start()    selects a run of the network: the first of the next N6_RECORDED_WINDOW that has the
 *                same input, otherwise the next one, which is counted and logged
 *     step()     WAITING for the recorded time; then DONE, or the recorded error code
 *     output()   the recorded bytes
 *
 * A run that did not end in the recording does not end here either. A run during which the device
 * was restarted restarts it. A start after the last recorded run fails with N6_RECORDED_ABSENT.
 */
#ifndef N6_RECORDED_H
#define N6_RECORDED_H

#include "n6_npu.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_RECORDED_WINDOW = 8,     /* a device can have this number of inferences in its queue */
    N6_RECORDED_ABSENT = -1000, /* start(): all recorded runs of the network were played */
    N6_RECORDED_LOGGED = 8,     /* maximum number of log lines about inputs that differ */
};

typedef struct n6_recorded n6_recorded_t;

typedef struct {
    uint64_t (*now)(void *context);               /* nanoseconds */
    void (*restart)(void *context);               /* restarts the device */
    void (*log)(void *context, const char *text); /* a warning for the host */
    void *context;
    double speed; /* 2 = recorded times divided by two; 0 = no waiting */
} n6_recorded_config_t;

/* Texts and numbers of the recorded device. */
typedef struct {
    const n6_info_reply_t *info;
    const uint8_t *unique_id; /* 16 bytes */
    const char *build;
    const char *runtime;
    const char *memory;
} n6_recorded_device_t;

/* What was played so far. */
typedef struct {
    uint32_t played;    /* runs that were started */
    uint32_t different; /* of these, with another input than the recorded one */
    uint32_t absent;    /* starts after the last recorded run */
    uint32_t left;      /* recorded runs that were not started */
} n6_recorded_counts_t;

/* Reads the file. NULL: it cannot be used, and text contains the reason. */
n6_recorded_t *n6_recorded_open(const char *path, const n6_recorded_config_t *config, char *text,
                                size_t size);

/* The runtime for the core; valid until n6_recorded_close(). */
n6_npu_t n6_recorded_npu(n6_recorded_t *self);

n6_recorded_device_t n6_recorded_device(const n6_recorded_t *self);

/* Time at which step() must be called again; UINT64_MAX = never. */
uint64_t n6_recorded_due(const n6_recorded_t *self);

n6_recorded_counts_t n6_recorded_counts(const n6_recorded_t *self);

void n6_recorded_close(n6_recorded_t *self);

#ifdef __cplusplus
}
#endif

#endif
