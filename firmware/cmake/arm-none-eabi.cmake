# GCC and newlib for the Cortex-M55: Debian's gcc-arm-none-eabi, or Arm's own distribution. No emulator that we know has a
# Cortex-M55 with Helium and models of our own around it: N6_EMULATED builds for the Cortex-M33 that Unicorn has.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR cortex-m55)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES N6_EMULATED)
set(n6_cpu "-mcpu=cortex-m55 -mthumb -mfloat-abi=hard")
if(N6_EMULATED)
  set(n6_cpu "-mcpu=cortex-m33 -mfpu=fpv5-sp-d16 -mthumb -mfloat-abi=hard")
endif()
set(CMAKE_C_FLAGS_INIT "${n6_cpu} -ffunction-sections -fdata-sections")
set(CMAKE_ASM_FLAGS_INIT "${n6_cpu}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,--gc-sections")
