// What CHECK finds: sentences about what the kernel does not show any more.
#pragma once

#include <string>
#include <vector>

#include "libcni/request.h"

namespace linnet::attach {

using Problems = std::vector<std::string>;

void append(Problems& problems, Problems more);

// Throws cni::Error(kInternal) with all of them unless there are none.
void throw_if_changed(const cni::Request& request, const cni::NetConf& conf,
                      const Problems& problems);

}  // namespace linnet::attach
