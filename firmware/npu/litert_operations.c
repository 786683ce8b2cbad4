/* See litert_operations.h. */
#include "litert_operations.h"

#include <string.h>

/* So many operations after the last one that was found are searched, and before it: XNNPACK fuses
 * some, and runs some later. */
enum { AHEAD = 12, BEHIND = 24 };

/* The start of XNNPACK's names, and the operations that they may be. */
static const struct {
    const char *start;
    const char *operations;
} names[] = {
    {"Add", " ADD "},
    {"Average Pooling", " AVERAGE_POOL_2D MEAN "},
    {"Batch Matrix Multiply", " BATCH_MATMUL "},
    {"Constant Pad", " PAD PADV2 "},
    {"Convert", " QUANTIZE DEQUANTIZE CAST "},
    {"Convolution", " CONV_2D DEPTHWISE_CONV_2D "},
    {"Copy", " CONCATENATION SPLIT RESHAPE "},
    {"Deconvolution", " TRANSPOSE_CONV "},
    {"Depth", " DEPTH_TO_SPACE "},
    {"Divide", " DIV "},
    {"Fully Connected", " CONV_2D FULLY_CONNECTED "},
    {"Max Pooling", " MAX_POOL_2D "},
    {"Maximum", " MAXIMUM "},
    {"Mean", " MEAN "},
    {"Minimum", " MINIMUM "},
    {"Multiply", " MUL "},
    {"Resize Bilinear", " RESIZE_BILINEAR "},
    {"Sigmoid", " LOGISTIC "},
    {"Slice", " SLICE STRIDED_SLICE SPLIT "},
    {"Softmax", " SOFTMAX "},
    {"Space", " SPACE_TO_DEPTH "},
    {"Square", " MUL SQUARED_DIFFERENCE "},
    {"Static Reshape", " RESHAPE EXPAND_DIMS SQUEEZE "},
    {"Subtract", " SUB "},
    {"Sum", " SUM "},
    {"Transpose", " TRANSPOSE "},
    /* All functions of one operand that XNNPACK makes a table of. */
    {"Invalid Unary", " LOGISTIC TANH HARD_SWISH GELU ELU RSQRT SQRT EXP ABS NEG "},
    {"Unary", " LOGISTIC TANH HARD_SWISH GELU ELU RSQRT SQRT EXP ABS NEG "},
};

static const struct {
    const char *name;
    uint8_t kind;
} kinds[] = {
    {"HW", N6_EPOCH_KIND_HW},
    {"SW", N6_EPOCH_KIND_SW},
    {"HYBRID", N6_EPOCH_KIND_HYBRID},
    {"-", N6_EPOCH_KIND_EXTRA},
};

int n6_litert_operations_lines(const char *text)
{
    int lines = 1;
    for (; *text; text++) {
        lines += *text == '\n';
    }
    return lines;
}

static int read_line(litert_operation_t *operation, char *line)
{
    char *blank = strchr(line, ' ');
    if (!blank || !blank[1]) {
        return -1;
    }
    *blank = '\0';
    *operation = (litert_operation_t){.name = blank + 1};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!strcmp(kinds[i].name, line)) {
            operation->kind = kinds[i].kind;
            return 0;
        }
    }
    return -1;
}

int n6_litert_operations_read(litert_operations_t *self, char *text)
{
    self->count = 0;
    self->next = 0;
    self->last = -1;
    self->name = "";
    for (char *line = text; line;) {
        char *next = strchr(line, '\n');
        if (next) {
            *next++ = '\0';
        }
        if (*line && read_line(&self->operation[self->count++], line)) {
            return -1;
        }
        line = next;
    }
    return 0;
}

/* Whether an operation's name is among words, which are separated by blanks. */
static bool is_one_of(const char *name, const char *words)
{
    size_t size = strlen(name);
    for (const char *found = strstr(words, name); found; found = strstr(found + 1, name)) {
        if (found[-1] == ' ' && found[size] == ' ') {
            return true;
        }
    }
    return false;
}

static bool may_be(const char *event, const char *name)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!strncmp(event, names[i].start, strlen(names[i].start)) &&
            is_one_of(name, names[i].operations)) {
            return true;
        }
    }
    return false;
}

/* The operation that XNNPACK's event is a part of. */
static int search(const litert_operations_t *self, const char *event)
{
    /* Several parts of one operation: its inputs one after the other, or its activation. */
    bool part =
        !strcmp(event, self->name) ? !strncmp(event, "Copy", 4) : !strncmp(event, "Clamp", 5);
    if (part && self->last >= 0) {
        return self->last;
    }
    for (int i = self->next; i < self->count && i < self->next + AHEAD; i++) {
        if (!self->operation[i].found && may_be(event, self->operation[i].name)) {
            return i;
        }
    }
    for (int i = self->next - 1; i >= 0 && i >= self->next - BEHIND; i--) {
        if (!self->operation[i].found && may_be(event, self->operation[i].name)) {
            return i;
        }
    }
    return -1;
}

const litert_operation_t *n6_litert_operations_find(litert_operations_t *self,
                                                    const litert_event_t *event)
{
    int found = -1;
    if (event->type == LRT_EVENT_OPERATOR) {
        bool known = event->node < (uint64_t)self->count &&
                     !strcmp(self->operation[event->node].name, event->name);
        found = known ? (int)event->node : -1;
    } else if (event->type == LRT_EVENT_DELEGATE) {
        found = search(self, event->name);
    }
    self->name = event->name;
    self->last = found;
    self->next = found >= self->next ? found + 1 : self->next;
    if (found < 0) {
        return NULL;
    }
    self->operation[found].found = true;
    return &self->operation[found];
}
