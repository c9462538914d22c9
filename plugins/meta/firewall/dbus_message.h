// Messages of D-Bus as bytes, as far as calls with text arguments and their answers need them. No input or output.
// Source: D-Bus specification 0.43, "Message Protocol".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace linnet::firewall::dbus {

using Bytes = std::vector<unsigned char>;

// What comes before the length of a message is known.
constexpr std::size_t kFixedHeader = 16;
// The specification allows 128 MiB; an answer to what is asked here has some hundred bytes.
constexpr std::size_t kLargestMessage = std::size_t{1} << 20;

struct Call {
  std::string destination;
  std::string path;
  std::string interface;
  std::string member;
  std::vector<std::string> arguments;  // all of type "s"
};

// Never starts a service for it. Precondition: no NUL in any text.
[[nodiscard]] Bytes encode(const Call& call, std::uint32_t serial);

enum class MessageType : unsigned char { kCall = 1, kReturn = 2, kError = 3, kSignal = 4 };

struct Message {
  MessageType type = MessageType::kSignal;
  std::uint32_t reply_serial = 0;  // zero: answers nothing
  std::string error_name;
  std::string signature;
  std::string text;    // the first argument if it is an "s", else empty
  bool truth = false;  // the first argument if it is a "b"
};

// Bytes of the whole message that starts with the kFixedHeader bytes at `start`. Throws SystemError(EBADMSG) for what
// is no message, or one of more than kLargestMessage bytes.
[[nodiscard]] std::size_t size_of_message(std::span<const unsigned char> start);

// One whole message, in either byte order. Throws SystemError(EBADMSG) that says what is wrong with it.
[[nodiscard]] Message decode(std::span<const unsigned char> bytes);

}  // namespace linnet::firewall::dbus
