// Results of any version: what is read can be written in every version or is refused with a cni::Error,
// and in the newest version survives another reading.
#include "libcni/result.h"

#include <cstdlib>

#include "libcni/error.h"
#include "libcni/version.h"

using namespace linnet;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  cni::Result result;
  try {
    result = cni::parse_result(cni::parse_json(text, "the input"), "1.1.0", "result");
  } catch (const cni::Error&) {
    return 0;
  }
  for (const std::string_view version : cni::kAllVersions) {
    try {
      static_cast<void>(cni::dump(cni::to_json(result, version)));
    } catch (const cni::Error&) {
    }
  }
  const cni::Json newest = cni::to_json(result, "1.1.0");
  if (cni::parse_result(newest, "1.1.0", "result") != result) {
    std::abort();
  }
  return 0;
}
