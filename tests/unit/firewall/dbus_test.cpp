// Messages of D-Bus: what is sent, what is understood, and what is refused.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <span>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "plugins/meta/firewall/dbus_message.h"
#include "plugins/meta/firewall/isolation.h"
#include "plugins/meta/firewall/system_bus.h"

namespace linnet::test {
namespace {

using firewall::dbus::Bytes;
using firewall::dbus::Message;
using firewall::dbus::MessageType;
using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The three messages are those that libdbus 1.14 writes for the same content.
constexpr std::string_view kCall =
    "6c0102011d000000020000005800000001016f00020000002f61000000000000060173000a000000"
    "612e4669726577616c6c0000000000000201730006000000612e7a6f6e6500000301730009000000"
    "616464536f757263650000000000000008016700027373000700000074727573746564000c000000"
    "31302e32322e302e322f333200";
constexpr std::string_view kYes =
    "6c02010104000000030000003f000000050175000200000007017300140000006f72672e66726565"
    "6465736b746f702e444275730000000006017300050000003a312e31320000000801670001620000"
    "01000000";
constexpr std::string_view kAlreadySet =
    "6c0301011c000000090000004d00000004017300260000006f72672e6665646f726170726f6a6563"
    "742e4669726577616c6c44312e457863657074696f6e000005017500020000000801670001730000"
    "07017300040000003a312e3300000000170000005a4f4e455f414c52454144595f5345543a206167"
    "61696e00";
// The answer "no" in the other byte order.
constexpr std::string_view kNoBigEndian =
    "4202010100000004000000030000000f050175000000000208016700016200000000000000";

Bytes bytes_of(std::string_view hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 2 <= hex.size(); i += 2) {
    bytes.push_back(*parse_number<unsigned char>(hex.substr(i, 2), 16));
  }
  return bytes;
}

std::string refusal(const Bytes& bytes) {
  try {
    (void)firewall::dbus::decode(bytes);
    return "accepted";
  } catch (const SystemError& error) {
    EXPECT_EQ(error.code(), EBADMSG);
    return error.what();
  }
}

// kYes with another byte.
std::string refusal_with(std::size_t at, unsigned char value) {
  Bytes bytes = bytes_of(kYes);
  bytes.at(at) = value;
  return refusal(bytes);
}

TEST(DbusMessage, OneOfTextsIsWrittenAsLibdbusDoes) {
  const firewall::dbus::Call call = {.destination = "a.Firewall",
                                     .path = "/a",
                                     .interface = "a.zone",
                                     .member = "addSource",
                                     .arguments = {"trusted", "10.22.0.2/32"}};
  Bytes sent = firewall::dbus::encode(call, 2);
  EXPECT_EQ(firewall::dbus::size_of_message(sent), sent.size());
  EXPECT_EQ(sent.size(), bytes_of(kCall).size());
  // Header fields have no order: ours are path, interface, member, destination.
  const auto count = [](const Bytes& bytes, unsigned char value) {
    return std::ranges::count(bytes, value);
  };
  for (unsigned value = 0; value < 256; ++value) {
    const auto byte = static_cast<unsigned char>(value);
    EXPECT_EQ(count(sent, byte), count(bytes_of(kCall), byte)) << value;
  }
  EXPECT_EQ(Bytes(sent.begin(), sent.begin() + 16), bytes_of(kCall.substr(0, 32)));
  EXPECT_EQ(Bytes(sent.end() - 29, sent.end()), bytes_of(kCall.substr(kCall.size() - 58)));
}

TEST(DbusMessage, AnAnswerIsRead) {
  const Message yes = firewall::dbus::decode(bytes_of(kYes));
  EXPECT_EQ(yes.type, MessageType::kReturn);
  EXPECT_EQ(yes.reply_serial, 2U);
  EXPECT_EQ(yes.signature, "b");
  EXPECT_TRUE(yes.truth);
  const Message error = firewall::dbus::decode(bytes_of(kAlreadySet));
  EXPECT_EQ(error.type, MessageType::kError);
  EXPECT_EQ(error.reply_serial, 2U);
  EXPECT_EQ(error.error_name, "org.fedoraproject.FirewallD1.Exception");
  EXPECT_EQ(error.text, "ZONE_ALREADY_SET: again");
}

TEST(DbusMessage, TheOtherByteOrderIsRead) {
  Bytes no = bytes_of(kNoBigEndian);
  no.resize(32 + 4);
  const Message message = firewall::dbus::decode(no);
  EXPECT_EQ(message.reply_serial, 2U);
  EXPECT_EQ(message.signature, "b");
  EXPECT_FALSE(message.truth);
}

TEST(DbusMessage, WhatIsNoneIsRefused) {
  EXPECT_THAT(refusal({}), HasSubstr("byte order"));
  EXPECT_THAT(refusal({'l'}), HasSubstr("ends too early"));
  EXPECT_THAT(refusal_with(0, 'x'), HasSubstr("byte order"));
  EXPECT_THAT(refusal_with(3, 2), HasSubstr("version 2"));
  EXPECT_THAT(refusal_with(4, 5), HasSubstr("another length"));
  EXPECT_THAT(refusal_with(7, 0xff), HasSubstr("more than 1048576"));
  EXPECT_THAT(refusal_with(15, 0xff), HasSubstr("more than 1048576"));
  EXPECT_THAT(refusal_with(17, 2), HasSubstr("without its end"));
  EXPECT_THAT(refusal_with(18, 's'), HasSubstr("serial that is no number"));
  EXPECT_THAT(refusal_with(26, 'v'), HasSubstr("header field of type \"v\""));
  EXPECT_THAT(refusal_with(28, 0x13), HasSubstr("without its end"));
  EXPECT_THAT(refusal_with(31, 0xff), HasSubstr("ends too early"));
  EXPECT_THAT(refusal_with(52, 'x'), HasSubstr("without its end"));
}

// Sanitizers watch that none of them is read past its end.
TEST(DbusMessage, EveryTruncationAndEveryChangedByteIsReadOrRefused) {
  for (const std::string_view message : {kYes, kAlreadySet}) {
    const Bytes whole = bytes_of(message);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_NE(refusal(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))),
                "accepted");
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const unsigned value : {0U, 1U, 0x7fU, 0xffU}) {
        Bytes changed = whole;
        changed[at] = static_cast<unsigned char>(value);
        (void)refusal(changed);
      }
    }
  }
}

TEST(SystemBus, AddressesNameSockets) {
  using firewall::sockets_of;
  EXPECT_THAT(sockets_of("unix:path=/run/dbus/socket"), ElementsAre("/run/dbus/socket"));
  EXPECT_THAT(sockets_of("unix:guid=12,path=/a%20b;tcp:host=x;unix:abstract=name,guid=1"),
              ElementsAre("/a b", std::string("\0name", 5)));
  EXPECT_THAT(sockets_of("unix:path=/a%2;unix:path=;unix:dir=/tmp;unix;;unix:path"), IsEmpty());
  EXPECT_THAT(sockets_of("unix:path=%zz"), IsEmpty());
}

TEST(SystemBus, ThereIsNoneWhereNobodyListens) {
  ::setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/socket", 1);
  EXPECT_FALSE(firewall::SystemBus::find());
  ::setenv("DBUS_SYSTEM_BUS_ADDRESS", "tcp:host=localhost", 1);
  EXPECT_THROW((void)firewall::SystemBus::find(), SystemError);
  ::setenv("DBUS_SYSTEM_BUS_ADDRESS", ("unix:path=/" + std::string(200, 'x')).c_str(), 1);
  EXPECT_THROW((void)firewall::SystemBus::find(), SystemError);
  ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

// A bus on an abstract socket that takes one client, reads its greeting, and answers with bytes of the test's; then it
// hangs up, or waits for the client to do so.
class FakeBus {
 public:
  enum class Then { kHangsUp, kWaits };

  explicit FakeBus(std::string answer, Then then = Then::kHangsUp)
      : listening_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const std::string name = "linnet-fake-bus-" + std::to_string(::getpid());
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::ranges::copy(name, address.sun_path + 1);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    EXPECT_EQ(::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(listening_.get(), 1), 0);
    ::setenv("DBUS_SYSTEM_BUS_ADDRESS", ("unix:abstract=" + name).c_str(), 1);
    serving_ = std::jthread([this, answer = std::move(answer), then] { serve(answer, then); });
  }
  ~FakeBus() { ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS"); }
  FakeBus(const FakeBus&) = delete;
  FakeBus& operator=(const FakeBus&) = delete;

 private:
  void serve(const std::string& answer, Then then) const {
    const UniqueFd client(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char bytes[4096];
    (void)::recv(client.get(), bytes, sizeof bytes, 0);
    (void)::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    while (then == Then::kWaits && ::recv(client.get(), bytes, sizeof bytes, 0) > 0) {
    }
  }

  UniqueFd listening_;
  std::jthread serving_;
};

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

std::string greeting_error(const std::string& answer,
                           FakeBus::Then then = FakeBus::Then::kHangsUp) {
  const FakeBus bus(answer, then);
  return error_of([] { (void)firewall::SystemBus::find(); });
}

TEST(SystemBus, AGreetingThatIsNoneIsAnError) {
  EXPECT_THAT(greeting_error(""), HasSubstr("hung up"));
  EXPECT_THAT(greeting_error("OK 12"), HasSubstr("hung up"));
  EXPECT_THAT(greeting_error("REJECTED EXTERNAL\r\n"),
              AllOf(HasSubstr("refuses uid"), HasSubstr("REJECTED EXTERNAL")));
  EXPECT_THAT(greeting_error("HTTP/1.1 400 Bad Request\r\n"), HasSubstr("refuses uid"));
  EXPECT_THAT(greeting_error(std::string(2000, 'x'), FakeBus::Then::kWaits),
              HasSubstr("no end of line"));
}

TEST(SystemBus, ABusThatSaysNothingIsGivenUp) {
  EXPECT_THAT(greeting_error("", FakeBus::Then::kWaits), HasSubstr("wait for the system bus"));
}

std::string call_error(const std::string& answer, FakeBus::Then then = FakeBus::Then::kWaits) {
  const FakeBus fake("OK 0123456789abcdef\r\n" + answer, then);
  auto bus = firewall::SystemBus::find();
  return error_of([&] {
    (void)bus->call(
        {.destination = "d", .path = "/", .interface = "i.i", .member = "m", .arguments = {}},
        std::chrono::milliseconds(200));
  });
}

TEST(SystemBus, AnAnswerThatIsNoneIsAnError) {
  const auto text_of = [](const Bytes& bytes) { return std::string(bytes.begin(), bytes.end()); };
  const std::string yes = text_of(bytes_of(kYes));
  EXPECT_EQ(call_error(yes), "");
  EXPECT_THAT(call_error("", FakeBus::Then::kHangsUp),
              AnyOf(HasSubstr("hung up"), HasSubstr("system bus")));
  EXPECT_THAT(call_error(""), HasSubstr("wait for the system bus"));
  EXPECT_THAT(call_error(yes.substr(0, 20)), HasSubstr("wait for the system bus"));
  EXPECT_THAT(call_error(std::string(64, '\xff')), HasSubstr("byte order"));
  EXPECT_THAT(call_error("l\2\1\1" + std::string(12, '\x7f')), HasSubstr("more than 1048576"));
  // Another call's answer is none.
  std::string other = yes;
  other[20] = 77;
  EXPECT_THAT(call_error(other), HasSubstr("wait for the system bus"));
}

TEST(FirewallRecord, NamesTheZoneOfAnAddress) {
  const attach::Attachment owner = {.network = "n", .container_id = "c", .ifname = "eth0"};
  const std::string comment = attach::owner_comment(owner);
  const std::string key = attach::owner_key(owner);
  const auto source = [](const std::string& text, Bytes address) {
    return firewall::recorded_source({{}, "", {.key = std::move(address), .comment = text}});
  };
  const Bytes address = {10, 22, 0, 2};
  EXPECT_FALSE(source(comment, address));
  EXPECT_FALSE(source("", address));
  EXPECT_FALSE(source(", zone: trusted", address));
  EXPECT_FALSE(source(key + ", zone: trusted", {'c', 'n', 'i', '0', 0}));
  const auto found = source(key + ", zone: trusted, net: n", address);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->zone, "trusted");
  EXPECT_EQ(found->address.text(), "10.22.0.2");
}

}  // namespace
}  // namespace linnet::test
