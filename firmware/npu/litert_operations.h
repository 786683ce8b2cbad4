/*
 * litert_operations.h - the operations of a .tflite file and where ST's compiler is expected to put
 * them, as text, so that a simulated network shows the kinds of a board. The host predicts them
 * (n6link/epochs/predict). One per line, in the order of the file:
 *
 *     # kind operation
 *     HW CONV_2D
 *     SW SOFTMAX
 *     - SHAPE
 *
 * kind is HW, SW or HYBRID, or "-" if the compiler leaves nothing of it: LiteRT's time for it counts
 * as EXTRA.
 *
 * LiteRT's own kernels report the number of their operation. XNNPACK reports only names of its
 * own, mostly in the order of the file, and it fuses operations: an event belongs to the first of
 * the next operations that may have its name, else to one that was passed over.
 */
#ifndef N6_LITERT_OPERATIONS_H
#define N6_LITERT_OPERATIONS_H

#include "litert_network.h"

typedef struct {
    const char *name;
    uint8_t kind; /* n6_epoch_kind_t */
    bool found;
} litert_operation_t;

typedef struct {
    litert_operation_t *operation;
    int count;
    int next;         /* operations before this one have been found */
    int last;         /* the one that was found last; -1 = none */
    const char *name; /* of the event before */
} litert_operations_t;

/* How many operations the text may have: its lines. */
int n6_litert_operations_lines(const char *text);

/*
 * Reads text into self->operation, which has room for all lines. Names point into text, which is
 * changed and must stay. Returns 0, or -1 if a line has another form.
 */
int n6_litert_operations_read(litert_operations_t *self, char *text);

/* The operation of the next event of a run; NULL if it is not known. */
const litert_operation_t *n6_litert_operations_find(litert_operations_t *self,
                                                    const litert_event_t *event);

#endif
