// The privileges that a plugin keeps, of those that the runtime started it with.
#pragma once

#include <linux/capability.h>

#include <cstdint>
#include <initializer_list>

namespace linnet::skel {

// A set of capabilities (capabilities(7)), by the numbers of linux/capability.h.
class Capabilities {
 public:
  constexpr Capabilities() = default;
  constexpr Capabilities(std::initializer_list<unsigned> numbers) {
    for (const unsigned number : numbers) {
      bits_ |= std::uint64_t{1} << number;
    }
  }
  [[nodiscard]] constexpr std::uint64_t bits() const { return bits_; }
  constexpr void add(Capabilities other) { bits_ |= other.bits_; }

 private:
  std::uint64_t bits_ = 0;
};

// Looking at a namespace under /proc/PID/ns, whose process may have more capabilities or another user, or in
// a folder of another user; and entering it.
inline constexpr Capabilities kContainerCapabilities = {CAP_NET_ADMIN, CAP_SYS_ADMIN,
                                                        CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};

// host-local runs within an interface plugin: its folder may be another user's. So may that of an IPAM
// plugin that is executed.
inline constexpr Capabilities kInterfaceCapabilities = {
    CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_OVERRIDE, CAP_FOWNER};

// Whether a plugin executes programs that are not its own.
enum class Executes { kNothing, kOthers };

// Gives up every capability of this process but `needed`, for good. What such a program executes is not
// limited by it: the bounding set stays, from which the kernel gives root all capabilities anew; a user
// who is not root keeps them permitted (and ambient, which is what a program gets), and only the plugin
// itself has no use of them. A plugin that executes nothing can gain none either (no_new_privs, which
// would limit what is executed). What the kernel refuses is a warning.
void keep_only(Capabilities needed, Executes executes);

}  // namespace linnet::skel
