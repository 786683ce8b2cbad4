# Clang for the Cortex-M55, out of the PyPI package ziglang: the second compiler, with no libc at all.
#
# Undefined behaviour traps: the board then reports a usage fault.
find_program(N6_ZIG zig)
if(NOT N6_ZIG)
  find_program(N6_PYTHON NAMES python3 python REQUIRED)
  execute_process(COMMAND ${N6_PYTHON} -c "import pathlib, ziglang; print(pathlib.Path(ziglang.__file__).with_name('zig'))"
                  OUTPUT_VARIABLE n6_zig OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(N6_ZIG ${n6_zig} CACHE FILEPATH "the zig program" FORCE)
endif()
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR cortex-m55)
set(CMAKE_C_COMPILER ${N6_ZIG} cc)
set(CMAKE_ASM_COMPILER ${N6_ZIG} cc)
set(CMAKE_C_ARCHIVE_CREATE "\"${N6_ZIG}\" ar qc <TARGET> <OBJECTS>")
set(CMAKE_C_ARCHIVE_FINISH "\"${N6_ZIG}\" ranlib <TARGET>")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(n6_machine "-target thumb-freestanding-eabihf -mcpu=cortex_m55+mve_fp+fp_armv8d16")
set(CMAKE_C_FLAGS_INIT "${n6_machine} -ffreestanding -ffunction-sections -fdata-sections -fsanitize=undefined -fsanitize-trap=undefined")
set(CMAKE_ASM_FLAGS_INIT "${n6_machine}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-nostdlib -Wl,--gc-sections")
set(N6_FREESTANDING ON)
