/*
 * crash.h - a network on which LiteRT's CompiledModel crashes must not disable the other networks.
 * After a crash the process only starts itself again, with one more option.
 */
#ifndef N6_HOST_CRASH_H
#define N6_HOST_CRASH_H

/* Stores a copy of the command line. */
void n6_crash_keep(int argc, char **argv);

/*
 * Until n6_crash_expect(NULL), a crash of the process is attributed to LiteRT with this network:
 * the process starts itself again, with `--crashed NETWORK` added to its command line.
 */
void n6_crash_expect(const char *network);

#endif
