// The room that a message of nf_tables is written into.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

struct nlmsghdr;

namespace linnet::netlink::nft {

// A message under construction. libnftnl writes without looking at the end of its buffer: `room` is an upper bound of
// the attributes, to be computed by the caller from all that varies in length.
class MessageBuffer {
 public:
  // `flags` besides NLM_F_REQUEST.
  MessageBuffer(std::size_t room, int type, int flags, std::uint8_t family);
  explicit MessageBuffer(std::vector<char> bytes) : bytes_(std::move(bytes)) {}

  [[nodiscard]] nlmsghdr* header();
  [[nodiscard]] const nlmsghdr* header() const;

 private:
  std::vector<char> bytes_;
};

}  // namespace linnet::netlink::nft
