#include "netlink/error.h"

#include "base/text.h"

namespace linnet::netlink {

namespace {

std::string message_of(const Ack& ack, std::string_view what) {
  std::string text = concat(what, ": ", errno_text(ack.error));
  if (!ack.extack.empty()) {
    text += concat(" (kernel: ", ack.extack, ")");
  }
  return text;
}

}  // namespace

Error::Error(const Ack& ack, std::string_view what)
    : SystemError(Verbatim{}, ack.error, message_of(ack, what)), extack_(ack.extack) {}

}  // namespace linnet::netlink
