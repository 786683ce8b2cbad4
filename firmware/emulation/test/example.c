/*
 * example.c - the start-up of one of ST's examples alone, for register_diff.py.
 *
 * Its main.c is included as it is, and its Hardware_init() called after SystemInit(), which is all that it does before it
 * uses a camera. What it does not need is dropped by the linker. Vectors and memory are as in
 * program.c; ended() is where the recording stops.
 */
#define main example_main
#include N6_EXAMPLE
#undef main

typedef void (*n6_vector_t)(void);

void reset(void);
void start(void);
void ended(void);
void SysTick_Handler(void);
extern const n6_vector_t g_pfnVectors[16 + 195];

__attribute__((section(".isr_vector"), used)) const n6_vector_t g_pfnVectors[16 + 195] = {
    (n6_vector_t)0x340F0000, reset, [3] = ended, [15] = SysTick_Handler};

void SysTick_Handler(void)
{
    HAL_IncTick();
}

__attribute__((noinline)) void ended(void)
{
    for (;;) {
        __asm__ volatile("wfi");
    }
}

__attribute__((used)) void start(void)
{
    SystemInit();
    Hardware_init();
    ended();
}

__attribute__((naked)) void reset(void)
{
    __asm__ volatile("ldr r0, =0x340F0000\n"
                     "mov sp, r0\n"
                     "ldr r0, =0xE000ED88\n"
                     "ldr r1, =0x00F00000\n"
                     "str r1, [r0]\n"
                     "ldr r0, =0xE000ED08\n"
                     "ldr r1, =g_pfnVectors\n"
                     "str r1, [r0]\n"
                     "dsb\n"
                     "isb\n"
                     "b start\n");
}
