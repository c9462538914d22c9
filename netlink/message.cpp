#include "netlink/message.h"

#include <new>
#include <stdexcept>

namespace linnet::netlink {

namespace {

// Room for the largest message built here: an nftables rule, or a veth with its peer.
constexpr std::size_t kMessageSize = 8192;

void require(int result) {
  if (result < 0) {
    throw std::length_error("netlink message longer than its buffer");
  }
}

}  // namespace

Message::Message(int type, int flags) : message_(nlmsg_alloc_size(kMessageSize)) {
  if (!message_ ||
      nlmsg_put(message_.get(), 0, 0, type, 0, flags | NLM_F_REQUEST) == nullptr) {
    throw std::bad_alloc();
  }
}

void Message::append(const void* data, std::size_t size) {
  require(nlmsg_append(message_.get(), const_cast<void*>(data), size, NLMSG_ALIGNTO));
}

Message& Message::bytes(int attribute, std::span<const unsigned char> value) {
  require(nla_put(message_.get(), attribute, static_cast<int>(value.size()), value.data()));
  return *this;
}

Message& Message::u8(int attribute, std::uint8_t value) {
  require(nla_put_u8(message_.get(), attribute, value));
  return *this;
}

Message& Message::u16(int attribute, std::uint16_t value) {
  require(nla_put_u16(message_.get(), attribute, value));
  return *this;
}

Message& Message::u32(int attribute, std::uint32_t value) {
  require(nla_put_u32(message_.get(), attribute, value));
  return *this;
}

Message& Message::be32(int attribute, std::uint32_t value) {
  return u32(attribute, __builtin_bswap32(value));
}

Message& Message::be64(int attribute, std::uint64_t value) {
  require(nla_put_u64(message_.get(), attribute, __builtin_bswap64(value)));
  return *this;
}

Message& Message::text(int attribute, std::string_view value) {
  require(nla_put_string(message_.get(), attribute, std::string(value).c_str()));
  return *this;
}

Message& Message::flag(int attribute) {
  require(nla_put_flag(message_.get(), attribute));
  return *this;
}

nlattr* Message::nest_start(int attribute) {
  nlattr* start = nla_nest_start(message_.get(), attribute);
  if (start == nullptr) {
    require(-1);
  }
  return start;
}

void Message::nest_end(nlattr* start) { nla_nest_end(message_.get(), start); }

}  // namespace linnet::netlink
