// How fast bytes really flow between two namespaces, over TCP.
#pragma once

#include <cstdint>
#include <string>

namespace linnet::test {

struct Flow {
  std::string from;         // namespace of the sender, "" is the host
  std::string to;           // of the receiver, which has `address`
  std::string address;      // IPv4
  std::uint64_t skip = 0;   // bytes at the beginning that are not measured: a burst
  std::uint64_t count = 0;  // bytes that are measured
};

// Payload in bits a second.
[[nodiscard]] double measure_rate(const Flow& flow);

}  // namespace linnet::test
