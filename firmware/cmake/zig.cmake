# The compiler of the PyPI package ziglang (clang), for toolchain files that set the target.
find_program(N6_ZIG zig)
if(NOT N6_ZIG)
  find_program(N6_PYTHON NAMES python3 python REQUIRED)
  execute_process(COMMAND ${N6_PYTHON} -c "import pathlib, ziglang; print(pathlib.Path(ziglang.__file__).with_name('zig'))"
                  OUTPUT_VARIABLE n6_zig OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(N6_ZIG ${n6_zig} CACHE FILEPATH "the zig program" FORCE)
endif()
set(CMAKE_C_COMPILER ${N6_ZIG} cc)
set(CMAKE_ASM_COMPILER ${N6_ZIG} cc)
set(CMAKE_C_ARCHIVE_CREATE "\"${N6_ZIG}\" ar qc <TARGET> <OBJECTS>")
set(CMAKE_C_ARCHIVE_FINISH "\"${N6_ZIG}\" ranlib <TARGET>")
