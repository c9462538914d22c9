// CNI_ARGS: pairs or a cni::Error.
#include <array>

#include "libcni/error.h"
#include "libcni/request.h"

using namespace linnet;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr std::array<std::string_view, 2> kKnown = {"IP", "MAC"};
  try {
    static_cast<void>(cni::parse_args(text));
    static_cast<void>(cni::known_args(text, kKnown));
  } catch (const cni::Error&) {
  }
  static_cast<void>(cni::problem_with_container_id(text));
  static_cast<void>(cni::problem_with_network_name(text));
  static_cast<void>(cni::problem_with_ifname(text));
  static_cast<void>(cni::problem_with_plugin_type(text));
  return 0;
}
