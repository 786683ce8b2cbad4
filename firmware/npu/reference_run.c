/*
 * reference_run.c - runs the reference NPU alone, without core and link, with data from a file.
 *
 * It is the same program on the host and, with files through semihosting, on an emulated board, so
 * that their results can be compared byte by byte. In the current folder it reads
 *
 *   reference.in   index of the network (uint32), then any number of its inputs, input_bytes each
 *
 * and writes, for each input,
 *
 *   reference.out  all outputs in order, then start, pre, core and post of every epoch
 *                  block (uint64 each) on a clock that counts its readings
 */
#include <stdio.h>

#include "reference.h"

static uint64_t count(void *context)
{
    uint64_t *readings = context;
    return (*readings)++;
}

static int run(n6_reference_t *reference, FILE *from, FILE *to)
{
    static _Alignas(32) uint8_t input[N6_REFERENCE_MAX_INPUT];
    static n6_block_time_t times[N6_REFERENCE_MAX_BLOCKS];
    n6_npu_t npu = n6_reference_npu(reference);
    uint32_t index;
    if (fread(&index, sizeof index, 1, from) != 1 || index >= npu.networks) {
        return -1;
    }
    const n6_network_t *network = &npu.network[index];
    while (fread(input, network->input_bytes, 1, from) == 1) {
        if (npu.start(npu.context, (uint16_t)index, input, times) != 0) {
            return -1;
        }
        int state;
        while ((state = npu.step(npu.context)) == N6_NPU_RUNNING)
            ;
        if (state != N6_NPU_DONE) {
            return -1;
        }
        for (uint8_t i = 0; i < network->outputs; i++) {
            if (fwrite(npu.output(npu.context, i), network->output[i].size, 1, to) != 1) {
                return -1;
            }
        }
        if (fwrite(times, sizeof times[0], network->blocks, to) != network->blocks) {
            return -1;
        }
    }
    return 0;
}

int main(void)
{
    static n6_reference_t reference;
    uint64_t readings = 0;
    n6_reference_init(&reference, count, &readings, N6_TIMER_SOURCE_NONE);
    FILE *from = fopen("reference.in", "rb");
    FILE *to = from ? fopen("reference.out", "wb") : NULL;
    int failed = !from || !to || run(&reference, from, to) != 0;
    if (to && fclose(to) != 0) {
        failed = 1;
    }
    if (from) {
        fclose(from);
    }
    return failed;
}
