// A network of a test and one attachment to it, as a runtime handles them: ADD of a list, DEL of it, GC.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/faults/fake_firewalld.h"
#include "tests/faults/tracer.h"
#include "tests/support/host.h"

namespace linnet::test {

// Plugins of a list, and what they find.
struct NetworkCase {
  std::string name;
  // Configured once, in front of those under test, and never removed.
  std::vector<cni::Json> before = {};
  std::vector<cni::Json> list;
  std::vector<std::vector<std::string>> preparation = {};  // commands on the host
  std::string ifname = "eth0";
  // Whether GC has something to do: not for what is in the container only and goes with it.
  bool collects = true;
  // What the end of the container's namespace does that a test has to do itself, in front of GC.
  std::vector<std::string> end_of_container = {};
  // Takes back in the container what only its end would, behind GC.
  std::vector<std::string> after_collection = {};
  // The kind of link without which a kernel cannot have the network ("bridge": one that filters VLANs); empty: any can.
  std::string needs = {};
  // Whether the host has a system bus with firewalld.
  bool firewalld = false;
  // Whether the host's legacy iptables drops what nothing accepts.
  bool legacy_iptables = false;
};

void PrintTo(const NetworkCase& network, std::ostream* out);

[[nodiscard]] const std::vector<NetworkCase>& network_cases();
// The one of that name, which must be there.
[[nodiscard]] const NetworkCase& network_case(const std::string& name);

// What becomes of the system calls of one plugin of a list.
using Decide = std::function<Interference(const SystemCall&)>;
// Lets each be.
[[nodiscard]] Interference nothing(const SystemCall& call);

class AttachmentWorld : public HostTest {
 protected:
  // The network with the parts that ADD makes and DEL keeps; `snapshot_` of it. Skips the test where the kernel
  // lacks what the network needs.
  void prepare(const NetworkCase& network);
  void take_snapshots();

  // A verb of the whole list in its order, until one fails. Plugin `traced` runs under `decide`.
  struct ListRun {
    std::vector<cni::Json> results;  // of ADD, one a plugin
    TracedRun traced;
    bool failed = false;
  };
  [[nodiscard]] ListRun add_list(std::size_t traced, const Decide& decide) const;
  [[nodiscard]] ListRun add_list() const;
  // In the opposite order, each whatever became of the others. `result` is that of the list, null where none was
  // remembered. Those but the traced one must succeed.
  TracedRun del_list(const cni::Json& result, std::size_t traced, const Decide& decide) const;
  void del_list(const cni::Json& result = {}) const;
  // GC without any valid attachment.
  TracedRun collect(std::size_t traced, const Decide& decide) const;
  void collect() const;
  // Behind a GC: takes back in the container what GC leaves to its end. False when there was nothing.
  bool clear_container() const;
  // The message of CHECK of the whole list; empty when all is as `result` says.
  [[nodiscard]] std::string check_list(const cni::Json& result) const;

  [[nodiscard]] TracedProgram program(const std::string& verb, const cni::Json& conf) const;
  // run_traced() on the host of the network, with its firewalld.
  [[nodiscard]] TracedRun execute(const TracedProgram& program, const Decide& decide) const;
  [[nodiscard]] FakeFirewalld& firewalld() const { return *firewalld_; }

  // All that an attachment may leave on the host: links, addresses, routes, rules, nftables, the legacy iptables,
  // queueing, every file below /run and /var/lib/cni. And in the container.
  [[nodiscard]] static std::string host_snapshot();
  [[nodiscard]] static std::string container_snapshot();
  [[nodiscard]] static std::string snapshot();
  // Compares by waiting: the kernel takes down namespaces and settles carriers by itself. Empty when as before,
  // otherwise the lines that differ.
  [[nodiscard]] static std::string difference(const std::function<std::string()>& state,
                                              const std::string& before);
  // Of snapshot(), since take_snapshots().
  [[nodiscard]] std::string whole_difference() const {
    return difference(snapshot, host_before_ + container_before_);
  }

  NetworkCase network_;
  Decide decide_other_;  // of the programs that a plugin executes
  std::unique_ptr<FakeFirewalld> firewalld_;
  cni::Json prev_result_;  // of `before`
  std::string host_before_;
  std::string container_before_;
  std::string world_before_;  // world(), which reads sysctls and VLANs, too, and costs more
};

}  // namespace linnet::test
