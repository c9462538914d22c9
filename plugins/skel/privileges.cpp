#include "plugins/skel/privileges.h"

#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace linnet::skel {

namespace {

// Capabilities 0 to 31, and 32 to 63.
using Halves = std::array<__user_cap_data_struct, 2>;

// By number: only libcap has functions for them.
bool get_capabilities(Halves& halves) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  return ::syscall(SYS_capget, &header, halves.data()) == 0;
}

bool set_capabilities(const Halves& halves) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  return ::syscall(SYS_capset, &header, halves.data()) == 0;
}

// The kernel gives root what it executes anew, and takes an ambient capability with the permitted one.
bool keeps_permitted(Executes executes) {
  return executes == Executes::kOthers && ::getauxval(AT_EUID) != 0;
}

}  // namespace

void keep_only(Capabilities needed, Executes executes) {
  Halves halves{};
  bool done = get_capabilities(halves);
  if (done) {
    std::uint64_t bits = needed.bits();
    for (__user_cap_data_struct& half : halves) {
      const auto kept = static_cast<std::uint32_t>(bits);
      half.effective &= kept;
      half.permitted &= keeps_permitted(executes) ? ~0U : kept;
      bits >>= 32U;
    }
    done = set_capabilities(halves);
  }
  if (!done) {
    log_warning(concat("the plugin keeps capabilities that it does not need: ", errno_text(errno)));
  }
  if (executes == Executes::kNothing && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    log_warning(concat("what the plugin gave up could be gained again: ", errno_text(errno)));
  }
}

}  // namespace linnet::skel
