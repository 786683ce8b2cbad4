/*
 * litert_hush.h - redirects LiteRT's messages on stderr. LiteRT's logger is silent, but TensorFlow
 * Lite still writes to stderr while it loads a network, and only these messages contain the reason
 * of a failure.
 */
#ifndef N6_LITERT_HUSH_H
#define N6_LITERT_HUSH_H

#include <stddef.h>
#include <stdio.h>

typedef struct {
    FILE *file;
    int stderr_;
} litert_hush_t;

/* Redirects stderr to a file. */
litert_hush_t n6_litert_hush(void);

/*
 * Ends the redirection. If the file contains an error, the first one is written to text; else text
 * does not change.
 */
void n6_litert_speak(litert_hush_t *hush, char *text, size_t size);

#endif
