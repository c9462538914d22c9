#include "plugins/attach/host_access.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/error_list.h"
#include "base/file.h"
#include "base/sha512.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "netlink/sysctl.h"

namespace linnet::attach {

namespace {

// Between the last route's removal and that of the interface nobody may add a route.
class Lock {
 public:
  Lock() {
    ensure_directory(kFolder, 0755);
    // For root alone, so that nobody else can hold it.
    fd_ = open_file(concat(kFolder, "/host-access.lock"), O_RDWR | O_CREAT, 0600);
    while (::flock(fd_.get(), LOCK_EX) != 0) {
      if (errno != EINTR) {
        throw SystemError(errno, concat("lock ", kFolder, "/host-access.lock"));
      }
    }
  }

 private:
  static constexpr const char* kFolder = "/run/cni";
  UniqueFd fd_;
};

// The last 32 bits of the owner's key. Two attachments of one network share a metric once in some billion
// pairs; then the routes of one that got no DEL may live as long as the other.
std::uint32_t metric_of(std::string_view owner_key) {
  const std::string_view digits = owner_key.substr(owner_key.size() - 8);
  return std::max<std::uint32_t>(parse_number<std::uint32_t>(digits, 16).value_or(1), 1);
}

// The name and addresses are derived, so that two calls mean the same interface. The uplink's index and
// address keep those of two masters, and of two hosts on one wire, apart.
std::string seed_of(const netlink::Link& uplink, const ChildDriver& driver,
                    const std::string& network) {
  return concat("host access\n", network, '\n', kind_of(driver), '\n', mode_name(driver), '\n',
                uplink.index, '\n', uplink.mac.text());
}

std::string link_name(const std::string& seed) { return concat("host", sha512_hex(seed, 11)); }

MacAddress link_mac(const std::string& seed) {
  const std::array<unsigned char, 64> hash = sha512(seed);
  return MacAddress::local_from(std::span(hash).first<6>());
}

// The interface identifier is none that the kernel would make for the uplink: an ipvlan takes every packet
// for its addresses, wherever it came from.
IpAddress link_local_address(const std::string& seed) {
  const std::array<unsigned char, 6> mac = link_mac(seed).bytes();
  const unsigned char flipped = mac[0] ^ 2U;
  const unsigned char bytes[16] = {0xfe,    0x80,   0,      0,    0,    0,      0,      0,
                                   flipped, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};
  return *IpAddress::from_bytes(bytes);
}

std::string link_alias(const netlink::Link& uplink, const std::string& network) {
  // An alias is at most 255 bytes long, as a network's name is.
  return concat("linnet:", network_key(network), sha512_hex("host access", 16),
                ", host access over: ", uplink.name, ", net: ", network)
      .substr(0, 127);
}

bool is_host_access(const netlink::Link& link, const std::string& network) {
  return link.name.starts_with("host") &&
         key_in_alias(link.alias) == concat(network_key(network), sha512_hex("host access", 16));
}

std::vector<netlink::Link> find_links(netlink::RouteSocket& host, const std::string& network,
                                      std::string_view kind) {
  std::vector<netlink::Link> links = host.links_of_kind(kind);
  std::erase_if(links, [&](const netlink::Link& link) { return !is_host_access(link, network); });
  return links;
}

// Those to containers, without the ones that the kernel makes itself.
std::vector<netlink::Route> container_routes(netlink::RouteSocket& host,
                                             const netlink::Link& link) {
  std::vector<netlink::Route> routes = host.routes(link.index);
  std::erase_if(routes, [](const netlink::Route& route) {
    return route.dst.prefix_length() != route.dst.address().bits() || route.table != RT_TABLE_MAIN;
  });
  return routes;
}

// The addresses that the host can have a route to: none of IPv6 where that is switched off.
std::vector<Cidr> reachable(const std::vector<Cidr>& addresses, const std::string& link) {
  const auto is_ipv6 = [](const Cidr& address) { return !address.is_ipv4(); };
  std::vector<Cidr> kept = addresses;
  if (std::ranges::any_of(kept, is_ipv6) &&
      netlink::find_sysctl(concat("net/ipv6/conf/", link, "/disable_ipv6")) != "0") {
    std::erase_if(kept, is_ipv6);
  }
  return kept;
}

// One message for creation and mark: a link that stands is one that can be found.
void create_link(netlink::RouteSocket& host, const netlink::Link& uplink, const ChildDriver& driver,
                 const std::string& seed, const std::string& network) {
  netlink::NewChild child{.name = link_name(seed), .parent = uplink.index, .driver = driver};
  if (!takes_uplink_mac(driver)) {
    child.mac = link_mac(seed);
  }
  netlink::Batch batch;
  netlink::create_child(batch, child);
  netlink::change_link(batch, {.name = child.name,
                               .alias = link_alias(uplink, network),
                               // Hosts on the wire get their answers from the uplink.
                               .arp_filter = true});
  const std::vector<netlink::Ack> acks = host.exchange(batch);
  // Already there: an earlier call got no further than this.
  if (!acks[0].ok() && acks[0].error != EEXIST) {
    throw netlink::Error(acks[0], concat(batch.what(0), " for hostAccess on master ", uplink.name));
  }
  if (!acks[1].ok()) {
    throw netlink::Error(acks[1], batch.what(1));
  }
}

// A link-local address that containers reach the host's IPv6 addresses through. Neither that of another
// node's router advertisements, nor one that duplicate detection keeps waiting.
void set_up_ipv6(netlink::RouteSocket& host, const netlink::Link& link, const std::string& seed) {
  // Else the interface would take addresses and a default route from the wire.
  if (!netlink::write_sysctl_if_present(concat("net/ipv6/conf/", link.name, "/accept_ra"), "0")) {
    return;
  }
  netlink::Batch batch;
  netlink::change_link(batch, {.index = link.index, .name = link.name, .no_ipv6_address = true});
  netlink::add_address(batch, link.index, Cidr(link_local_address(seed), 64), link.name,
                       {.detection = netlink::DuplicateDetection::kNone});
  const std::vector<netlink::Ack> acks = host.exchange(batch);
  for (std::size_t i = 0; i < acks.size(); ++i) {
    // EACCES: IPv6 is switched off on the host; the routes say so where they are needed.
    if (!acks[i].ok() && acks[i].error != EEXIST && acks[i].error != EACCES) {
      throw netlink::Error(acks[i], batch.what(i));
    }
  }
}

netlink::Link ensure_link(netlink::RouteSocket& host, const netlink::Link& uplink,
                          const ChildDriver& driver, const std::string& network) {
  const std::string seed = seed_of(uplink, driver, network);
  const std::string name = link_name(seed);
  std::optional<netlink::Link> link = host.find_link(name);
  if (link && (link->kind != kind_of(driver) || link->peer == 0)) {
    throw cni::Error(cni::Code::kInternal,
                     concat("\"hostAccess\": the host already has a link named ", name,
                            " that is none of linnet's: remove it"));
  }
  // Up is the last step: what is up is set up.
  if (!link || !link->up || !is_host_access(*link, network)) {
    create_link(host, uplink, driver, seed, network);
    link = host.get_link(name);
    set_up_ipv6(host, *link, seed);
    netlink::Batch up;
    netlink::change_link(up, {.index = link->index, .name = name, .up = true});
    host.execute(up);
  }
  return *std::move(link);
}

// The address of the uplink that stands for the host: of the container's subnet if possible.
std::optional<IpAddress> host_address(const std::vector<netlink::Address>& present,
                                      const Cidr& container) {
  std::optional<IpAddress> first;
  for (const netlink::Address& candidate : present) {
    const IpAddress& address = candidate.address.address();
    if (address.family() != container.family() || candidate.scope != RT_SCOPE_UNIVERSE ||
        candidate.tentative) {
      continue;
    }
    if (container.contains(address)) {
      return address;
    }
    if (!first) {
      first = address;
    }
  }
  return first;
}

netlink::Route route_to_host(const IpAddress& address, const ChildDriver& driver,
                             const std::string& seed) {
  netlink::Route route;
  route.dst = Cidr::host(address);
  // The host hears a neighbour solicitation on its interface only for addresses of that interface.
  if (!address.is_ipv4() && !is_layer3(driver)) {
    route.gateway = link_local_address(seed);
  }
  return route;
}

// An ipvlan gives an ARP answer for an address that none of its siblings has to the uplink, not to who has
// asked; all of them have the uplink's Ethernet address.
bool needs_neighbour(const ChildDriver& driver, const Cidr& container) {
  return container.is_ipv4() && kind_of(driver) == "ipvlan" && !is_layer3(driver);
}

// Removes the routes that `stale` picks, and the link when none is left.
void remove_routes(netlink::RouteSocket& host, const netlink::Link& link,
                   const std::function<bool(const netlink::Route&)>& stale) {
  const std::vector<netlink::Route> routes = container_routes(host, link);
  netlink::Batch batch;
  std::size_t removed = 0;
  for (const netlink::Route& route : routes) {
    if (stale(route)) {
      ++removed;
      netlink::remove_route(batch, route, link.name);
      if (link.kind == "ipvlan" && route.dst.is_ipv4()) {
        netlink::Neighbour neighbour;
        neighbour.address = route.dst.address();
        neighbour.link = link.index;
        netlink::remove_neighbour(batch, neighbour);
      }
    }
  }
  if (removed == routes.size()) {
    // Its routes and neighbours go with it.
    host.remove_link_if_present(link.name);
    return;
  }
  if (removed == 0) {
    return;
  }
  const std::vector<netlink::Ack> acks = host.exchange(batch);
  for (std::size_t i = 0; i < acks.size(); ++i) {
    // No such route, neighbour, link.
    if (!acks[i].ok() && acks[i].error != ESRCH && acks[i].error != ENOENT &&
        acks[i].error != ENODEV) {
      throw netlink::Error(acks[i], batch.what(i));
    }
  }
}

void remove_stale_routes(const std::string& network, std::string_view kind,
                         const std::function<bool(const netlink::Route&)>& stale) {
  netlink::RouteSocket host;
  if (find_links(host, network, kind).empty()) {
    return;
  }
  const Lock lock;
  ErrorList errors;
  for (const netlink::Link& link : find_links(host, network, kind)) {
    errors.attempt([&] { remove_routes(host, link, stale); });
  }
  errors.throw_if_any();
}

void execute(netlink::RouteSocket& host, const netlink::Batch& batch) {
  const std::vector<netlink::Ack> acks = host.exchange(batch);
  for (std::size_t i = 0; i < acks.size(); ++i) {
    if (!acks[i].ok() && acks[i].error != EEXIST) {
      throw netlink::Error(acks[i], concat("\"hostAccess\": ", batch.what(i)));
    }
  }
}

}  // namespace

HostAccess add_host_access(netlink::RouteSocket& host, const netlink::Link& uplink,
                           const ChildDriver& driver, const Attachment& attachment,
                           const std::vector<Cidr>& addresses) {
  const std::vector<netlink::Address> present = host.addresses(uplink.index);
  const std::string seed = seed_of(uplink, driver, attachment.network);
  Transaction transaction;
  transaction.undo_with("remove host access", [attachment, kind = std::string(kind_of(driver))] {
    remove_host_access_if_present(attachment, kind);
  });
  // Behind the transaction, which takes the lock itself.
  const Lock lock;
  HostAccess access{.link = ensure_link(host, uplink, driver, attachment.network), .routes = {}};
  netlink::Batch batch;
  for (const Cidr& address : reachable(addresses, access.link.name)) {
    netlink::Route route;
    route.dst = Cidr::host(address.address());
    route.source = host_address(present, address);
    route.link = access.link.index;
    route.priority = metric_of(owner_key(attachment));
    netlink::add_route(batch, route, access.link.name);
    if (needs_neighbour(driver, address)) {
      netlink::Neighbour neighbour;
      neighbour.address = address.address();
      neighbour.mac = access.link.mac;
      neighbour.link = access.link.index;
      neighbour.permanent = true;
      netlink::set_neighbour(batch, neighbour);
    }
    if (route.source) {
      const netlink::Route back = route_to_host(*route.source, driver, seed);
      if (std::ranges::find(access.routes, back) == access.routes.end()) {
        access.routes.push_back(back);
      }
    }
  }
  execute(host, batch);
  transaction.commit();
  return access;
}

void remove_host_access_if_present(const Attachment& attachment, std::string_view kind) {
  const std::uint32_t metric = metric_of(owner_key(attachment));
  remove_stale_routes(attachment.network, kind,
                      [&](const netlink::Route& route) { return route.priority == metric; });
}

void collect_host_access(const std::string& network, std::string_view kind,
                         const std::set<std::string, std::less<>>& valid) {
  std::set<std::uint32_t> metrics;
  for (const std::string& key : valid) {
    metrics.insert(metric_of(key));
  }
  remove_stale_routes(network, kind, [&](const netlink::Route& route) {
    return !metrics.contains(route.priority);
  });
}

std::vector<std::string> host_access_problems(const Attachment& attachment, std::string_view kind,
                                              const std::vector<Cidr>& addresses) {
  netlink::RouteSocket host;
  const std::uint32_t metric = metric_of(owner_key(attachment));
  std::vector<std::string> problems;
  std::vector<Cidr> reached;
  std::vector<Cidr> wanted = addresses;
  for (const netlink::Link& link : find_links(host, attachment.network, kind)) {
    wanted = reachable(wanted, link.name);
    for (const netlink::Route& route : container_routes(host, link)) {
      if (route.priority == metric) {
        reached.push_back(route.dst);
      }
    }
  }
  for (const Cidr& address : wanted) {
    if (std::ranges::find(reached, Cidr::host(address.address())) == reached.end()) {
      problems.push_back(concat("the host lacks the route to ", address.address().text(),
                                " that hostAccess asks for"));
    }
  }
  return problems;
}

}  // namespace linnet::attach
