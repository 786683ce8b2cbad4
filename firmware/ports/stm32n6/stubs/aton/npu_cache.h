/* Replacement for the functions that enable and disable the NPU's cache. */
#ifndef STUB_NPU_CACHE_H
#define STUB_NPU_CACHE_H

void npu_cache_enable(void);

#endif
