# The component "dev": libcni for other programs, by find_package(linnet) or pkg-config linnet-cni.
include(CMakePackageConfigHelpers)

foreach(library base cni)
  install(TARGETS linnet_${library} EXPORT linnet-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
  if(LINNET_LTO)
    # Machine code beside the intermediate code: other linkers than this compiler's read the archive.
    target_compile_options(linnet_${library} PRIVATE -ffat-lto-objects)
  endif()
endforeach()
foreach(folder base libcni)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/linnet COMPONENT dev FILES_MATCHING PATTERN "*.h")
endforeach()

set(linnet_package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/linnet)
install(EXPORT linnet-targets NAMESPACE linnet:: DESTINATION ${linnet_package_folder} COMPONENT dev)
configure_package_config_file(cmake/linnet-config.cmake.in
  ${PROJECT_BINARY_DIR}/linnet-config.cmake INSTALL_DESTINATION ${linnet_package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/linnet-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/linnet-config.cmake
  ${PROJECT_BINARY_DIR}/linnet-config-version.cmake
  DESTINATION ${linnet_package_folder} COMPONENT dev)

# Relative to the file, so that the installed tree may be moved.
file(RELATIVE_PATH linnet_prefix_from_pc
  /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/linnet-cni.pc.in ${PROJECT_BINARY_DIR}/linnet-cni.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/linnet-cni.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
