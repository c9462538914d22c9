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

# The three netlink libraries. A static build takes their archives, any other the shared libraries.
#
# libnl-3 and libnl-route-3: rtnetlink's objects (links, addresses, routes, rules, neighbours, traffic control),
# written into messages and read from them. LGPL-2.1.
# libnftnl: the objects of nftables, the same way. GPL-2.0-or-later.
# libmnl: sockets, headers and attributes of netlink, for everything else. LGPL-2.1-or-later. Debian 12 has no archive
# of it: `./run` fetches that of Debian 13 into build/libmnl (cmake/fetch-libmnl).
set(linnet_netlink_libraries LIBNL_ROUTE nl-route-3 LIBNL nl-3 LIBNFTNL nftnl LIBMNL mnl)
while(linnet_netlink_libraries)
  list(POP_FRONT linnet_netlink_libraries variable name)
  if(LINNET_STATIC)
    find_library(${variable}_LIBRARY NAMES lib${name}.a HINTS ${PROJECT_SOURCE_DIR}/build/libmnl)
  else()
    find_library(${variable}_LIBRARY NAMES ${name})
  endif()
  if(NOT ${variable}_LIBRARY)
    if(LINNET_STATIC AND name STREQUAL "mnl")
      message(FATAL_ERROR "There is no libmnl.a: cmake/fetch-libmnl build/libmnl fetches one, -DLINNET_STATIC=OFF links with the shared library")
    endif()
    message(FATAL_ERROR "lib${name} is missing: install what cmake/packages lists for \"build\"")
  endif()
endwhile()
message(STATUS "Netlink libraries: ${LIBNL_ROUTE_LIBRARY} ${LIBNL_LIBRARY} ${LIBNFTNL_LIBRARY} ${LIBMNL_LIBRARY}")
find_path(LIBNL_INCLUDE_DIR NAMES netlink/route/link.h PATH_SUFFIXES libnl3 REQUIRED)
find_path(LIBNFTNL_INCLUDE_DIR NAMES libnftnl/rule.h REQUIRED)
find_path(LIBMNL_INCLUDE_DIR NAMES libmnl/libmnl.h REQUIRED)

# musl, with a libstdc++ of its own: the C library of the plugins' executable, which starts in a third of glibc's
# time. Optional; see cmake/Musl.cmake.

# CLI11 (cnitool's command line) and GoogleTest (tests) are found where they are used.

add_library(linnet_md INTERFACE)
target_link_libraries(linnet_md INTERFACE ${LIBMD_LIBRARY})
target_include_directories(linnet_md SYSTEM INTERFACE ${LIBMD_INCLUDE_DIR})

add_library(linnet_pcre2 INTERFACE)
target_link_libraries(linnet_pcre2 INTERFACE ${PCRE2_LIBRARY})
target_include_directories(linnet_pcre2 SYSTEM INTERFACE ${PCRE2_INCLUDE_DIR})

# Their order is that of a static link: each needs those after it.
add_library(linnet_netlink_libraries INTERFACE)
target_link_libraries(linnet_netlink_libraries INTERFACE
  ${LIBNL_ROUTE_LIBRARY} ${LIBNL_LIBRARY} ${LIBNFTNL_LIBRARY} ${LIBMNL_LIBRARY})
target_include_directories(linnet_netlink_libraries SYSTEM INTERFACE
  ${LIBNL_INCLUDE_DIR} ${LIBNFTNL_INCLUDE_DIR} ${LIBMNL_INCLUDE_DIR})

# Not among them: libdbus or libsystemd, for the calls that the plugin firewall makes to firewalld. Debian 12 has an
# archive of libdbus only: it adds 600 KB, the name service and functions of libsystemd, which has none, for three
# messages that plugins/meta/firewall/dbus_message.h writes and reads in 250 lines.
