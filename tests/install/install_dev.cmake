function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT code EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}: ${code}\n${out}")
  endif()
  set(output "${out}" PARENT_SCOPE)
endfunction()

function(expect_addresses program)
  run(${program} ${WORK}/net.d ${WORK}/plugins ${WORK}/cache podnet /run/netns/none)
  if(NOT output STREQUAL "10.1.2.3/24\n")
    message(FATAL_ERROR "${program} printed: ${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/plugins)
file(CREATE_LINK ${FAKE_PLUGIN} ${WORK}/plugins/fake SYMBOLIC)
file(WRITE ${WORK}/plugins/fake.script "{}")
file(WRITE ${WORK}/net.d/10.conflist
  "{\"cniVersion\": \"1.1.0\", \"name\": \"podnet\", \"plugins\": [{\"type\": \"fake\"}]}")

set(flags "-O0")
if(SANITIZE)
  set(flags "-O0 -fsanitize=${SANITIZE}")
endif()

run(${CMAKE_COMMAND} --install ${BUILD} --config ${CONFIG} --component dev --prefix ${WORK}/installed)
# Moved after installation: nothing in it may depend on the place.
file(RENAME ${WORK}/installed ${WORK}/prefix)

run(${CMAKE_COMMAND} -S ${EXAMPLE} -B ${WORK}/cmake -DCMAKE_PREFIX_PATH=${WORK}/prefix
  -DCMAKE_CXX_COMPILER=${COMPILER} "-DCMAKE_CXX_FLAGS=${flags}")
run(${CMAKE_COMMAND} --build ${WORK}/cmake)
expect_addresses(${WORK}/cmake/attach)

set(ENV{PKG_CONFIG_PATH} ${WORK}/prefix/${LIBDIR}/pkgconfig)
run(${PKG_CONFIG} --cflags --libs linnet-cni)
separate_arguments(from_pkg_config UNIX_COMMAND "${output}")
separate_arguments(flags UNIX_COMMAND "${flags}")
run(${COMPILER} -std=c++20 ${flags} ${EXAMPLE}/attach.cpp ${from_pkg_config} -o ${WORK}/attach)
expect_addresses(${WORK}/attach)
