// The environment of a plugin, a variable a line: a request, none, or a cni::Error.
#include <cstdlib>
#include <map>

#include "base/text.h"
#include "libcni/error.h"
#include "libcni/request.h"

using namespace linnet;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::map<std::string, std::string, std::less<>> variables;
  for (const std::string& line : split(text, '\n')) {
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos) {
      variables[line.substr(0, equals)] = line.substr(equals + 1);
    }
  }
  try {
    const auto request = cni::parse_request([&](std::string_view name) {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    });
    // What names files and interfaces has neither a folder nor an end in it.
    constexpr std::string_view kNever("/\0", 2);
    const bool checked =
        request && (request->verb == cni::Verb::kAdd || request->verb == cni::Verb::kDel ||
                    request->verb == cni::Verb::kCheck);
    if (checked && (request->container_id.find_first_of(kNever) != std::string::npos ||
                    request->ifname.find_first_of(kNever) != std::string::npos)) {
      std::abort();
    }
  } catch (const cni::Error&) {
  }
  return 0;
}
