#include "plugins/tap/device.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace linnet::tap {

namespace {

constexpr std::string_view kMakerMode = "--make-tap";
constexpr std::string_view kNobody = "-";

std::string id_text(const std::optional<std::uint32_t>& id) {
  return id ? concat(*id) : std::string(kNobody);
}

// Absent for text that is neither a number nor the sign for none.
std::optional<std::optional<std::uint32_t>> parse_id(std::string_view text) {
  if (text == kNobody) {
    return std::optional<std::uint32_t>();
  }
  const std::optional<std::uint32_t> id = parse_number<std::uint32_t>(text);
  if (!id) {
    return std::nullopt;
  }
  return std::optional<std::optional<std::uint32_t>>(id);
}

void set_option(int fd, unsigned long option, unsigned long value, const std::string& what) {
  if (::ioctl(fd, option, value) != 0) {
    throw SystemError(errno, what);
  }
}

// Never returns. Between fork(2) and execve(2): nothing here may throw or allocate.
[[noreturn]] void become_maker(int netns, const std::string& context, char* const* arguments) {
  const auto fail = [] { ::_exit(errno); };
  if (::setns(netns, CLONE_NEWNET) != 0) {
    fail();
  }
  const int attribute = ::open("/proc/thread-self/attr/exec", O_WRONLY | O_CLOEXEC);
  if (attribute < 0 ||
      ::write(attribute, context.data(), context.size()) != static_cast<ssize_t>(context.size())) {
    fail();
  }
  ::execv("/proc/self/exe", arguments);
  ::_exit(errno);
}

}  // namespace

void make_tap(const TapDevice& device) {
  const UniqueFd tun = open_file("/dev/net/tun", O_RDWR);
  ifreq request{};
  device.name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
                                         (device.multi_queue ? IFF_MULTI_QUEUE : 0));
  // A device of that name would be opened instead.
  request.ifr_flags = static_cast<short>(request.ifr_flags | static_cast<short>(IFF_TUN_EXCL));
  if (::ioctl(tun.get(), TUNSETIFF, &request) != 0) {
    throw SystemError(errno, concat("create tap ", device.name));
  }
  if (device.owner) {
    set_option(tun.get(), TUNSETOWNER, *device.owner,
               concat("make user ", *device.owner, " the owner of tap ", device.name));
  }
  if (device.group) {
    set_option(tun.get(), TUNSETGROUP, *device.group,
               concat("make ", *device.group, " the group of tap ", device.name));
  }
  // Until here it goes with the descriptor.
  set_option(tun.get(), TUNSETPERSIST, 1, concat("make tap ", device.name, " persistent"));
}

void make_labelled_tap(netlink::Sandbox& sandbox, const TapDevice& device,
                       const std::string& context) {
  std::array<std::string, 6> words = {"tap",
                                      std::string(kMakerMode),
                                      device.name,
                                      device.multi_queue ? "multi" : "single",
                                      id_text(device.owner),
                                      id_text(device.group)};
  std::array<char*, words.size() + 1> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) {
    arguments[i] = words[i].data();
  }
  const std::string what =
      concat("create tap ", device.name, " with the SELinux context ", linnet::quoted(context),
             " (which SELinux on this host has to know)");
  const pid_t child = ::fork();
  if (child < 0) {
    throw SystemError(errno, what);
  }
  if (child == 0) {
    become_maker(sandbox.netns().fd(), context, arguments.data());
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      throw SystemError(errno, what);
    }
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw SystemError(WIFEXITED(status) ? WEXITSTATUS(status) : EIO, what);
  }
}

std::optional<int> run_as_maker(std::span<const char* const> arguments) {
  constexpr std::size_t kWords = 6;
  if (arguments.size() < 2 || arguments[1] != kMakerMode) {
    return std::nullopt;
  }
  if (arguments.size() != kWords) {
    return EINVAL;
  }
  const auto owner = parse_id(arguments[4]);
  const auto group = parse_id(arguments[5]);
  if (!owner || !group) {
    return EINVAL;
  }
  try {
    make_tap({.name = arguments[2],
              .multi_queue = std::string_view(arguments[3]) == "multi",
              .owner = *owner,
              .group = *group});
    return 0;
  } catch (const SystemError& error) {
    log_warning(error.what());
    return error.code();
  }
}

}  // namespace linnet::tap
