/*
 * litert_hush.h - keeps LiteRT's words from stderr. LiteRT's logger is set to silence, but
 * TensorFlow Lite below it still writes there while it loads a network, and there alone it says
 * what is wrong with one.
 */
#ifndef N6_LITERT_HUSH_H
#define N6_LITERT_HUSH_H

#include <stddef.h>
#include <stdio.h>

typedef struct {
    FILE *file;
    int stderr_;
} litert_hush_t;

/* Sends stderr to a file. */
litert_hush_t n6_litert_hush(void);

/* Ends that. The first error in the file, if there is one, becomes text; else text stays. */
void n6_litert_speak(litert_hush_t *hush, char *text, size_t size);

#endif
