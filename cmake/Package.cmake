# Manual pages, and the two Debian packages that `cpack` makes of a release build (packaging/archive makes the
# archive for every other Linux). Manual pages need lowdown and python3; without them they are left out, and
# said so.
find_program(LOWDOWN_EXECUTABLE lowdown)
find_program(PYTHON3_EXECUTABLE python3)

get_property(linnet_pages GLOBAL PROPERTY LINNET_MAN_PAGES)
if(LOWDOWN_EXECUTABLE AND PYTHON3_EXECUTABLE)
  set(pages)
  # name, section, README, component
  while(linnet_pages)
    list(POP_FRONT linnet_pages name section readme component)
    set(page ${PROJECT_BINARY_DIR}/man/${name}.${section})
    add_custom_command(OUTPUT ${page}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/man
      COMMAND ${PROJECT_SOURCE_DIR}/packaging/man-page ${name} ${section} ${readme} > ${page}.new
      COMMAND ${CMAKE_COMMAND} -E rename ${page}.new ${page}
      DEPENDS ${readme} ${PROJECT_SOURCE_DIR}/packaging/man-page VERBATIM)
    list(APPEND pages ${page})
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT ${component})
  endwhile()
  add_custom_target(man ALL DEPENDS ${pages})
else()
  message(STATUS "no manual pages: lowdown or python3 is missing")
endif()

foreach(component plugins tools)
  install(FILES packaging/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/linnet-${component} COMPONENT ${component})
endforeach()
install(FILES LICENSE THIRD-PARTY.md README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT tools)
install(DIRECTORY docs/examples DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT tools
  FILES_MATCHING PATTERN "*.conflist")

set(CPACK_PACKAGE_NAME linnet)
set(CPACK_PACKAGE_VENDOR linnet)
set(CPACK_PACKAGE_CONTACT "linnet maintainers <maintainers@linnet.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "CNI plugins for Linux")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL plugins tools)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PLUGINS_PACKAGE_NAME linnet-plugins)
set(CPACK_COMPONENT_PLUGINS_DESCRIPTION
  "Executables in /opt/cni/bin that container runtimes call to attach\ncontainers to networks: a drop-in for the reference plugins.")
# Both have the same files in /opt/cni/bin.
set(CPACK_DEBIAN_PLUGINS_PACKAGE_CONFLICTS kubernetes-cni)
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME linnet-tools)
set(CPACK_COMPONENT_TOOLS_DESCRIPTION
  "cnitool attaches namespaces to CNI networks from the command line, netrig\nmeasures what container networks cost.")
set(CPACK_DEBIAN_TOOLS_PACKAGE_RECOMMENDS linnet-plugins)
include(CPack)
