/*
 * options.c - reads the command line. See options.h.
 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

enum { NAME_MAX_BYTES = sizeof(((n6_network_record_t *)0)->name) - 1 };

static const char help[] =
    "usage: n6sim (--fd N | --unix PATH | --tcp PORT | --pty) [OPTION]...\n"
    "\n"
    "A virtual n6link board: the firmware's core in a process, with networks that\n"
    "run on this machine. It prints one line of JSON when it listens ({\"url\": ...,\n"
    "\"pid\": ...}) and serves one client at a time.\n"
    "\n"
    "  --fd N            an inherited socket; ends when its peer closes\n"
    "  --unix PATH       a Unix socket, removed at the end\n"
    "  --tcp PORT        a TCP port of 127.0.0.1; 0 = any that is free\n"
    "  --pty             a pseudo terminal in raw mode, which clients may close and\n"
    "                    open again\n"
    "  --network SPEC    a network, at most 8 times. SPEC is\n"
    "                    NAME=PATH[;card=FILE][;blocks=FILE][;operations=FILE]\n"
    "                             [;check=FILE]\n"
    "                      PATH    a .tflite file, or reference:[NETWORK] for a\n"
    "                              built-in one\n"
    "                      card    TOML text that describes the tensors\n"
    "                      blocks  epoch blocks to show instead of LiteRT's\n"
    "                              operators, and memory pools, one per line:\n"
    "                                KIND FIRST LAST EST_NPU EST_TOTAL OPERATION\n"
    "                                pool NAME BASE TOTAL USED WEIGHTS ACTIVATIONS\n"
    "                      operations\n"
    "                              predicted kinds of the operations, used\n"
    "                              without blocks, one per line: KIND OPERATION\n"
    "                      check   input for CHECK: three 32-bit numbers (1 if the\n"
    "                              next two are valid; a network's digest and the\n"
    "                              CRC-32 of its right outputs), then the bytes of\n"
    "                              an upload\n"
    "  --replay FILE     plays a file of `n6link replay` instead of networks\n"
    "  --speed X         divides the times of the replay by X (1); 0 = no waiting\n"
    "  --litert PATH     libLiteRt.so or .dylib of the Python package ai-edge-litert\n"
    "  --python PATH     a Python that has ai-edge-litert, and\n"
    "  --interpreter PATH\n"
    "                    n6link's transport/interpreter.py: both run networks that\n"
    "                    libLiteRt does not run\n"
    "  --crashed NAME    a network that libLiteRt crashes on; n6sim starts itself\n"
    "                    again with this\n"
    "  --baud N          paces both directions like a UART of N bits per second, ten\n"
    "                    bits per byte\n"
    "  --uart N          like --baud, and a client may change the rate (RATE), up to\n"
    "                    12,500,000: a UART with a clock of 200 MHz\n"
    "  --slots N         input slots, 2 to 8 (4)\n"
    "  --chunk N         bytes of tensor in a DATA frame, a power of two, 256 to\n"
    "                    8192 (8192)\n"
    "  --id TEXT         the unique id that the board reports, 1 to 16 bytes (n6sim)\n"
    "  --parent-death    ends when the process that started it ends\n"
    "  --verbose         lets LiteRT write to standard error while it loads\n"
    "  --help            prints this\n";

enum {
    FD = 1,
    UNIX,
    TCP,
    PTY,
    NETWORK,
    REPLAY,
    SPEED,
    LITERT,
    PYTHON,
    INTERPRETER,
    CRASHED,
    BAUD,
    UART,
    SLOTS,
    CHUNK,
    ID,
    PARENT_DEATH,
    VERBOSE,
    HELP
};

static const struct option known[] = {
    {"fd", required_argument, NULL, FD},
    {"unix", required_argument, NULL, UNIX},
    {"tcp", required_argument, NULL, TCP},
    {"pty", no_argument, NULL, PTY},
    {"network", required_argument, NULL, NETWORK},
    {"replay", required_argument, NULL, REPLAY},
    {"speed", required_argument, NULL, SPEED},
    {"litert", required_argument, NULL, LITERT},
    {"python", required_argument, NULL, PYTHON},
    {"interpreter", required_argument, NULL, INTERPRETER},
    {"crashed", required_argument, NULL, CRASHED},
    {"baud", required_argument, NULL, BAUD},
    {"uart", required_argument, NULL, UART},
    {"slots", required_argument, NULL, SLOTS},
    {"chunk", required_argument, NULL, CHUNK},
    {"id", required_argument, NULL, ID},
    {"parent-death", no_argument, NULL, PARENT_DEATH},
    {"verbose", no_argument, NULL, VERBOSE},
    {"help", no_argument, NULL, HELP},
    {0},
};

static uint32_t number(const char *option, uint32_t low, uint32_t high)
{
    char *end = NULL;
    unsigned long long value = strtoull(optarg, &end, 10);
    if (optarg[0] < '0' || optarg[0] > '9' || *end || value < low || value > high) {
        n6_report_failure("--%s %s is not a number from %lu to %lu", option, optarg,
                          (unsigned long)low, (unsigned long)high);
    }
    return (uint32_t)value;
}

static double speed(void)
{
    char *end = NULL;
    double value = strtod(optarg, &end);
    if (end == optarg || *end || !(value >= 0 && value <= 1e6)) {
        n6_report_failure("--speed %s is not a number from 0 to 1000000", optarg);
    }
    return value;
}

static void set_end(n6_options_t *options, n6_end_kind_t end)
{
    if (options->end != N6_END_NONE) {
        n6_report_failure("only one of --fd, --unix, --tcp and --pty can be served");
    }
    options->end = end;
}

static void add_network(n6_options_t *options, char *spec)
{
    if (options->networks == N6_SERVER_MAX_NETWORKS) {
        n6_report_failure("--network %s: more than %d networks", spec, N6_SERVER_MAX_NETWORKS);
    }
    n6_network_option_t *network = &options->network[options->networks++];
    char *equals = strchr(spec, '=');
    if (!equals || equals == spec || !equals[1] || equals - spec > NAME_MAX_BYTES) {
        n6_report_failure("--network %s is not NAME=PATH with a name of 1 to %d bytes", spec,
                          NAME_MAX_BYTES);
    }
    *equals = '\0';
    network->name = spec;
    network->path = equals + 1;
    for (size_t i = 0; i + 1 < options->networks; i++) {
        if (!strcmp(options->network[i].name, network->name)) {
            n6_report_failure("--network %s=%s: another network has this name", spec,
                              network->path);
        }
    }
    for (char *part = strchr(equals + 1, ';'); part;) {
        *part++ = '\0';
        char *next = strchr(part, ';');
        if (next) {
            *next = '\0';
        }
        if (!strncmp(part, "card=", 5) && part[5]) {
            network->card = part + 5;
        } else if (!strncmp(part, "blocks=", 7) && part[7]) {
            network->blocks = part + 7;
        } else if (!strncmp(part, "operations=", 11) && part[11]) {
            network->operations = part + 11;
        } else if (!strncmp(part, "check=", 6) && part[6]) {
            network->check = part + 6;
        } else {
            n6_report_failure("--network %s: %s is not card=FILE, blocks=FILE, operations=FILE or "
                              "check=FILE",
                              network->name, part);
        }
        part = next;
    }
}

static void mark_crashed(n6_options_t *options)
{
    for (size_t i = 0; i < options->networks; i++) {
        if (!strcmp(options->network[i].name, optarg)) {
            options->network[i].crashes = true;
            return;
        }
    }
    n6_report_failure("--crashed %s: no --network before it has this name", optarg);
}

n6_options_t n6_options_read(int argc, char **argv)
{
    n6_options_t options = {.speed = 1, .slots = 4, .chunk = N6_LIMIT_MAX_CHUNK, .id = "n6sim"};
    int option = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case FD:
            set_end(&options, N6_END_FD);
            options.number = (int)number("fd", 0, INT16_MAX);
            break;
        case UNIX:
            set_end(&options, N6_END_UNIX);
            options.path = optarg;
            break;
        case TCP:
            set_end(&options, N6_END_TCP);
            options.number = (int)number("tcp", 0, UINT16_MAX);
            break;
        case PTY:
            set_end(&options, N6_END_PTY);
            break;
        case NETWORK:
            add_network(&options, optarg);
            break;
        case REPLAY:
            options.replay = optarg;
            break;
        case SPEED:
            options.speed = speed();
            break;
        case LITERT:
            options.litert = optarg;
            break;
        case PYTHON:
            options.python = optarg;
            break;
        case INTERPRETER:
            options.interpreter = optarg;
            break;
        case CRASHED:
            mark_crashed(&options);
            break;
        case BAUD:
            options.baud = number("baud", 300, 1000000000);
            break;
        case UART:
            options.uart = number("uart", 300, N6_UART_FASTEST);
            break;
        case SLOTS:
            options.slots = number("slots", 2, N6_SERVER_MAX_SLOTS);
            break;
        case CHUNK:
            options.chunk = number("chunk", N6_LIMIT_MIN_CHUNK, N6_LIMIT_MAX_CHUNK);
            if (options.chunk & (options.chunk - 1)) {
                n6_report_failure("--chunk %s is not a power of two", optarg);
            }
            break;
        case ID:
            options.id = optarg;
            if (!*optarg || strlen(optarg) > sizeof(((n6_port_t *)0)->unique_id)) {
                n6_report_failure("--id %s does not have 1 to 16 bytes", optarg);
            }
            break;
        case PARENT_DEATH:
            options.parent_death = true;
            break;
        case VERBOSE:
            options.verbose = true;
            break;
        case HELP:
            fputs(help, stdout);
            exit(EXIT_SUCCESS);
        default:
            n6_report_failure("%s is not an option, or has no value; see n6sim --help",
                              argv[optind - 1]);
        }
    }
    if (optind < argc) {
        n6_report_failure("%s is not an option; see n6sim --help", argv[optind]);
    }
    if (options.uart && options.baud) {
        n6_report_failure("--uart %lu and --baud %lu exclude each other",
                          (unsigned long)options.uart, (unsigned long)options.baud);
    }
    if (options.replay && options.networks) {
        n6_report_failure("--replay %s has its own networks; omit --network", options.replay);
    }
    if (options.end == N6_END_NONE) {
        n6_report_failure("one of --fd, --unix, --tcp and --pty is required; see n6sim --help");
    }
    return options;
}
