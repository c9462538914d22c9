// The networks that netrig run compares, and the ways through them.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <vector>

#include "libcni/network_list.h"
#include "rig/sockets.h"

namespace linnet::rig {

// One folder of plugins, or several that are searched in order.
struct Suite {
  std::string label;  // in the name of a case; empty when there is only one
  std::vector<std::string> plugin_path;
};

struct Topology {
  std::string name;
  std::string driver;    // the kernel's; empty: one that is always there
  std::string conflist;  // empty: no container
};
[[nodiscard]] const std::vector<Topology>& built_in_topologies();
// The topology of a user's list; its name is the list's. Throws cni::Error, SystemError.
[[nodiscard]] Topology topology_of_file(const std::string& path);

// The way that every topology has in common with the host.
inline constexpr const char* kOutwards = "container to outside";

// One way through one topology.
struct Case {
  std::string topology;     // "bridge+NAT", with its suite in brackets where there are several
  std::string way;          // kOutwards
  std::string unavailable;  // why; empty: it can be measured
  const Host* host = nullptr;
  Path path;
  std::string container;  // a namespace of the topology with an eth0 of the plugins; empty: none
};

// Every host that is needed, with a namespace of its own for each, and its containers. The first case is the host
// to the outside, the baseline; the second is the same once more. To be made after enter_private_namespaces().
class Testbed {
 public:
  // Throws cni::Error and SystemError; what the kernel lacks is no error.
  Testbed(const std::vector<Topology>& topologies, const std::vector<Suite>& suites);

  [[nodiscard]] const std::vector<Case>& cases() const { return cases_; }

 private:
  void add_host();
  void add_topology(const Topology& topology, const Suite& suite);

  std::list<Host> hosts_;
  std::vector<Case> cases_;
};

}  // namespace linnet::rig
