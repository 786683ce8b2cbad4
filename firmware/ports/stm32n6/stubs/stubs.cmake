# n6vendor and n6_registry out of stand-ins: the port compiles and links, and runs nowhere.
add_library(n6vendor STATIC stubs/hal/hal.c stubs/aton/runtime.c stubs/network/network.c)
target_include_directories(n6vendor PUBLIC stubs/hal stubs/aton)
target_link_libraries(n6vendor PRIVATE n6target n6options)
set_target_properties(n6vendor PROPERTIES C_EXTENSIONS ON)
set(n6_registry stubs/network/registry.c)
message(STATUS "STM32CUBE_N6_DIR and STEDGEAI_CORE_DIR are not set: compile and link check only, no board image")
