#include "netlink/steering.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "netlink/sysfs.h"

namespace linnet::netlink {

namespace {

constexpr unsigned kMaxCpu = 8191;
constexpr unsigned kGroupBits = 32;
constexpr std::size_t kGroupDigits = 8;
constexpr std::size_t kLargestFile = 65536;
constexpr long kSysfsMagic = 0x62656572;

std::optional<unsigned> parse_cpu(std::string_view text) {
  const std::optional<unsigned> cpu = parse_number<unsigned>(text);
  return cpu && *cpu <= kMaxCpu ? cpu : std::nullopt;
}

// The digits of one group, at most eight.
std::optional<std::uint32_t> parse_group(std::string_view text) {
  std::uint32_t value = 0;
  if (text.empty() || text.size() > kGroupDigits) {
    return std::nullopt;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

bool shows_link(std::string_view name, int index) {
  const std::string path = concat("/sys/class/net/", name, "/ifindex");
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct statfs system {};
  return file && ::fstatfs(file.get(), &system) == 0 && system.f_type == kSysfsMagic &&
         parse_number<int>(trim(read_all(file.get(), kLargestFile, path))) == index;
}

UniqueFd open_sysfs(std::string_view name, int index) {
  if (shows_link(name, index)) {
    return open_file("/sys", O_PATH | O_DIRECTORY, 0);
  }
  return mount_sysfs();
}

std::string queue_file(std::string_view link, std::size_t queue, std::string_view file) {
  return concat("class/net/", link, "/queues/rx-", queue, "/", file);
}

}  // namespace

std::optional<CpuSet> parse_cpu_list(std::string_view text) {
  CpuSet cpus;
  if (text.empty()) {
    return cpus;
  }
  for (const std::string& part : split(text, ',')) {
    const std::string_view item = part;
    const std::size_t dash = item.find('-');
    const std::optional<unsigned> first = parse_cpu(item.substr(0, dash));
    const std::optional<unsigned> last =
        dash == std::string_view::npos ? first : parse_cpu(item.substr(dash + 1));
    if (!first || !last || *last < *first) {
      return std::nullopt;
    }
    for (unsigned cpu = *first; cpu <= *last; ++cpu) {
      cpus.insert(cpu);
    }
  }
  return cpus;
}

std::string cpu_list_text(const CpuSet& cpus) {
  std::string text;
  for (auto it = cpus.begin(); it != cpus.end();) {
    const unsigned first = *it;
    unsigned last = first;
    while (++it != cpus.end() && *it == last + 1) {
      last = *it;
    }
    text +=
        concat(text.empty() ? "" : ",", first, last == first ? std::string() : concat("-", last));
  }
  return text;
}

std::optional<CpuSet> parse_cpu_mask(std::string_view text) {
  const std::vector<std::string> groups = split(text, ',');
  if (groups.size() > (kMaxCpu + 1) / kGroupBits) {
    return std::nullopt;
  }
  CpuSet cpus;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const std::optional<std::uint32_t> group = parse_group(groups[i]);
    if (!group || (i != 0 && groups[i].size() != kGroupDigits)) {
      return std::nullopt;
    }
    const auto base = static_cast<unsigned>((groups.size() - 1 - i) * kGroupBits);
    for (unsigned bit = 0; bit < kGroupBits; ++bit) {
      if ((*group >> bit & 1U) != 0) {
        cpus.insert(base + bit);
      }
    }
  }
  return cpus;
}

std::string cpu_mask_text(const CpuSet& cpus) {
  const unsigned highest = cpus.empty() ? 0 : *cpus.rbegin() / kGroupBits;
  std::string text;
  for (unsigned group = highest + 1; group-- > 0;) {
    std::uint32_t bits = 0;
    for (unsigned bit = 0; bit < kGroupBits; ++bit) {
      bits |= cpus.contains(group * kGroupBits + bit) ? 1U << bit : 0U;
    }
    std::string digits(kGroupDigits, '0');
    for (std::size_t i = kGroupDigits; i-- > 0; bits >>= 4U) {
      digits[i] = "0123456789abcdef"[bits & 0xfU];
    }
    text += concat(text.empty() ? "" : ",", digits);
  }
  return text;
}

Sysfs::Sysfs(std::string_view name, int index) : root_(open_sysfs(name, index)) {}

std::string Sysfs::read(const std::string& path) const {
  const UniqueFd file(::openat(root_.get(), path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    throw SystemError(errno, concat("open /sys/", path));
  }
  return std::string(trim(read_all(file.get(), kLargestFile, concat("/sys/", path))));
}

void Sysfs::write(const std::string& path, const std::string& value) const {
  const UniqueFd file(::openat(root_.get(), path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) {
    throw SystemError(errno, concat("open /sys/", path));
  }
  write_all(file.get(), value, concat(value, " to /sys/", path));
}

CpuSet Sysfs::online_cpus() const {
  return parse_cpu_list(read("devices/system/cpu/online")).value_or(CpuSet{});
}

CpuSet Sysfs::available_cpus() const {
  CpuSet cpus = online_cpus();
  for (const char* const reserved : {"isolated", "nohz_full"}) {
    try {
      const std::string list = read(concat("devices/system/cpu/", reserved));
      // nohz_full prints "(null)" where there is none.
      for (const unsigned cpu : parse_cpu_list(list).value_or(CpuSet{})) {
        cpus.erase(cpu);
      }
    } catch (const SystemError& error) {
      if (error.code() != ENOENT) {
        throw;
      }
    }
  }
  return cpus;
}

std::size_t Sysfs::queue_count(std::string_view link) const {
  std::size_t count = 0;
  struct stat status {};
  while (::fstatat(root_.get(), queue_file(link, count, "rps_cpus").c_str(), &status, 0) == 0) {
    ++count;
  }
  return count;
}

void Sysfs::set_steering(std::string_view link, const ReceiveSteering& steering) const {
  const std::size_t count = queue_count(link);
  if (count == 0) {
    throw SystemError(errno, concat("find the receive queues of ", link));
  }
  for (std::size_t queue = 0; queue < count; ++queue) {
    write(queue_file(link, queue, "rps_cpus"), cpu_mask_text(steering.cpus));
    write(queue_file(link, queue, "rps_flow_cnt"), concat(steering.flow_count));
  }
}

ReceiveSteering Sysfs::steering(std::string_view link) const {
  return {.cpus = parse_cpu_mask(read(queue_file(link, 0, "rps_cpus"))).value_or(CpuSet{}),
          .flow_count =
              parse_number<std::uint32_t>(read(queue_file(link, 0, "rps_flow_cnt"))).value_or(0)};
}

}  // namespace linnet::netlink
