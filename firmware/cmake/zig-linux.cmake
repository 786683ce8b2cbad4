# The virtual board for Linux on the processor N6_MACHINE, x86_64 or aarch64, with the symbols of glibc 2.28 only: manylinux_2_28.
include("${CMAKE_CURRENT_LIST_DIR}/zig.cmake")
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${N6_MACHINE})
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES N6_MACHINE)
set(CMAKE_C_FLAGS_INIT "-target ${N6_MACHINE}-linux-gnu.2.28")
# zig adds debugging information and checks of undefined behaviour to code that is not optimised; Release has neither.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,--strip-all")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-Wl,--strip-all")
