#include "plugins/attach/problems.h"

#include <iterator>

#include "base/text.h"
#include "libcni/error.h"

namespace linnet::attach {

void append(Problems& problems, Problems more) {
  problems.insert(problems.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
}

void throw_if_changed(const cni::Request& request, const cni::NetConf& conf,
                      const Problems& problems) {
  if (!problems.empty()) {
    throw cni::Error(cni::Code::kInternal,
                     concat("container ", request.container_id, " on network ", conf.name,
                            " is not as ADD left it: ", join(problems, "; ")));
  }
}

}  // namespace linnet::attach
