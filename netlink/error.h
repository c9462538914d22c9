// What the kernel answered to a netlink request.
// Source: netlink(7), linux/netlink.h (NLMSGERR_ATTR_*).
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace linnet::netlink {

// The acknowledgement of one request: errno (0 for success) and the kernel's own sentence, if any.
struct Ack {
  int error = 0;
  std::string extack;

  [[nodiscard]] bool ok() const { return error == 0; }
};

// A request that the kernel refused: what was asked, errno, and the extended ack verbatim.
class Error : public SystemError {
 public:
  Error(const Ack& ack, std::string_view what);

  [[nodiscard]] const std::string& extack() const { return extack_; }

 private:
  std::string extack_;
};

// The kernel may have done all, some or nothing of what was asked: its answer did not arrive. Thrown by
// Socket::exchange() alone.
class AnswerLost : public SystemError {
 public:
  AnswerLost(int code, std::string_view what) : SystemError(code, what) {}
};

}  // namespace linnet::netlink
