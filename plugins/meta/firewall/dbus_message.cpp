#include "plugins/meta/firewall/dbus_message.h"

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace linnet::firewall::dbus {

namespace {

constexpr unsigned char kVersion = 1;
constexpr unsigned char kNoAutoStart = 2;
constexpr std::size_t kFieldAlignment = 8;
constexpr unsigned char kNativeOrder = std::endian::native == std::endian::little ? 'l' : 'B';

// Codes of header fields.
constexpr unsigned char kPath = 1;
constexpr unsigned char kInterface = 2;
constexpr unsigned char kMember = 3;
constexpr unsigned char kErrorName = 4;
constexpr unsigned char kReplySerial = 5;
constexpr unsigned char kDestination = 6;
constexpr unsigned char kSignature = 8;

[[noreturn]] void refuse(std::string_view problem) {
  throw SystemError(EBADMSG, concat("message of the system bus: ", problem));
}

std::size_t aligned(std::size_t offset, std::size_t to) { return (offset + to - 1) / to * to; }

class Writer {
 public:
  void byte(unsigned char value) { bytes_.push_back(value); }
  void align(std::size_t to) { bytes_.resize(aligned(bytes_.size(), to)); }
  void number(std::uint32_t value) {
    align(sizeof value);
    const auto raw = std::bit_cast<std::array<unsigned char, sizeof value>>(value);
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
  }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    put(value);
  }
  void signature(std::string_view value) {
    byte(static_cast<unsigned char>(value.size()));
    put(value);
  }
  void field(unsigned char code, std::string_view type, std::string_view value) {
    align(kFieldAlignment);
    byte(code);
    signature(type);
    type == "g" ? signature(value) : text(value);
  }
  void set_number(std::size_t offset, std::size_t value) {
    const auto number = static_cast<std::uint32_t>(value);
    std::memcpy(&bytes_[offset], &number, sizeof number);
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] Bytes take() { return std::move(bytes_); }

 private:
  void put(std::string_view value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    byte(0);
  }

  Bytes bytes_;
};

// Each function throws when the bytes do not suffice.
class Reader {
 public:
  Reader(std::span<const unsigned char> bytes, std::size_t at) : bytes_(bytes), at_(at) {
    if (bytes.empty() || (bytes[0] != 'l' && bytes[0] != 'B')) {
      refuse("unknown byte order");
    }
    swapped_ = bytes[0] != kNativeOrder;
  }
  [[nodiscard]] std::size_t at() const { return at_; }
  void align(std::size_t to) {
    const std::size_t next = aligned(at_, to);
    skip(next - at_);
  }
  std::span<const unsigned char> skip(std::size_t count) {
    if (count > bytes_.size() - at_) {
      refuse("ends too early");
    }
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }
  unsigned char byte() { return skip(1)[0]; }
  std::uint32_t number() {
    align(sizeof(std::uint32_t));
    std::uint32_t value = 0;
    std::memcpy(&value, skip(sizeof value).data(), sizeof value);
    return swapped_ ? __builtin_bswap32(value) : value;
  }
  std::string text() { return terminated(number()); }
  std::string signature() { return terminated(byte()); }
  // A value of one of the types that fields of a header have.
  std::string value(char type) {
    switch (type) {
      case 's':
      case 'o':
        return text();
      case 'g':
        return signature();
      case 'y':
        byte();
        return {};
      case 'u':
      case 'i':
      case 'b':
      case 'h':
        (void)number();
        return {};
      default:
        refuse(concat("header field of type ", linnet::quoted(std::string_view(&type, 1))));
    }
  }

 private:
  std::string terminated(std::size_t length) {
    const auto content = skip(length);
    if (byte() != 0) {
      refuse("text without its end");
    }
    return {content.begin(), content.end()};
  }

  std::span<const unsigned char> bytes_;
  std::size_t at_;
  bool swapped_ = false;
};

void read_field(Reader& reader, Message& message) {
  reader.align(kFieldAlignment);
  const unsigned char code = reader.byte();
  const std::string type = reader.signature();
  if (type.size() != 1) {
    refuse("header field of several values");
  }
  if (code == kReplySerial) {
    if (type != "u") {
      refuse("serial that is no number");
    }
    message.reply_serial = reader.number();
    return;
  }
  std::string value = reader.value(type[0]);
  if (code == kErrorName) {
    message.error_name = std::move(value);
  } else if (code == kSignature) {
    message.signature = std::move(value);
  }
}

}  // namespace

Bytes encode(const Call& call, std::uint32_t serial) {
  constexpr std::size_t kBodyLengthAt = 4;
  constexpr std::size_t kFieldsLengthAt = 12;
  Writer writer;
  writer.byte(kNativeOrder);
  writer.byte(static_cast<unsigned char>(MessageType::kCall));
  writer.byte(kNoAutoStart);
  writer.byte(kVersion);
  writer.number(0);
  writer.number(serial);
  writer.number(0);
  writer.field(kPath, "o", call.path);
  writer.field(kInterface, "s", call.interface);
  writer.field(kMember, "s", call.member);
  writer.field(kDestination, "s", call.destination);
  if (!call.arguments.empty()) {
    writer.field(kSignature, "g", std::string(call.arguments.size(), 's'));
  }
  writer.set_number(kFieldsLengthAt, writer.size() - kFixedHeader);
  writer.align(kFieldAlignment);
  const std::size_t body = writer.size();
  for (const std::string& argument : call.arguments) {
    writer.text(argument);
  }
  writer.set_number(kBodyLengthAt, writer.size() - body);
  return writer.take();
}

std::size_t size_of_message(std::span<const unsigned char> start) {
  Reader reader(start, 1);
  reader.skip(2);
  if (const unsigned char version = reader.byte(); version != kVersion) {
    refuse(concat("version ", static_cast<unsigned>(version)));
  }
  const std::size_t body = reader.number();
  (void)reader.number();
  const std::size_t fields = reader.number();
  const std::size_t size = aligned(kFixedHeader + fields, kFieldAlignment) + body;
  if (size > kLargestMessage) {
    refuse(concat(size, " bytes, more than ", kLargestMessage));
  }
  return size;
}

Message decode(std::span<const unsigned char> bytes) {
  if (size_of_message(bytes) != bytes.size()) {
    refuse("of another length than it says");
  }
  Message message;
  message.type = static_cast<MessageType>(bytes[1]);
  constexpr std::size_t kFieldsLengthAt = 12;
  Reader reader(bytes, kFieldsLengthAt);
  const std::size_t end = kFixedHeader + reader.number();
  while (reader.at() < end) {
    read_field(reader, message);
  }
  if (reader.at() != end) {
    refuse("header field past the end of the header");
  }
  reader.align(kFieldAlignment);
  if (message.signature.starts_with('s')) {
    message.text = reader.text();
  } else if (message.signature.starts_with('b')) {
    message.truth = reader.number() != 0;
  }
  return message;
}

}  // namespace linnet::firewall::dbus
