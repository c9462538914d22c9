#include "netlink/listeners.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "netlink/internal/attributes.h"
#include "netlink/internal/parse.h"

namespace linnet::netlink {

namespace {

// Numbers of enum tcp_states in the kernel's net/tcp_states.h, which all protocols share.
constexpr unsigned kClose = 7;
constexpr unsigned kListen = 10;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

Folder open_folder(int parent, const char* name) {
  UniqueFd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* folder = fd ? ::fdopendir(fd.get()) : nullptr;
  if (folder != nullptr) {
    static_cast<void>(fd.release());
  }
  return Folder(folder);
}

bool has_socket(int process, const std::string& link) {
  const Folder folder = open_folder(process, "fd");
  if (!folder) {
    return false;
  }
  std::array<char, 64> target{};
  while (const dirent* entry = ::readdir(folder.get())) {
    const ssize_t length =
        ::readlinkat(::dirfd(folder.get()), entry->d_name, target.data(), target.size());
    if (length > 0 && std::string_view(target.data(), static_cast<std::size_t>(length)) == link) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<Listener> parse_listener(const nlmsghdr* message, std::uint8_t protocol) {
  if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
      mnl_nlmsg_get_payload_len(message) < sizeof(inet_diag_msg)) {
    return std::nullopt;
  }
  const auto* header = static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(message));
  const bool ipv4 = header->idiag_family == AF_INET;
  const auto* bytes = reinterpret_cast<const unsigned char*>(header->id.idiag_src);
  const auto address = IpAddress::from_bytes({bytes, ipv4 ? std::size_t{4} : std::size_t{16}});
  const Attributes<INET_DIAG_MAX> attributes(message, sizeof *header);
  const bool only_ipv6 = attributes.number<std::uint8_t>(INET_DIAG_SKV6ONLY).value_or(0) != 0;
  return Listener{.address = *address,
                  .both_families = !ipv4 && address->is_unspecified() && !only_ipv6,
                  .protocol = protocol,
                  .port = ntohs(header->id.idiag_sport),
                  .inode = header->idiag_inode};
}

bool Listener::takes(const IpAddress& destination) const {
  if (address.family() != destination.family()) {
    return both_families;
  }
  return address.is_unspecified() || destination.is_unspecified() || address == destination;
}

ListenerSocket::ListenerSocket() : socket_(NETLINK_SOCK_DIAG) {}

std::vector<Listener> ListenerSocket::list(std::uint8_t protocol) {
  std::vector<Listener> all;
  for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    alignas(nlmsghdr) std::array<unsigned char, 128> room{};
    nlmsghdr* const question = mnl_nlmsg_put_header(room.data());
    question->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    question->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    static_assert(NLMSG_HDRLEN + sizeof(inet_diag_req_v2) <= room.size());
    auto* const about = static_cast<inet_diag_req_v2*>(
        mnl_nlmsg_put_extra_header(question, sizeof(inet_diag_req_v2)));
    about->sdiag_family = family;
    about->sdiag_protocol = protocol;
    about->idiag_states = 1U << (protocol == IPPROTO_UDP ? kClose : kListen);
    Batch batch;
    batch.append(question, "list listening sockets", Batch::Answer::kDump);
    std::vector<Listener> found;
    try {
      socket_.dump(
          batch, [&] { found.clear(); },
          [&](std::size_t, const nlmsghdr* message) {
            if (const std::optional<Listener> listener = parse_listener(message, protocol)) {
              found.push_back(*listener);
            }
          });
    } catch (const Error& error) {
      // What a kernel says that has no such protocol or no such list.
      if (error.code() != ENOENT) {
        throw;
      }
      found.clear();
    }
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

std::optional<ProcessName> find_process_with_socket(std::uint32_t inode) {
  const std::string link = concat("socket:[", inode, "]");
  const Folder processes = open_folder(AT_FDCWD, "/proc");
  if (!processes) {
    return std::nullopt;
  }
  while (const dirent* entry = ::readdir(processes.get())) {
    const std::optional<pid_t> pid = parse_number<pid_t>(entry->d_name);
    if (!pid) {
      continue;
    }
    const UniqueFd process(
        ::openat(::dirfd(processes.get()), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (process && has_socket(process.get(), link)) {
      const std::string comm = find_file(concat("/proc/", *pid, "/comm"), 64).value_or("?");
      return ProcessName{*pid, std::string(trim(comm))};
    }
  }
  return std::nullopt;
}

}  // namespace linnet::netlink
