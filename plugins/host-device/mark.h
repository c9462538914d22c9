// What is kept about a device while a container has it: in its alias, which goes where it goes, also back to
// the host when its namespace ends. No kernel.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "netlink/link.h"
#include "plugins/attach/attachment.h"

namespace linnet::host_device {

struct Mark {
  std::string owner_key;  // empty: of the reference plugin, which keeps the name only
  std::string name;       // on the host
  bool up = false;        // on the host
  std::string alias;      // on the host; cut where the whole is longer than the kernel takes
};

// "linnet:KEY, device: NAME, up, alias: ALIAS".
[[nodiscard]] std::string mark_text(const Mark& mark);

// Absent for an alias that is no mark of this plugin.
[[nodiscard]] std::optional<Mark> parse_mark(std::string_view alias);

// The mark that ADD of the attachment puts on that device of the host.
[[nodiscard]] Mark mark_of(const netlink::Link& link, const attach::Attachment& attachment);

}  // namespace linnet::host_device
