# Every library the project depends on, with its reason. `./run` installs the packages listed in
# cmake/packages; keep the two in step.

# libmd: SHA-512, for the names and comments that the reference plugins derive from it.
find_library(LIBMD_LIBRARY NAMES libmd.a md REQUIRED)
find_path(LIBMD_INCLUDE_DIR NAMES sha512.h REQUIRED)

# nlohmann/json: the protocol's JSON.
if(LINNET_MUSL_SYSROOT)
  # Its header is in the sysroot: the package names /usr/include, where glibc's are.
  add_library(nlohmann_json::nlohmann_json INTERFACE IMPORTED)
else()
  find_package(nlohmann_json 3.11 REQUIRED)
endif()

# PCRE2: the regular expressions of tuning's allow list, which are written for Go's regexp package. In C, so
# that tuning starts without locale and iostream.
find_library(PCRE2_LIBRARY NAMES libpcre2-8.a pcre2-8 REQUIRED)
find_path(PCRE2_INCLUDE_DIR NAMES pcre2.h REQUIRED)

# musl, with a libstdc++ of its own: the C library of the plugins' executable, which starts in a third of glibc's
# time. Optional; see cmake/Musl.cmake.

# CLI11 (cnitool's command line) and GoogleTest (tests) are found where they are used.

add_library(linnet_md INTERFACE)
target_link_libraries(linnet_md INTERFACE ${LIBMD_LIBRARY})
target_include_directories(linnet_md SYSTEM INTERFACE ${LIBMD_INCLUDE_DIR})

add_library(linnet_pcre2 INTERFACE)
target_link_libraries(linnet_pcre2 INTERFACE ${PCRE2_LIBRARY})
target_include_directories(linnet_pcre2 SYSTEM INTERFACE ${PCRE2_INCLUDE_DIR})

# Not among them: libdbus or libsystemd, for the calls that the plugin firewall makes to firewalld. Debian 12 has an
# archive of libdbus only: it adds 600 KB, the name service and functions of libsystemd, which has none, for three
# messages that plugins/meta/firewall/dbus_message.h writes and reads in 250 lines.

# Nor: libnl, libmnl, libnftnl. What they do for netlink messages is the core of this project
# (netlink/message.h, about a hundred lines), libmnl has no archive in Debian 12, and libnl brings the
# name service into every static executable.
