/*
 * options.h - the command line of n6sim. `n6sim --help` prints it.
 */
#ifndef N6_HOST_OPTIONS_H
#define N6_HOST_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "n6_server.h"

enum {
    N6_UART_FASTEST = 12500000, /* the clock of 200 MHz, divided by 16 */
};

typedef enum { N6_END_NONE, N6_END_FD, N6_END_UNIX, N6_END_TCP, N6_END_PTY } n6_end_kind_t;

/* NAME=PATH[;card=FILE][;blocks=FILE][;operations=FILE][;check=FILE] */
typedef struct {
    const char *name;
    const char *path; /* a .tflite file, or reference:[NETWORK] */
    const char *card;
    const char *blocks;
    const char *operations;
    const char *check;
    bool crashes; /* LiteRT's CompiledModel has crashed on it */
} n6_network_option_t;

typedef struct {
    n6_end_kind_t end;
    const char *path; /* N6_END_UNIX */
    int number;       /* N6_END_FD, N6_END_TCP */
    n6_network_option_t network[N6_SERVER_MAX_NETWORKS];
    size_t networks;
    const char *replay; /* a file for recorded.c, instead of networks */
    double speed;       /* of the replay; 0 = no waiting */
    const char *litert;
    const char *python;
    const char *interpreter;
    uint32_t baud; /* 0 = no limit */
    uint32_t uart; /* a rate that the client may change; 0 = none */
    uint32_t slots;
    uint32_t chunk;
    const char *id; /* the unique id that the board reports */
    bool parent_death;
    bool verbose;
} n6_options_t;

/* Reads the command line, and changes it. If it is wrong, the process ends with a report. */
n6_options_t n6_options_read(int argc, char **argv);

#endif
