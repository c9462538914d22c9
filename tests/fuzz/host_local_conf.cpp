// The configuration of host-local as it comes on stdin, with CNI_ARGS behind a zero byte: every input is
// accepted or refused with a cni::Error.
#include "libcni/error.h"
#include "libcni/version.h"
#include "plugins/ipam/host-local/config.h"

using namespace linnet;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\0');
  const std::string args = end == std::string::npos ? "" : input.substr(end + 1);
  for (const cni::Verb verb : {cni::Verb::kAdd, cni::Verb::kDel, cni::Verb::kGc}) {
    try {
      const cni::NetConf conf = cni::parse_net_conf(input.substr(0, end), verb, cni::kAllVersions);
      static_cast<void>(host_local::parse_location_leniently(conf));
      static_cast<void>(host_local::parse_config(conf, args));
    } catch (const cni::Error&) {
    }
  }
  return 0;
}
