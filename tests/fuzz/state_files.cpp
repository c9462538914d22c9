// What plugins read from files that others write: a backup of tuning, its list of allowed sysctls.
#include "libcni/error.h"
#include "plugins/meta/tuning/allow_list.h"
#include "plugins/meta/tuning/backup.h"

using namespace linnet;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(tuning::parse_backup(text, "input"));
  const std::vector<std::string> names = {"net.ipv4.conf.eth0.rp_filter", "net.core.somaxconn"};
  try {
    tuning::require_allowed(names, tuning::parse_allow_list(text));
  } catch (const cni::Error&) {
  }
  return 0;
}
