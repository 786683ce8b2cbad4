# Clang for the Cortex-M55, out of the PyPI package ziglang: the second compiler, with no libc at all.
#
# Undefined behaviour traps: the board then reports a usage fault.
include("${CMAKE_CURRENT_LIST_DIR}/zig.cmake")
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR cortex-m55)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(n6_machine "-target thumb-freestanding-eabihf -mcpu=cortex_m55+mve_fp+fp_armv8d16")
set(CMAKE_C_FLAGS_INIT "${n6_machine} -ffreestanding -ffunction-sections -fdata-sections -fsanitize=undefined -fsanitize-trap=undefined")
set(CMAKE_ASM_FLAGS_INIT "${n6_machine}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-nostdlib -Wl,--gc-sections")
set(N6_FREESTANDING ON)
