// The floor under bridge ADD and DEL: the same requests to the kernel with no configuration, no
// JSON, no check, no IPAM and no undo.
//
// Called like a plugin, by CNI_COMMAND, CNI_CONTAINERID ("bench-NUMBER") and CNI_NETNS. DEL prints
// how many microseconds after RTM_DELLINK was sent the kernel announced the removal, and answered.
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "netlink/match.h"
#include "netlink/netns.h"
#include "netlink/nftables.h"
#include "netlink/route_socket.h"

namespace linnet::rig::setup {
namespace {

namespace nft = netlink::nft;
using Clock = std::chrono::steady_clock;

constexpr const char* kBridge = "bench0";
constexpr const char* kSet = "containers";
const nft::Table kTable = {.family = nft::TableFamily::kInet, .name = "bench"};

struct Call {
  unsigned number = 0;
  std::string netns;
  [[nodiscard]] std::string host_name() const { return concat("vb", number); }
  [[nodiscard]] IpAddress address() const {
    const unsigned host = number + 2;
    const unsigned char bytes[4] = {10, 64, static_cast<unsigned char>(host >> 8U),
                                    static_cast<unsigned char>(host)};
    return *IpAddress::from_bytes(bytes);
  }
  [[nodiscard]] MacAddress mac(unsigned char side) const {
    return MacAddress::local_from(
        std::array<unsigned char, 6>{2, side, 0, 0, static_cast<unsigned char>(number >> 8U),
                                     static_cast<unsigned char>(number)});
  }
  [[nodiscard]] nft::Element element() const {
    return {.key = nft::key::address(address()), .comment = concat("bench-", number)};
  }
};

int make_bridge(netlink::RouteSocket& host) {
  netlink::Batch batch;
  netlink::create_bridge(
      batch, {.name = kBridge,
              .mac = MacAddress::local_from(std::array<unsigned char, 6>{2, 9, 9, 9, 9, 9})});
  host.execute(batch);
  const int index = host.get_link(kBridge).index;
  netlink::Batch addresses;
  netlink::add_address(addresses, index, *Cidr::parse("10.64.0.1/16"), kBridge);
  host.execute(addresses);
  nft::Transaction rules;
  rules.add_table(kTable);
  rules.add_chain(kTable, {.name = "postrouting",
                           .type = "nat",
                           .hook = nft::Hook::kPostrouting,
                           .priority = nft::priority::kSourceNat});
  rules.add_set(kTable, {.name = kSet}, true);
  rules.add_rule(
      kTable,
      {.chain = "postrouting",
       .expressions = nft::phrases({nft::match::family(Family::kIpv4),
                                    nft::match::in_set(kSet, {nft::field::source(Family::kIpv4)}),
                                    nft::statement::masquerade()}),
       .comment = {}});
  nft::NftSocket().execute(std::move(rules));
  return index;
}

void add(const Call& call) {
  const netlink::Netns home = netlink::Netns::current();
  netlink::Netns container = netlink::Netns::open(call.netns);
  netlink::RouteSocket host;
  const std::optional<netlink::Link> bridge = host.find_link(kBridge);
  netlink::Batch pair;
  netlink::create_veth(pair, {.name = call.host_name(),
                              .mac = call.mac(1),
                              .peer_name = "eth0",
                              .peer_mac = call.mac(2),
                              .peer_netns = container.fd(),
                              .master = bridge ? bridge->index : make_bridge(host)});
  netlink::change_link(pair, {.name = call.host_name(), .no_ipv6_address = true});
  netlink::change_link(pair, {.name = call.host_name(), .up = true});
  host.execute(pair);

  netlink::Sandbox sandbox(home, std::move(container));
  const int eth0 = sandbox.socket().get_link("eth0").index;
  netlink::Batch inside;
  netlink::add_address(inside, eth0, Cidr(call.address(), 16), "eth0");
  netlink::change_link(inside, {.index = eth0, .name = "eth0", .up = true});
  netlink::Route route;
  route.gateway = IpAddress::parse("10.64.0.1");
  route.link = eth0;
  netlink::add_route(inside, route, "eth0");
  sandbox.socket().execute(inside);

  nft::Transaction masquerade;
  masquerade.add_element(kTable, kSet, call.element());
  nft::NftSocket().execute(std::move(masquerade));
}

void del(const Call& call) {
  netlink::RouteSocket host;
  const int index = host.get_link(call.host_name()).index;
  netlink::Monitor monitor(netlink::Monitor::Subject::kLinks);
  const auto since = [start = Clock::now()] {
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count();
  };
  long announced = -1;
  std::function<void()> listen = [&] {
    if (monitor.wait_for_removal(5000, index)) {
      announced = since();
    }
  };
  // Not std::thread: the plugins' libstdc++ has none, since they have no threads.
  pthread_t listener{};
  const auto run_it = [](void* function) -> void* {
    (*static_cast<std::function<void()>*>(function))();
    return nullptr;
  };
  if (const int error = ::pthread_create(&listener, nullptr, run_it, &listen); error != 0) {
    throw SystemError(error, "start a thread");
  }
  host.remove_link_if_present(call.host_name());
  const long answered = since();
  ::pthread_join(listener, nullptr);

  nft::Transaction masquerade;
  masquerade.remove_element(kTable, kSet, call.element());
  nft::NftSocket().execute(std::move(masquerade));
  write_all(STDOUT_FILENO, concat(announced, " ", answered, "\n"), "stdout");
}

int run() {
  const auto variable = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  const std::string id = variable("CNI_CONTAINERID");
  Call call;
  call.number = parse_number<unsigned>(std::string_view(id).substr(id.find('-') + 1)).value_or(0);
  call.netns = variable("CNI_NETNS");
  try {
    variable("CNI_COMMAND") == "ADD" ? add(call) : del(call);
    return 0;
  } catch (const std::exception& error) {
    write_all(STDOUT_FILENO, concat(error.what(), "\n"), "stdout");
    return 1;
  }
}

}  // namespace
}  // namespace linnet::rig::setup

int main() { return linnet::rig::setup::run(); }
