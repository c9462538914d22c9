# How every target of the project is compiled, and the functions that make its targets.
#
# linnet_compile_options  an interface target with the language level, warnings, hardening and sanitizers
# linnet_library(name SOURCES… LINK…)      a static library linnet_<name>, alias linnet::<name>
# linnet_executable(name COMPONENT… SOURCES… LINK…)  an executable in <build>/bin
# linnet_plugin(name library)              a plugin of that CNI name, to be linked into the executable "linnet"

add_library(linnet_compile_options INTERFACE)
target_compile_features(linnet_compile_options INTERFACE cxx_std_20)
target_compile_options(linnet_compile_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
  -ffunction-sections -fdata-sections)

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(linnet_compile_options INTERFACE
    -O2 -fstack-protector-strong -fstack-clash-protection
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -D_GLIBCXX_ASSERTIONS)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
    target_compile_options(linnet_compile_options INTERFACE -fcf-protection)
  endif()
  target_link_options(linnet_compile_options INTERFACE
    -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--build-id -s)
endif()

if(LINNET_SANITIZE)
  target_compile_options(linnet_compile_options INTERFACE
    -fsanitize=${LINNET_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(linnet_compile_options INTERFACE -fsanitize=${LINNET_SANITIZE})
  if(NOT LINNET_FUZZ)
    # A million relocations at each start otherwise, and the tests start thousands of processes.
    target_link_options(linnet_compile_options INTERFACE -no-pie)
  endif()
endif()

if(LINNET_COVERAGE)
  # Atomically: the rig has threads.
  target_compile_options(linnet_compile_options INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(linnet_compile_options INTERFACE --coverage)
endif()

if(LINNET_FUZZ)
  target_compile_options(linnet_compile_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Position independent also when static: the executables run as root on input that others influence.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_library(linnet_static_link INTERFACE)
if(LINNET_STATIC)
  target_link_options(linnet_static_link INTERFACE -static-pie)
endif()

if(LINNET_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

# The JSON header precompiled for the whole tree: parsing it is most of a small file's compile time.
# Once for libraries (-fPIC) and once for executables (-fPIE), since the compiler takes only a header
# that was made with its own setting.
function(linnet_precompile target)
  if(NOT LINNET_PCH)
    return()
  endif()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    set(pch linnet_pch_executable)
  else()
    set(pch linnet_pch_library)
  endif()
  if(NOT TARGET ${pch})
    file(WRITE ${PROJECT_BINARY_DIR}/pch.cpp "")
    add_library(${pch} STATIC ${PROJECT_BINARY_DIR}/pch.cpp)
    target_link_libraries(${pch} PRIVATE linnet_compile_options)
    target_compile_definitions(${pch} PRIVATE JSON_NO_IO=1)
    if(type STREQUAL "EXECUTABLE")
      set_target_properties(${pch} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
      target_compile_options(${pch} PRIVATE -fPIE)
    endif()
    target_precompile_headers(${pch} PRIVATE
      <nlohmann/json.hpp> <string> <vector> <optional> <functional> <map> <memory>)
  endif()
  target_compile_definitions(${target} PRIVATE JSON_NO_IO=1)
  target_precompile_headers(${target} REUSE_FROM ${pch})
endfunction()

function(linnet_library name)
  cmake_parse_arguments(ARG "JSON" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(linnet_${name} STATIC ${ARG_SOURCES})
  add_library(linnet::${name} ALIAS linnet_${name})
  set_target_properties(linnet_${name} PROPERTIES EXPORT_NAME ${name} OUTPUT_NAME linnet-${name})
  target_include_directories(linnet_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include/linnet>)
  target_link_libraries(linnet_${name} PUBLIC ${ARG_LINK}
    PRIVATE $<BUILD_INTERFACE:linnet_compile_options> ${ARG_PRIVATE_LINK})
  target_compile_features(linnet_${name} PUBLIC cxx_std_20)
  if(linnet_musl AND CMAKE_CURRENT_SOURCE_DIR MATCHES "^${PROJECT_SOURCE_DIR}/plugins")
    # The plugins are linked in the build with musl; here only what a test asks for.
    set_target_properties(linnet_${name} PROPERTIES EXCLUDE_FROM_ALL TRUE)
  endif()
  if(ARG_JSON)
    linnet_precompile(linnet_${name})
  endif()
endfunction()

# Its library defines kPlugin (plugins/plugins.h).
function(linnet_plugin name library)
  target_link_libraries(linnet_${library} PUBLIC linnet::skel)
  set_property(GLOBAL APPEND PROPERTY LINNET_PLUGINS ${name})
  set_property(GLOBAL APPEND PROPERTY LINNET_PLUGIN_LIBRARIES linnet::${library})
  # The prefix, since bridge(8) is another.
  set_property(GLOBAL APPEND PROPERTY LINNET_MAN_PAGES
    cni-${name} 8 ${CMAKE_CURRENT_SOURCE_DIR}/README.md plugins)
endfunction()

# COMPONENT plugins installs below LINNET_PLUGIN_DIR, COMPONENT tools into the bin directory.
function(linnet_executable name)
  cmake_parse_arguments(ARG "" "COMPONENT" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} linnet_compile_options linnet_static_link)
  linnet_precompile(${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  # The README beside it becomes the manual page of a tool.
  set(readme ${CMAKE_CURRENT_SOURCE_DIR}/README.md)
  if(ARG_COMPONENT STREQUAL "plugins")
    install(TARGETS ${name} RUNTIME DESTINATION ${LINNET_PLUGIN_DIR} COMPONENT plugins)
  elseif(ARG_COMPONENT STREQUAL "tools")
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
    set_property(GLOBAL APPEND PROPERTY LINNET_MAN_PAGES ${name} 1 ${readme} tools)
  endif()
endfunction()
