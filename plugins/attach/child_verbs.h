// The verbs of the plugins whose interface is a child of another link (macvlan, ipvlan, vlan).
#pragma once

#include "libcni/request.h"
#include "libcni/result.h"
#include "plugins/attach/child_config.h"

namespace linnet::attach {

// Leaves nothing behind when it throws.
[[nodiscard]] cni::Result add_child(const cni::Request& request, const cni::NetConf& conf,
                                    const ChildConfig& config);

// Needs neither master nor namespace nor prevResult, and no other key than "ipam". What is gone already is
// no error, and an error in one part does not keep the others from being removed.
void del_child(const cni::Request& request, const cni::NetConf& conf, std::string_view kind);

// Throws cni::Error with a sentence for each thing of ADD that the kernel does not show any more.
void check_child(const cni::Request& request, const cni::NetConf& conf, const ChildConfig& config);

// What hostAccess made, interfaces and leases of attachments that are not valid any more. An interface is found by the
// namespace that its lease names; one without lease goes with its namespace.
void gc_children(const cni::Request& request, const cni::NetConf& conf, std::string_view kind);

// Throws cni::Error(kPluginNotAvailable) when an ADD would fail: the kernel lacks the driver, there is no
// master, or IPAM has nothing to give.
void child_status(const cni::Request& request, const cni::NetConf& conf, const ChildConfig& config);

// The verbs as a plugin's table has them. `Driver` is an alternative of ChildDriver, `parse` reads the
// plugin's configuration.
template <typename Driver, ChildConfig (*parse)(const cni::Request&, const cni::NetConf&)>
struct ChildVerbs {
  [[nodiscard]] static cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
    return add_child(request, conf, parse(request, conf));
  }
  static void del(const cni::Request& request, const cni::NetConf& conf) {
    del_child(request, conf, kind_of(Driver{}));
  }
  static void check(const cni::Request& request, const cni::NetConf& conf) {
    check_child(request, conf, parse(request, conf));
  }
  static void gc(const cni::Request& request, const cni::NetConf& conf) {
    gc_children(request, conf, kind_of(Driver{}));
  }
  static void status(const cni::Request& request, const cni::NetConf& conf) {
    child_status(request, conf, parse(request, conf));
  }
};

}  // namespace linnet::attach
