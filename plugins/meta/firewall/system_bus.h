// A connection to the system bus of D-Bus, as root.
// Source: D-Bus specification 0.43, "Authentication Protocol", "Server Addresses", "Message Bus Messages".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "plugins/meta/firewall/dbus_message.h"

namespace linnet::firewall {

// The sockets that an address of D-Bus names, as sun_path has them (an abstract one starts with NUL):
// "unix:path=…" and "unix:abstract=…", separated by ';'. Entries of another kind are left out.
[[nodiscard]] std::vector<std::string> sockets_of(std::string_view address);

class SystemBus {
 public:
  // Connects to DBUS_SYSTEM_BUS_ADDRESS, else /run/dbus/system_bus_socket. Absent when nobody listens there:
  // that costs three system calls. Throws SystemError for a bus that does not let us in.
  [[nodiscard]] static std::optional<SystemBus> find();

  // The answer, which may be an error (MessageType::kError). Throws SystemError when there is none within `limit`;
  // the connection is of no use after that.
  [[nodiscard]] dbus::Message call(const dbus::Call& call, std::chrono::milliseconds limit);

 private:
  using Time = std::chrono::steady_clock::time_point;

  explicit SystemBus(UniqueFd socket) : socket_(std::move(socket)) {}
  void authenticate();
  void wait_for(short events, Time deadline) const;
  void send(std::string_view bytes, Time deadline) const;
  void receive(Time deadline);
  [[nodiscard]] dbus::Message next_message(Time deadline);

  UniqueFd socket_;
  std::string unsent_;
  dbus::Bytes received_;
  std::uint32_t serial_ = 0;
};

}  // namespace linnet::firewall
