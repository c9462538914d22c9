# A toolchain file: arm64, compiled on another machine by Debian's g++-aarch64-linux-gnu. LINNET_ARM64_ROOT is a folder
# with the arm64 packages of the libraries unpacked, which tests/packaging/arm64 fills.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

set(LINNET_ARM64_ROOT "${CMAKE_CURRENT_LIST_DIR}/../build/arm64-root" CACHE PATH "arm64 packages, unpacked")
# CMake tries the compiler in projects of its own, which need it as well.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LINNET_ARM64_ROOT)
set(CMAKE_FIND_ROOT_PATH "${LINNET_ARM64_ROOT}")
# Libraries of this machine are never right; headers without code (JSON, the command line) are the same everywhere.
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
