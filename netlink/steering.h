// Receive packet steering (RPS) and receive flow steering (RFS) of a link's queues, through the sysfs of the
// link's network namespace.
// Source: Documentation/networking/scaling.rst; mount_setattr(2) and the fsopen(2) family.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace linnet::netlink {

using CpuSet = std::set<unsigned>;

// "0-3,8" as the kernel prints and reads lists of CPUs; empty text is the empty set. Absent for anything
// else, and for numbers above 8191, which no kernel has.
[[nodiscard]] std::optional<CpuSet> parse_cpu_list(std::string_view text);
[[nodiscard]] std::string cpu_list_text(const CpuSet& cpus);

// Groups of eight hexadecimal digits, the last one CPUs 0 to 31: "ffffffff,0000000f", "f".
[[nodiscard]] std::optional<CpuSet> parse_cpu_mask(std::string_view text);
[[nodiscard]] std::string cpu_mask_text(const CpuSet& cpus);

struct ReceiveSteering {
  CpuSet cpus;                   // that packets are spread over; empty: they stay where they arrive
  std::uint32_t flow_count = 0;  // entries of the queue's flow table, a power of two; 0: no RFS
  friend bool operator==(const ReceiveSteering&, const ReceiveSteering&) = default;
};

// The sysfs of the network namespace that the calling thread is in.
class Sysfs {
 public:
  // /sys where it shows the link `name` under `index`, which saves a mount; else a mount of its own that is
  // attached nowhere. Throws SystemError, for a kernel without fsopen(2) (before 5.2) when /sys is of
  // another namespace.
  Sysfs(std::string_view name, int index);

  // CPUs that run and are not kept free of such work (isolcpus, nohz_full).
  [[nodiscard]] CpuSet available_cpus() const;
  [[nodiscard]] CpuSet online_cpus() const;

  // Of every receive queue of the link. Throws SystemError that names file and value.
  void set_steering(std::string_view link, const ReceiveSteering& steering) const;
  // Of the link's first receive queue. Throws SystemError, ENOENT when there is no such link.
  [[nodiscard]] ReceiveSteering steering(std::string_view link) const;

 private:
  [[nodiscard]] std::string read(const std::string& path) const;
  void write(const std::string& path, const std::string& value) const;
  [[nodiscard]] std::size_t queue_count(std::string_view link) const;
  UniqueFd root_;
};

}  // namespace linnet::netlink
