// Messages as the kernel would send them, written through libmnl.
#pragma once

#include <libmnl/libmnl.h>

#include <array>
#include <span>
#include <string>

#include "base/ip_address.h"

namespace linnet::netlink {

class SampleMessage {
 public:
  explicit SampleMessage(int type) : header_(mnl_nlmsg_put_header(room_.data())) {
    header_->nlmsg_type = static_cast<std::uint16_t>(type);
  }
  SampleMessage(const SampleMessage&) = delete;
  SampleMessage& operator=(const SampleMessage&) = delete;

  template <typename Header>
  SampleMessage& header(const Header& header) {
    *static_cast<Header*>(mnl_nlmsg_put_extra_header(header_, sizeof header)) = header;
    return *this;
  }
  SampleMessage& bytes(int attribute, std::span<const unsigned char> value) {
    mnl_attr_put(header_, static_cast<std::uint16_t>(attribute), value.size(), value.data());
    return *this;
  }
  template <typename T>
  SampleMessage& value(int attribute, const T& value) {
    return bytes(attribute, {reinterpret_cast<const unsigned char*>(&value), sizeof value});
  }
  SampleMessage& u8(int attribute, std::uint8_t number) { return value(attribute, number); }
  SampleMessage& u16(int attribute, std::uint16_t number) { return value(attribute, number); }
  SampleMessage& u32(int attribute, std::uint32_t number) { return value(attribute, number); }
  SampleMessage& text(int attribute, const std::string& text) {
    mnl_attr_put_strz(header_, static_cast<std::uint16_t>(attribute), text.c_str());
    return *this;
  }
  SampleMessage& address(int attribute, std::string_view text) {
    return bytes(attribute, IpAddress::parse(text).value().bytes());
  }
  template <typename Fill>
  SampleMessage& nest(int attribute, Fill&& fill) {
    nlattr* const start = mnl_attr_nest_start(header_, static_cast<std::uint16_t>(attribute));
    fill();
    mnl_attr_nest_end(header_, start);
    return *this;
  }

  [[nodiscard]] const nlmsghdr* get() const { return header_; }

 private:
  alignas(nlmsghdr) std::array<unsigned char, 8192> room_{};
  nlmsghdr* header_;
};

}  // namespace linnet::netlink
