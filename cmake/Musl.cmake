# The plugins' executable, and the program of the rig that is the floor under it, linked with musl where the host
# has what that needs (packages musl-dev and gcc-N-source): they start in a third of the time that glibc takes. Why:
# musl/make-sysroot.
#
# linnet_musl_executables(names…)  <build>/bin/<name>, made by a build of this project of its own, with musl
set(LINNET_MUSL AUTO CACHE STRING "link the plugins with musl: AUTO (where it is installed), ON or OFF")
set(linnet_musl FALSE)
if(LINNET_STATIC AND LINNET_MUSL)
  string(REGEX MATCH "^[0-9]+" linnet_gcc "${CMAKE_CXX_COMPILER_VERSION}")
  file(GLOB linnet_gcc_source /usr/src/gcc-${linnet_gcc}/gcc-*.tar.xz)
  set(linnet_musl_start /usr/lib/${CMAKE_SYSTEM_PROCESSOR}-linux-musl/rcrt1.o)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_CROSSCOMPILING AND linnet_gcc_source
      AND EXISTS ${linnet_musl_start})
    set(linnet_musl TRUE)
  elseif(NOT LINNET_MUSL STREQUAL "AUTO")
    message(FATAL_ERROR "LINNET_MUSL=${LINNET_MUSL} needs the packages musl-dev and gcc-${linnet_gcc}-source")
  else()
    message(STATUS "The plugins are linked with glibc and start more slowly: "
      "install musl-dev and gcc-${linnet_gcc}-source to have them linked with musl")
  endif()
endif()

function(linnet_musl_executables)
  include(ExternalProject)
  set(sysroot ${PROJECT_BINARY_DIR}/musl-sysroot)
  set(maker ${PROJECT_SOURCE_DIR}/cmake/musl/make-sysroot)
  add_custom_command(OUTPUT ${sysroot}/lib/libstdc++.a
    COMMAND ${maker} ${sysroot} ${linnet_gcc}
    DEPENDS ${maker} ${PROJECT_SOURCE_DIR}/cmake/musl/glibc_calls.c ${PROJECT_SOURCE_DIR}/cmake/musl/copy.c
    COMMENT "Building libstdc++ for musl" VERBATIM)
  add_custom_target(musl_sysroot DEPENDS ${sysroot}/lib/libstdc++.a)
  list(TRANSFORM ARGN PREPEND <BINARY_DIR>/bin/ OUTPUT_VARIABLE made)
  ExternalProject_Add(musl_executables
    SOURCE_DIR ${PROJECT_SOURCE_DIR}
    BINARY_DIR ${PROJECT_BINARY_DIR}/musl
    STAMP_DIR ${PROJECT_BINARY_DIR}/musl-stamp
    TMP_DIR ${PROJECT_BINARY_DIR}/musl-stamp
    DEPENDS musl_sysroot
    CMAKE_ARGS
      -DCMAKE_TOOLCHAIN_FILE=${PROJECT_SOURCE_DIR}/cmake/musl/toolchain.cmake
      -DLINNET_MUSL_SYSROOT=${sysroot} -DLINNET_MUSL_GCC=${linnet_gcc}
      -DCMAKE_BUILD_TYPE=${CMAKE_BUILD_TYPE}
      -DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}
      -DLINNET_LTO=${LINNET_LTO} -DLINNET_PCH=${LINNET_PCH} -DLINNET_TESTS=OFF
      -DLIBMD_LIBRARY=${LIBMD_LIBRARY} -DLIBMD_INCLUDE_DIR=${sysroot}/include
      -DPCRE2_LIBRARY=${PCRE2_LIBRARY} -DPCRE2_INCLUDE_DIR=${sysroot}/include
      -DLIBNL_LIBRARY=${LIBNL_LIBRARY} -DLIBNL_ROUTE_LIBRARY=${LIBNL_ROUTE_LIBRARY} -DLIBNL_INCLUDE_DIR=${sysroot}/include
      -DLIBNFTNL_LIBRARY=${LIBNFTNL_LIBRARY} -DLIBNFTNL_INCLUDE_DIR=${sysroot}/include
      -DLIBMNL_LIBRARY=${LIBMNL_LIBRARY} -DLIBMNL_INCLUDE_DIR=${sysroot}/include
    BUILD_COMMAND ${CMAKE_COMMAND} --build <BINARY_DIR> --target ${ARGN}
    INSTALL_COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/bin
    COMMAND ${CMAKE_COMMAND} -E copy_if_different ${made} ${PROJECT_BINARY_DIR}/bin
    BUILD_ALWAYS ON
    USES_TERMINAL_BUILD ON)
  foreach(name ${ARGN})
    add_custom_target(${name} DEPENDS musl_executables)
  endforeach()
endfunction()
