// What firewalld's side of the system bus sends, and the address that the environment gives it.
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "plugins/meta/firewall/dbus_message.h"
#include "plugins/meta/firewall/system_bus.h"

using namespace linnet;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  // Exactly as large as the message, so that reading one byte past it is noticed.
  const std::unique_ptr<unsigned char[]> bytes(new unsigned char[size]);
  if (size != 0) {
    std::memcpy(bytes.get(), data, size);
  }
  const std::span<const unsigned char> message(bytes.get(), size);
  try {
    if (size >= firewall::dbus::kFixedHeader &&
        firewall::dbus::size_of_message(message.first(firewall::dbus::kFixedHeader)) >
            firewall::dbus::kLargestMessage) {
      std::abort();
    }
    static_cast<void>(firewall::dbus::decode(message));
  } catch (const SystemError&) {
  }
  static_cast<void>(firewall::sockets_of({reinterpret_cast<const char*>(data), size}));
  return 0;
}
