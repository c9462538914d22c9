#include "plugins/meta/firewall/system_bus.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace linnet::firewall {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr const char* kDefaultSocket = "/run/dbus/system_bus_socket";
constexpr milliseconds kGreetingLimit{5000};
constexpr std::size_t kLongestGreeting = 1024;
constexpr std::uint32_t kHelloSerial = 1;

std::optional<std::string> unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain.push_back(text[i]);
      continue;
    }
    const auto byte = parse_number<unsigned char>(text.substr(i + 1, 2), 16);
    if (!byte || text.size() < i + 3) {
      return std::nullopt;
    }
    plain.push_back(static_cast<char>(*byte));
    i += 2;
  }
  return plain;
}

// A full queue of a busy bus is waited for, which connect(2) does on a blocking socket only.
int connect_within_limit(int fd, const sockaddr_un& address, socklen_t length) {
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(fd, name, length) == 0) {
    return 0;
  }
  if (errno != EAGAIN) {
    return errno;
  }
  const timeval limit = {.tv_sec = kGreetingLimit.count() / 1000, .tv_usec = 0};
  if (::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
      ::fcntl(fd, F_SETFL, 0) != 0 || ::connect(fd, name, length) != 0) {
    return errno;
  }
  return 0;
}

// Not open when nobody listens.
UniqueFd connect_to(const std::string& socket_name) {
  sockaddr_un address = {};
  if (socket_name.size() >= sizeof address.sun_path) {
    throw SystemError(ENAMETOOLONG, concat("connect to system bus ", linnet::quoted(socket_name)));
  }
  address.sun_family = AF_UNIX;
  std::ranges::copy(socket_name, address.sun_path);
  const bool abstract = socket_name.starts_with('\0');
  const std::size_t length =
      offsetof(sockaddr_un, sun_path) + socket_name.size() + (abstract ? 0 : 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    throw SystemError(errno, "make a socket for the system bus");
  }
  const int error = connect_within_limit(fd.get(), address, static_cast<socklen_t>(length));
  if (error == ENOENT || error == ECONNREFUSED) {
    return {};
  }
  if (error != 0) {
    throw SystemError(error, concat("connect to system bus ", linnet::quoted(socket_name)));
  }
  return fd;
}

std::string_view as_text(const dbus::Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::vector<std::string> sockets_of(std::string_view address) {
  std::vector<std::string> sockets;
  for (const std::string& entry : split(address, ';')) {
    constexpr std::string_view kUnix = "unix:";
    if (!entry.starts_with(kUnix)) {
      continue;
    }
    for (const std::string& pair : split(std::string_view(entry).substr(kUnix.size()), ',')) {
      const std::size_t equals = pair.find('=');
      const std::string key = pair.substr(0, equals);
      if (equals == std::string::npos || (key != "path" && key != "abstract")) {
        continue;
      }
      const auto name = unescaped(std::string_view(pair).substr(equals + 1));
      if (name && !name->empty()) {
        sockets.push_back(key == "path" ? *name : std::string(1, '\0') + *name);
      }
    }
  }
  return sockets;
}

std::optional<SystemBus> SystemBus::find() {
  const char* const variable = std::getenv("DBUS_SYSTEM_BUS_ADDRESS");
  const std::string_view address = variable == nullptr ? "" : variable;
  const std::vector<std::string> sockets =
      address.empty() ? std::vector<std::string>{kDefaultSocket} : sockets_of(address);
  if (sockets.empty()) {
    throw SystemError(EPROTONOSUPPORT, concat("DBUS_SYSTEM_BUS_ADDRESS=", linnet::quoted(address),
                                              ": expected unix:path=… or unix:abstract=…"));
  }
  for (const std::string& socket_name : sockets) {
    if (UniqueFd fd = connect_to(socket_name)) {
      SystemBus bus(std::move(fd));
      bus.authenticate();
      return bus;
    }
  }
  return std::nullopt;
}

// The name is asked for together with the first call.
void SystemBus::authenticate() {
  const Time deadline = Clock::now() + kGreetingLimit;
  const std::string uid = concat(::geteuid());
  const std::span<const unsigned char> digits(reinterpret_cast<const unsigned char*>(uid.data()),
                                              uid.size());
  send(concat('\0', "AUTH EXTERNAL ", to_hex(digits), "\r\n"), deadline);
  std::size_t end = std::string_view::npos;
  while ((end = as_text(received_).find("\r\n")) == std::string_view::npos) {
    if (received_.size() > kLongestGreeting) {
      throw SystemError(EBADMSG, "greeting of the system bus: no end of line");
    }
    receive(deadline);
  }
  const std::string greeting(as_text(received_).substr(0, end));
  if (!greeting.starts_with("OK ")) {
    throw SystemError(
        EACCES, concat("system bus refuses uid ", uid, ", it says ", linnet::quoted(greeting)));
  }
  received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(end) + 2);
  const dbus::Bytes hello = dbus::encode({.destination = "org.freedesktop.DBus",
                                          .path = "/org/freedesktop/DBus",
                                          .interface = "org.freedesktop.DBus",
                                          .member = "Hello",
                                          .arguments = {}},
                                         serial_ = kHelloSerial);
  unsent_ = concat("BEGIN\r\n", as_text(hello));
}

dbus::Message SystemBus::call(const dbus::Call& call, milliseconds limit) {
  const Time deadline = Clock::now() + limit;
  const std::uint32_t serial = ++serial_;
  send(concat(std::exchange(unsent_, {}), as_text(dbus::encode(call, serial))), deadline);
  while (true) {
    dbus::Message message = next_message(deadline);
    const bool error = message.type == dbus::MessageType::kError;
    if (error && message.reply_serial == kHelloSerial) {
      throw SystemError(EACCES, concat("system bus gives no name: ", message.error_name, ": ",
                                       linnet::quoted(message.text)));
    }
    if (message.reply_serial == serial && (error || message.type == dbus::MessageType::kReturn)) {
      return message;
    }
  }
}

void SystemBus::wait_for(short events, Time deadline) const {
  pollfd descriptor = {.fd = socket_.get(), .events = events, .revents = 0};
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    const int ready = left <= 0 ? 0 : ::poll(&descriptor, 1, static_cast<int>(left));
    if (ready > 0) {
      return;
    }
    if (ready == 0) {
      throw SystemError(ETIMEDOUT, "wait for the system bus");
    }
    if (errno != EINTR) {
      throw SystemError(errno, "wait for the system bus");
    }
  }
}

void SystemBus::send(std::string_view bytes, Time deadline) const {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      wait_for(POLLOUT, deadline);
    } else if (errno != EINTR) {
      throw SystemError(errno, "send to the system bus");
    }
  }
}

void SystemBus::receive(Time deadline) {
  wait_for(POLLIN, deadline);
  std::array<unsigned char, 4096> chunk;
  const ssize_t count = ::recv(socket_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (count == 0) {
    throw SystemError(ECONNRESET, "the system bus hung up");
  }
  if (count > 0) {
    received_.insert(received_.end(), chunk.begin(), chunk.begin() + count);
  } else if (errno != EINTR && errno != EAGAIN) {
    throw SystemError(errno, "receive from the system bus");
  }
}

dbus::Message SystemBus::next_message(Time deadline) {
  std::size_t size = dbus::kFixedHeader;
  bool known = false;
  while (true) {
    if (!known && received_.size() >= dbus::kFixedHeader) {
      size = dbus::size_of_message(std::span(received_).first(dbus::kFixedHeader));
      known = true;
    }
    if (known && received_.size() >= size) {
      break;
    }
    receive(deadline);
  }
  dbus::Message message = dbus::decode(std::span(received_).first(size));
  received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(size));
  return message;
}

}  // namespace linnet::firewall
