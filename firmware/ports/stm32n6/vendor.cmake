# n6vendor: HAL, BSP, LL_ATON and the networks, from where the user has them; n6_registry: the C registry of the networks.
set(drivers ${STM32CUBE_N6_DIR}/Drivers)
set(hal ${drivers}/STM32N6xx_HAL_Driver)
set(device ${drivers}/CMSIS/Device/ST/STM32N6xx)
set(ai ${STEDGEAI_CORE_DIR}/Middlewares/ST/AI)
set(aton ${ai}/Npu/ll_aton)

# The first of several places that exists; their names have changed between versions.
function(n6_find result what)
  file(GLOB found LIST_DIRECTORIES true ${ARGN})
  list(FILTER found EXCLUDE REGEX "_PIC\\.a$")
  if(NOT found)
    message(FATAL_ERROR "${what} was not found: none of ${ARGN}")
  endif()
  list(GET found 0 first)
  set(${result} ${first} PARENT_SCOPE)
endfunction()

n6_find(aton_device "the NPU's cache driver" ${ai}/Npu/Devices/STM32N6*)
n6_find(aton_library "the network runtime library" ${ai}/Lib/GCC/ARMCortexM*/NetworkRuntime*_${n6_core}_GCC.a)
n6_find(aton_version "LL_ATON" ${aton}/ll_aton_version.h)
n6_find(hal_header "the HAL; are STM32CubeN6's submodules checked out?" ${hal}/Inc/stm32n6xx_hal.h)
n6_find(cmsis "CMSIS core" ${drivers}/CMSIS/Core/Include/core_cm55.h ${drivers}/CMSIS/Include/core_cm55.h)
cmake_path(GET cmsis PARENT_PATH cmsis)

set(vendor_sources ${device}/Source/Templates/system_stm32n6xx_fsbl.c)
foreach(module bsec cacheaxi cortex crc crc_ex dma dma_ex dts exti gpio iwdg pwr pwr_ex ramcfg rcc rcc_ex rif rng uart uart_ex xspi)
  list(APPEND vendor_sources ${hal}/Src/stm32n6xx_hal_${module}.c)
endforeach()
list(APPEND vendor_sources ${hal}/Src/stm32n6xx_hal.c)

if(N6_BOARD STREQUAL stm32n6570-dk)
  set(bsp ${drivers}/BSP/STM32N6570-DK)
  list(APPEND vendor_sources ${bsp}/stm32n6570_discovery.c ${bsp}/stm32n6570_discovery_xspi.c
       ${drivers}/BSP/Components/aps256xx/aps256xx.c ${drivers}/BSP/Components/mx66uw1g45g/mx66uw1g45g.c)
else()
  set(bsp ${drivers}/BSP/STM32N6xx_Nucleo)
  list(APPEND vendor_sources ${bsp}/stm32n6xx_nucleo.c ${bsp}/stm32n6xx_nucleo_xspi.c
       ${drivers}/BSP/Components/mx25um51245g/mx25um51245g.c)
endif()

foreach(module ll_aton ll_aton_lib ll_aton_lib_sw_operators ll_aton_runtime ll_aton_util ll_sw_float ll_sw_integer
        ecloader ll_aton_cipher)
  if(EXISTS ${aton}/${module}.c)
    list(APPEND vendor_sources ${aton}/${module}.c)
  endif()
endforeach()
list(APPEND vendor_sources ${aton_device}/mcu_cache.c ${aton_device}/npu_cache.c)

if(N6_USB)
  list(APPEND vendor_sources ${hal}/Src/stm32n6xx_hal_i2c.c ${hal}/Src/stm32n6xx_hal_i2c_ex.c)
  foreach(source tusb.c common/tusb_fifo.c device/usbd.c class/cdc/cdc_device.c portable/synopsys/dwc2/dcd_dwc2.c
          portable/synopsys/dwc2/dwc2_common.c)
    list(APPEND vendor_sources ${TINYUSB_DIR}/src/${source})
  endforeach()
endif()

# ---- networks: their C, and the registry that is written of them

set(registry_arguments --board ${N6_BOARD} --runtime ${aton_version})
foreach(network IN LISTS N6_NETWORKS)
  string(REGEX MATCH "^([^=]+)=(.+)$" matched "${network}")
  if(NOT matched)
    message(FATAL_ERROR "N6_NETWORKS has '${network}'; it has to be name=folder or name=file.c")
  endif()
  set(place ${CMAKE_MATCH_2})
  list(APPEND registry_arguments --network ${network})
  if(IS_DIRECTORY ${place})
    set(candidates)
    file(GLOB files ${place}/*.c)
    foreach(file IN LISTS files)
      file(STRINGS ${file} matched LIMIT_COUNT 1 REGEX "LL_ATON_EpochBlockItems_[A-Za-z0-9_]+\\(void\\) *{")
      if(matched)
        list(APPEND candidates ${file})
      endif()
    endforeach()
  else()
    set(candidates ${place})
  endif()
  list(LENGTH candidates count)
  if(NOT count EQUAL 1)
    message(FATAL_ERROR "${place} must contain one generated network, but contains ${count}; specify the C file itself")
  endif()
  cmake_path(GET candidates PARENT_PATH folder)
  file(GLOB beside ${folder}/*.json ${folder}/*report.txt ${folder}/*.toml
       ${folder}/*.golden.npz)
  list(APPEND network_sources ${candidates})
  list(APPEND network_files ${candidates} ${beside})
  list(APPEND network_folders ${folder})
endforeach()
foreach(card IN LISTS N6_CARDS)
  list(APPEND registry_arguments --card ${card})
endforeach()

find_program(N6LINK n6link DOC "n6link's command line; without it, the package next to this firmware is run")
if(N6LINK)
  set(n6link ${N6LINK})
else()
  find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
  cmake_path(GET n6_package PARENT_PATH package)
  set(n6link ${CMAKE_COMMAND} -E env PYTHONPATH=${package} ${Python3_EXECUTABLE} -c
      "__import__('n6link.cli').cli.main()")
endif()
set(n6_registry ${CMAKE_CURRENT_BINARY_DIR}/registry.c)
add_custom_command(OUTPUT ${n6_registry} VERBATIM DEPENDS ${network_files}
                   COMMAND ${n6link} firmware registry ${n6_registry} ${registry_arguments}
                   COMMENT "Registry of the networks")

# ---- ST's code is compiled as it is: with its own idea of warnings

add_library(n6vendor STATIC ${vendor_sources} ${network_sources})
target_compile_options(n6vendor PRIVATE -w)
target_include_directories(n6vendor SYSTEM PUBLIC
  conf ${aton} ${aton_device} ${ai}/Inc ${hal}/Inc ${device}/Include ${cmsis} ${bsp} ${drivers}/BSP/Components/Common)
target_include_directories(n6vendor PRIVATE ${network_folders})
if(N6_USB)
  target_include_directories(n6vendor SYSTEM PUBLIC ${TINYUSB_DIR}/src)
  target_compile_definitions(n6vendor PRIVATE N6_USB) # for the HAL's configuration
endif()
target_link_libraries(n6vendor PRIVATE n6target PUBLIC ${aton_library} m)
set_target_properties(n6vendor PROPERTIES C_EXTENSIONS ON)
