#include "plugins/loopback/verbs.h"

#include "base/error.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "netlink/netns.h"

namespace linnet::loopback {

namespace {

constexpr std::string_view kLoopback = "lo";

netlink::Sandbox open_sandbox(const netlink::Netns& host, const cni::Request& request) {
  try {
    return netlink::Sandbox(host, netlink::Netns::open(request.netns));
  } catch (const SystemError& error) {
    throw cni::Error(cni::Code::kInvalidEnvironment, concat("CNI_NETNS: ", error.what()));
  }
}

void set_loopback(netlink::Sandbox& sandbox, bool up) {
  netlink::Batch batch;
  netlink::change_link(batch, {.name = std::string(kLoopback), .up = up});
  sandbox.socket().execute(batch);
}

cni::Result describe(const netlink::Link& link, const std::vector<netlink::Address>& addresses,
                     const std::string& netns) {
  cni::Result result;
  result.interfaces.push_back({.name = link.name,
                               .mac = link.mac.text(),
                               .mtu = link.mtu,
                               .sandbox = netns,
                               .socket_path = {},
                               .pci_id = {}});
  for (const netlink::Address& address : addresses) {
    if (!address.address.address().is_loopback()) {
      throw cni::Error(cni::Code::kInternal, concat("lo has address ", address.address.text(),
                                                    ", which is no loopback address: remove it"));
    }
    result.ips.push_back({.interface = 0, .address = address.address, .gateway = {}});
  }
  return result;
}

}  // namespace

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox = open_sandbox(host, request);
  const bool was_up = sandbox.socket().get_link(kLoopback).up;
  Transaction transaction;
  if (!was_up) {
    // Before the attempt: an answer that is lost may be that of a success.
    transaction.undo_with("set lo down", [request] {
      const netlink::Netns from = netlink::Netns::current();
      netlink::Sandbox again = open_sandbox(from, request);
      set_loopback(again, false);
    });
  }
  set_loopback(sandbox, true);
  const netlink::Link link = sandbox.socket().get_link(kLoopback);
  cni::Result own = describe(link, sandbox.socket().addresses(link.index), request.netns);
  transaction.commit();
  return conf.prev_result ? *conf.prev_result : own;
}

void del(const cni::Request& request, const cni::NetConf&) {
  if (std::optional<netlink::Netns> netns = netlink::Netns::find(request.netns)) {
    const netlink::Netns host = netlink::Netns::current();
    netlink::Sandbox sandbox(host, *std::move(netns));
    set_loopback(sandbox, false);
  }
}

void check(const cni::Request& request, const cni::NetConf&) {
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox = open_sandbox(host, request);
  if (!sandbox.socket().get_link(kLoopback).up) {
    throw cni::Error(cni::Code::kInternal, concat("lo of ", request.netns, " is down"));
  }
}

}  // namespace linnet::loopback
