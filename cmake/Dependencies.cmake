# Every library the project depends on, with its reason. `./run` installs the packages listed in
# cmake/packages; keep the two in step.

find_package(PkgConfig REQUIRED)

# libnl-3: framing, encoding and policy-checked decoding of netlink messages and attributes. Its
# socket layer is not used: it folds the kernel's errno values into fewer codes of its own.
pkg_check_modules(NL REQUIRED IMPORTED_TARGET libnl-3.0)

# libmd: SHA-512, for the names and comments that the reference plugins derive from it.
find_library(LIBMD_LIBRARY NAMES libmd.a md REQUIRED)
find_path(LIBMD_INCLUDE_DIR NAMES sha512.h REQUIRED)

# nlohmann/json: the protocol's JSON.
find_package(nlohmann_json 3.11 REQUIRED)

# CLI11 (cnitool's command line) and GoogleTest (tests) are found where they are used.

# A static executable needs the archive of each library; pkg-config names the shared one.
add_library(linnet_nl INTERFACE)
if(LINNET_STATIC)
  find_library(LIBNL_ARCHIVE NAMES libnl-3.a REQUIRED)
  target_link_libraries(linnet_nl INTERFACE ${LIBNL_ARCHIVE})
else()
  target_link_libraries(linnet_nl INTERFACE PkgConfig::NL)
endif()
target_include_directories(linnet_nl SYSTEM INTERFACE ${NL_INCLUDE_DIRS})

add_library(linnet_md INTERFACE)
target_link_libraries(linnet_md INTERFACE ${LIBMD_LIBRARY})
target_include_directories(linnet_md SYSTEM INTERFACE ${LIBMD_INCLUDE_DIR})
