# The host's g++-N (LINNET_MUSL_GCC is N) with musl and the libstdc++ of LINNET_MUSL_SYSROOT (make-sysroot):
# executables are static, and position independent all the same.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${CMAKE_HOST_SYSTEM_PROCESSOR})
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LINNET_MUSL_SYSROOT LINNET_MUSL_GCC)
set(linnet_musl /usr/lib/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-musl)
execute_process(COMMAND g++-${LINNET_MUSL_GCC} -print-libgcc-file-name OUTPUT_VARIABLE linnet_libgcc OUTPUT_STRIP_TRAILING_WHITESPACE)
get_filename_component(linnet_runtime ${linnet_libgcc} DIRECTORY)

set(CMAKE_CXX_COMPILER g++-${LINNET_MUSL_GCC})
string(JOIN " " CMAKE_CXX_FLAGS_INIT
  -nostdinc -nostdinc++ -DGTHREAD_USE_WEAK=0 -DLINNET_MUSL
  -isystem ${LINNET_MUSL_SYSROOT}/include/c++
  -isystem ${LINNET_MUSL_SYSROOT}/include/c++/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-musl
  -isystem /usr/include/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-musl
  -isystem ${linnet_runtime}/include
  -isystem ${LINNET_MUSL_SYSROOT}/include)
# What the compiler's own specification of a link would name stands here, of the other library.
string(JOIN " " CMAKE_CXX_LINK_EXECUTABLE
  "<CMAKE_CXX_COMPILER> <FLAGS> <CMAKE_CXX_LINK_FLAGS> <LINK_FLAGS> -nostdlib -nostartfiles -static-pie -Wl,--eh-frame-hdr"
  "${linnet_musl}/rcrt1.o ${linnet_musl}/crti.o ${linnet_runtime}/crtbeginS.o"
  "<OBJECTS> -o <TARGET> <LINK_LIBRARIES>"
  "${LINNET_MUSL_SYSROOT}/lib/glibc_calls.o ${LINNET_MUSL_SYSROOT}/lib/copy.o"
  "-L${LINNET_MUSL_SYSROOT}/lib -L${linnet_musl} -Wl,--start-group -lstdc++ -lgcc -lgcc_eh -lc -Wl,--end-group"
  "${linnet_runtime}/crtendS.o ${linnet_musl}/crtn.o")
# A link of CMake's tests would need the rule above, too.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
# Threads are part of musl's one library.
set(CMAKE_THREAD_LIBS_INIT "")
