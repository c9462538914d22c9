// rtnetlink in one namespace: asking for links, addresses and routes, and the questions' answers.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "netlink/address.h"
#include "netlink/conversation.h"
#include "netlink/link.h"
#include "netlink/rule.h"
#include "netlink/tc.h"

namespace linnet::netlink {

// find_ returns absent for what does not exist, get_ throws (Error, ENODEV). Everything else throws
// Error with the kernel's words.
class RouteSocket {
 public:
  // In the namespace the calling thread is in.
  RouteSocket();

  [[nodiscard]] std::optional<Link> find_link(std::string_view name);
  [[nodiscard]] std::optional<Link> find_link(int index);
  [[nodiscard]] Link get_link(std::string_view name);
  // Whether there is a link of that name (or alternative name). Cost: one ioctl(2), a tenth of a look-up.
  [[nodiscard]] bool has_link(std::string_view name);
  // Whether the link of that name is up and operational (IFF_RUNNING), as far as the kernel has noticed:
  // false may be out of date, as it is for a link that is not there. Cost: as has_link().
  [[nodiscard]] bool is_running(std::string_view name);
  // In the order of the names. One round trip.
  [[nodiscard]] std::vector<std::optional<Link>> find_links(std::span<const std::string> names);

  // Every link, or the ports of one bridge. Cost: a dump.
  [[nodiscard]] std::vector<Link> links(int master = 0);
  // The links of one kind. Cost: a dump, in which the kernel leaves the others out.
  [[nodiscard]] std::vector<Link> links_of_kind(std::string_view kind);
  // Addresses of one link, both families.
  [[nodiscard]] std::vector<Address> addresses(int link);
  // Unicast routes through one link, or all for 0, both families and all tables.
  [[nodiscard]] std::vector<Route> routes(int link);
  // The default route of the main table: the one with the lowest metric, of the first family that has one,
  // IPv4 before IPv6. Cost: a dump of the main table.
  [[nodiscard]] std::optional<Route> find_default_route();
  // Policy routing rules that look up a table, both families.
  [[nodiscard]] std::vector<Rule> rules();
  // Absent when there is no route, or one that refuses.
  [[nodiscard]] std::optional<RouteLookup> look_up_route(const IpAddress& destination);
  // VLANs of a bridge port, single ones or ranges as the kernel groups them, ascending.
  [[nodiscard]] std::vector<Vlan> vlans(int port_index);

  // The queueing discipline of what a link sends, and of what it receives. Absent where the kernel's own
  // choice is none, and when the link is gone.
  [[nodiscard]] std::optional<Qdisc> find_root_qdisc(int link);
  [[nodiscard]] std::optional<Qdisc> find_ingress_qdisc(int link);
  // Filters of what the link receives, where it has an "ingress" queueing discipline.
  [[nodiscard]] std::vector<IngressFilter> ingress_filters(int link);

  // One datagram. exchange() gives the kernel's answers as values, in order; execute() throws the
  // first refusal.
  [[nodiscard]] std::vector<Ack> exchange(const Batch& batch) { return socket_.exchange(batch); }
  void execute(const Batch& batch) { socket_.execute(batch); }

  // Makes the pair and returns its end in this namespace; absent when one of the names is taken. One
  // datagram: a caller that is killed leaves either nothing or a pair with its alias, which a link that
  // has the name already gets, too. Throws AnswerLost when the pair may be there; after any other
  // exception there is none.
  [[nodiscard]] std::optional<Link> try_create_veth(const NewVeth& veth);

  // Removes and waits until the kernel has finished doing so (an RCU grace period, some milliseconds).
  // Returns false when there was no such link.
  bool remove_link_if_present(std::string_view name);

 private:
  // By index, or by name when that is 0.
  [[nodiscard]] std::optional<Link> ask_link(int index, std::string_view name);
  [[nodiscard]] std::vector<Link> dump_links(const nlmsghdr* question);
  [[nodiscard]] std::vector<Route> dump_routes(const nlmsghdr* question);
  [[nodiscard]] std::optional<Qdisc> find_qdisc(int link, std::uint32_t parent);

  Socket socket_;
};

// Announcements of the kernel, subscribed to before the cause: what happened between the subscription
// and wait() is not missed.
class Monitor {
 public:
  enum class Subject { kLinks, kIpv6Addresses };

  // In the namespace the calling thread is in.
  explicit Monitor(Subject subject);

  // Waits until `done` returns true. It is asked once at first, and then after every announcement of the
  // subject. Returns false when `timeout_ms` passed first.
  [[nodiscard]] bool wait(int timeout_ms, const std::function<bool()>& done);

  // Waits until the link with that index is announced as removed.
  [[nodiscard]] bool wait_for_removal(int timeout_ms, int index);

 private:
  Socket socket_;
};

}  // namespace linnet::netlink
