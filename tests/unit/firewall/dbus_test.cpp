// Messages of D-Bus: what is sent, what is understood, and what is refused.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <span>
#include <string>

#include "base/error.h"
#include "plugins/meta/firewall/dbus_message.h"
#include "plugins/meta/firewall/isolation.h"
#include "plugins/meta/firewall/system_bus.h"
#include "tests/support/temp_folder.h"

namespace linnet::test {
namespace {

using namespace std::string_literals;
using firewall::dbus::Bytes;
using firewall::dbus::Call;
using firewall::dbus::Message;
using firewall::dbus::MessageType;
using testing::ElementsAre;
using testing::HasSubstr;

Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

// What dbus-daemon 1.14 answered to NameHasOwner of a name that somebody has.
const std::string kYes =
    "l\2\1\1\4\0\0\0\3\0\0\0=\0\0\0"
    "\6\1s\0\5\0\0\0:1.12\0\0\0\5\1u\0\2\0\0\0\10\1g\0\1b\0\0\7\1s\0\24\0\0\0org.freedesktop.DBus\0\0\0\0"
    "\1\0\0\0"s;
// The error of firewalld for a source that is there already, the other byte order.
const std::string kAlreadySet =
    "B\3\1\1\0\0\0\25\0\0\0\11\0\0\0\103"
    "\4\1s\0\0\0\0\47org.fedoraproject.FirewallD1.Exception\0\0\5\1u\0\0\0\0\3\10\1g\0\1s\0"
    "\0\0\0\0\0\0\0\20ZONE_ALREADY_SET\0"s;

std::string refusal(const std::string& message) {
  try {
    (void)firewall::dbus::decode(bytes_of(message));
    return "";
  } catch (const SystemError& error) {
    return error.what();
  }
}

std::string with_byte(std::string message, std::size_t at, char value) {
  message[at] = value;
  return message;
}

}  // namespace
}  // namespace linnet::test
