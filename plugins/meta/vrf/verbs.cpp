#include "plugins/meta/vrf/verbs.h"

#include "base/error_list.h"
#include "base/log.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "plugins/attach/interface.h"
#include "plugins/attach/pair_verbs.h"
#include "plugins/attach/problems.h"
#include "plugins/meta/vrf/config.h"
#include "plugins/meta/vrf/membership.h"

namespace linnet::vrf {

namespace {

// Runs `action` with the container's namespace and VRF `name`, if both are there.
template <typename Action>
void with_vrf(const cni::Request& request, const std::string& name, const Action& action) {
  std::optional<netlink::Netns> netns = netlink::Netns::find(request.netns);
  if (!netns) {
    return;
  }
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox(host, *std::move(netns));
  const std::optional<netlink::Link> vrf = sandbox.socket().find_link(name);
  if (vrf && vrf->kind == "vrf") {
    action(sandbox, *vrf);
  }
}

void leave_if_member(netlink::Sandbox& sandbox, const std::string& ifname,
                     const netlink::Link& vrf) {
  const std::optional<netlink::Link> link = sandbox.socket().find_link(ifname);
  if (link && link->master == vrf.index) {
    move_link(sandbox, *link, vrf, std::nullopt);
  }
}

void require_no_other_master(netlink::RouteSocket& inside, const netlink::Link& link,
                             const std::optional<netlink::Link>& vrf) {
  if (link.master == 0 || (vrf && link.master == vrf->index)) {
    return;
  }
  const std::optional<netlink::Link> master = inside.find_link(link.master);
  throw cni::Error(cni::Code::kInvalidNetworkConfig,
                   concat("interface ", link.name, " already has master ",
                          master ? master->name : concat("link ", link.master),
                          ": an interface has one, take it out of that first"));
}

std::string vrfname_leniently(const cni::NetConf& conf) {
  try {
    cni::ObjectReader reader(conf.json, "");
    return reader.text("vrfname").value_or("");
  } catch (const cni::Error& error) {
    log_warning(concat(error.what(), "; no VRF is left"));
    return {};
  }
}

}  // namespace

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(conf);
  if (!conf.prev_result) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     "missing prevResult from earlier plugin: vrf puts the interface of a plugin "
                     "before it in the list into a VRF");
  }
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox(host, attach::open_netns(request));
  netlink::RouteSocket& inside = sandbox.socket();
  const netlink::Link link = inside.get_link(request.ifname);
  const std::optional<netlink::Link> before = find_vrf(inside, config.name);
  require_no_other_master(inside, link, before);
  Transaction transaction;
  if (!before) {
    transaction.undo_with(concat("remove VRF ", config.name), [request, name = config.name] {
      with_vrf(request, name, [&](netlink::Sandbox& again, const netlink::Link&) {
        remove_vrf_if_empty(again.socket(), name);
      });
    });
  }
  const netlink::Link vrf = ensure_vrf(inside, config);
  if (link.master != vrf.index) {
    transaction.undo_with(concat("leave VRF ", config.name), [request, name = config.name] {
      with_vrf(request, name, [&](netlink::Sandbox& again, const netlink::Link& found) {
        leave_if_member(again, request.ifname, found);
      });
    });
    move_link(sandbox, link, std::nullopt, vrf);
  }
  transaction.commit();
  return *conf.prev_result;
}

void del(const cni::Request& request, const cni::NetConf& conf) {
  const std::string name = vrfname_leniently(conf);
  if (name.empty()) {
    return;
  }
  with_vrf(request, name, [&](netlink::Sandbox& sandbox, const netlink::Link& vrf) {
    ErrorList errors;
    errors.attempt([&] { leave_if_member(sandbox, request.ifname, vrf); });
    errors.attempt([&] { remove_vrf_if_empty(sandbox.socket(), name); });
    errors.throw_if_any();
  });
}

void check(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(conf);
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox(host, attach::open_netns(request));
  netlink::RouteSocket& inside = sandbox.socket();
  const std::optional<netlink::Link> link = inside.find_link(request.ifname);
  const std::optional<netlink::Link> vrf = inside.find_link(config.name);
  attach::Problems problems;
  if (!link) {
    problems.push_back(concat(request.ifname, " is not in the container"));
  }
  if (!vrf || vrf->kind != "vrf") {
    problems.push_back(concat("there is no VRF ", config.name));
  } else {
    if (link && link->master != vrf->index) {
      problems.push_back(concat(request.ifname, " is not in VRF ", config.name));
    }
    if (config.table != 0 && vrf->vrf_table != config.table) {
      problems.push_back(concat("VRF ", config.name, " has table ", vrf->vrf_table.value_or(0),
                                ", not ", config.table));
    }
    if (!vrf->up) {
      problems.push_back(concat("VRF ", config.name, " is down"));
    }
  }
  attach::throw_if_changed(request, conf, problems);
}

void status(const cni::Request& /*request*/, const cni::NetConf& conf) {
  static_cast<void>(parse_config(conf));
  attach::rehearse([](netlink::RouteSocket& socket) {
    static_cast<void>(ensure_vrf(socket, {.name = "status", .table = 0}));
  });
}

}  // namespace linnet::vrf
