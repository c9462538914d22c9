#include "netlink/message.h"

#include <limits>
#include <stdexcept>

namespace linnet::netlink {

Message::Message(int type, int flags) {
  // Most messages fit; growing is the vector's business.
  bytes_.reserve(256);
  nlmsghdr header{};
  header.nlmsg_type = static_cast<std::uint16_t>(type);
  header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
  append(&header, sizeof header);
}

void Message::append(const void* data, std::size_t size) {
  const auto* begin = static_cast<const unsigned char*>(data);
  bytes_.insert(bytes_.end(), begin, begin + size);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  set_length();
}

void Message::set_length() {
  const auto length = static_cast<std::uint32_t>(bytes_.size());
  std::memcpy(bytes_.data(), &length, sizeof length);
}

Message& Message::bytes(int attribute, std::span<const unsigned char> value) {
  const std::size_t length = NLA_HDRLEN + value.size();
  if (length > std::numeric_limits<std::uint16_t>::max()) {
    throw std::length_error("netlink attribute longer than 65535 bytes");
  }
  const nlattr header{static_cast<std::uint16_t>(length), static_cast<std::uint16_t>(attribute)};
  const auto* begin = reinterpret_cast<const unsigned char*>(&header);
  bytes_.insert(bytes_.end(), begin, begin + sizeof header);
  bytes_.insert(bytes_.end(), value.begin(), value.end());
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  set_length();
  return *this;
}

Message& Message::u32(int attribute, std::uint32_t value) {
  return bytes(attribute, {reinterpret_cast<const unsigned char*>(&value), sizeof value});
}

Message& Message::be32(int attribute, std::uint32_t value) {
  return u32(attribute, __builtin_bswap32(value));
}

Message& Message::be64(int attribute, std::uint64_t value) {
  value = __builtin_bswap64(value);
  return bytes(attribute, {reinterpret_cast<const unsigned char*>(&value), sizeof value});
}

Message& Message::text(int attribute, std::string_view value) {
  std::vector<unsigned char> terminated(value.begin(), value.end());
  terminated.push_back(0);
  return bytes(attribute, terminated);
}

std::size_t Message::nest_start(int attribute) {
  const std::size_t start = bytes_.size();
  bytes(attribute | NLA_F_NESTED, {});
  return start;
}

void Message::nest_end(std::size_t start) {
  const std::size_t length = bytes_.size() - start;
  if (length > std::numeric_limits<std::uint16_t>::max()) {
    throw std::length_error("nested netlink attributes longer than 65535 bytes");
  }
  const auto length16 = static_cast<std::uint16_t>(length);
  std::memcpy(bytes_.data() + start, &length16, sizeof length16);
}

std::optional<Attribute> take_attribute(std::span<const unsigned char>& attributes) {
  nlattr header;
  if (attributes.size() < sizeof header) {
    return std::nullopt;
  }
  std::memcpy(&header, attributes.data(), sizeof header);
  if (header.nla_len < NLA_HDRLEN || header.nla_len > attributes.size()) {
    return std::nullopt;
  }
  const Attribute attribute = {header.nla_type & NLA_TYPE_MASK,
                               attributes.subspan(NLA_HDRLEN, header.nla_len - NLA_HDRLEN)};
  attributes =
      attributes.subspan(std::min<std::size_t>(NLA_ALIGN(header.nla_len), attributes.size()));
  return attribute;
}

}  // namespace linnet::netlink
