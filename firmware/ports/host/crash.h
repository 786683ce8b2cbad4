/*
 * crash.h - a network on which LiteRT's CompiledModel crashes must not take the others along: what
 * is left of the process is good for one thing only, to start itself again with one option more.
 */
#ifndef N6_HOST_CRASH_H
#define N6_HOST_CRASH_H

/* Keeps a copy of the command line. */
void n6_crash_keep(int argc, char **argv);

/*
 * Until n6_crash_expect(NULL), a crash of the process is a fault of LiteRT with that network: the
 * process starts itself again, with `--crashed NETWORK` added to its command line.
 */
void n6_crash_expect(const char *network);

#endif
