// One HTML page with everything in it: no file, font or script is fetched.
#pragma once

#include "rig/run_report.h"

namespace linnet::rig {

// `steering` is the JSON of netrig steering, null for none. Throws cni::Error(kDecodingFailure) for a JSON that is
// something else.
[[nodiscard]] std::string as_page(const RunReport& report, const cni::Json& steering);

}  // namespace linnet::rig
