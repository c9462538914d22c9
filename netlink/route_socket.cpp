#include "netlink/route_socket.h"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "base/text.h"
#include "netlink/internal/libnl.h"
#include "netlink/internal/parse.h"

namespace linnet::netlink {

namespace {

nl::Message link_question(int index, std::string_view name) {
  const std::string terminated(name);
  nl::Message message = nl::build_message("ask for a link", [&](nl_msg** built) {
    return rtnl_link_build_get_request(index, index > 0 ? nullptr : terminated.c_str(), built);
  });
  // libnl asks for virtual functions. Statistics are most of an answer, and nobody here reads either.
  nlattr* mask = nlmsg_find_attr(nlmsg_hdr(message.get()), sizeof(ifinfomsg), IFLA_EXT_MASK);
  const std::uint32_t wanted = RTEXT_FILTER_SKIP_STATS;
  if (mask == nullptr || nla_len(mask) != sizeof wanted) {
    throw SystemError(EINVAL, "ask for a link without its statistics");
  }
  std::memcpy(nla_data(mask), &wanted, sizeof wanted);
  return message;
}

nl::Message links_question() {
  nl::Message question = nl::make_message(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  nl::put_u32(question, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return question;
}

nl::Message routes_question(unsigned char family) {
  rtmsg header{};
  header.rtm_family = family;
  return nl::make_message(RTM_GETROUTE, NLM_F_DUMP, header);
}

// What was read of an answer; an answer that cannot be read must not pass for one that says "there is none".
template <typename T>
T readable(std::optional<T> read, const std::string& what) {
  if (!read) {
    throw SystemError(EBADMSG, what);
  }
  return *std::move(read);
}

// For an ioctl(2) of netdevice(7). Absent for a name that no link can have.
std::optional<ifreq> request_about(std::string_view name) {
  ifreq request{};
  if (name.empty() || name.size() >= sizeof request.ifr_name) {
    return std::nullopt;
  }
  name.copy(request.ifr_name, name.size());
  return request;
}

}  // namespace

RouteSocket::RouteSocket() : socket_(NETLINK_ROUTE) {}

std::optional<Link> RouteSocket::ask_link(int index, std::string_view name) {
  Batch batch;
  nl::append(batch, link_question(index, name),
             index != 0 ? concat("look up link ", index) : concat("look up link ", name),
             Batch::Answer::kObject);
  std::optional<Link> link;
  const std::vector<Ack> acks =
      socket_.exchange(batch, [&](std::size_t, const nlmsghdr* message) {
        link = readable(parse_link(message), batch.what(0));
      });
  if (acks[0].error == ENODEV) {
    return std::nullopt;
  }
  if (!acks[0].ok()) {
    throw Error(acks[0], batch.what(0));
  }
  return link;
}

std::optional<Link> RouteSocket::find_link(std::string_view name) {
  return ask_link(0, name);
}

std::optional<Link> RouteSocket::find_link(int index) {
  // No link has another number, and to libnl 0 means that there is a name.
  return index > 0 ? ask_link(index, {}) : std::nullopt;
}

Link RouteSocket::get_link(std::string_view name) {
  if (std::optional<Link> link = find_link(name)) {
    return *std::move(link);
  }
  throw Error({ENODEV, {}}, concat("look up link ", name));
}

bool RouteSocket::has_link(std::string_view name) {
  std::optional<ifreq> request = request_about(name);
  if (!request) {
    return false;
  }
  if (::ioctl(socket_.fd(), SIOCGIFINDEX, &*request) == 0) {
    return true;
  }
  return errno != ENODEV && find_link(name).has_value();
}

bool RouteSocket::is_running(std::string_view name) {
  std::optional<ifreq> request = request_about(name);
  return request && ::ioctl(socket_.fd(), SIOCGIFFLAGS, &*request) == 0 &&
         (static_cast<unsigned>(request->ifr_flags) & IFF_RUNNING) != 0;
}

std::vector<std::optional<Link>> RouteSocket::find_links(std::span<const std::string> names) {
  Batch batch;
  for (const std::string& name : names) {
    nl::append(batch, link_question(0, name), concat("look up link ", name),
               Batch::Answer::kObject);
  }
  std::vector<std::optional<Link>> links(names.size());
  const std::vector<Ack> acks =
      socket_.exchange(batch, [&](std::size_t request, const nlmsghdr* message) {
        links[request] = readable(parse_link(message), batch.what(request));
      });
  for (std::size_t i = 0; i < acks.size(); ++i) {
    if (!acks[i].ok() && acks[i].error != ENODEV) {
      throw Error(acks[i], batch.what(i));
    }
  }
  return links;
}

std::vector<Link> RouteSocket::dump_links(const nlmsghdr* question) {
  Batch batch;
  batch.append(question, "list links", Batch::Answer::kDump);
  std::vector<Link> found;
  socket_.dump(
      batch, [&] { found.clear(); },
      [&](std::size_t, const nlmsghdr* message) {
        found.push_back(readable(parse_link(message), batch.what(0)));
      });
  return found;
}

// Kernels without filtered dumps give every link.
std::vector<Link> RouteSocket::links(int master) {
  const nl::Message question = links_question();
  if (master != 0) {
    nl::put_u32(question, IFLA_MASTER, static_cast<std::uint32_t>(master));
  }
  std::vector<Link> found = dump_links(nlmsg_hdr(question.get()));
  std::erase_if(found, [&](const Link& link) { return master != 0 && link.master != master; });
  return found;
}

std::vector<Link> RouteSocket::links_of_kind(std::string_view kind) {
  const nl::Message question = links_question();
  nl::put_nested_text(question, IFLA_LINKINFO, IFLA_INFO_KIND, std::string(kind));
  std::vector<Link> found = dump_links(nlmsg_hdr(question.get()));
  // A kernel that has no such driver cannot filter by it.
  std::erase_if(found, [&](const Link& link) { return link.kind != kind; });
  return found;
}

std::vector<Address> RouteSocket::addresses(int link) {
  ifaddrmsg header{};
  header.ifa_index = static_cast<unsigned>(link);
  Batch batch;
  nl::append(batch, nl::make_message(RTM_GETADDR, NLM_F_DUMP, header), concat("list addresses of link ", link), Batch::Answer::kDump);
  std::vector<Address> found;
  socket_.dump(
      batch, [&] { found.clear(); },
      [&](std::size_t, const nlmsghdr* message) {
        if (const std::optional<Address> address = parse_address(message, link)) {
          found.push_back(*address);
        }
      });
  return found;
}

std::vector<Route> RouteSocket::dump_routes(const nlmsghdr* question) {
  Batch batch;
  batch.append(question, "list routes", Batch::Answer::kDump);
  std::vector<Route> found;
  socket_.dump(
      batch, [&] { found.clear(); },
      [&](std::size_t, const nlmsghdr* message) {
        const std::vector<Route> routes = parse_routes(message);
        found.insert(found.end(), routes.begin(), routes.end());
      });
  return found;
}

std::vector<Route> RouteSocket::routes(int link) {
  std::vector<Route> found;
  for (const unsigned char family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    const nl::Message question = routes_question(family);
    if (link != 0) {
      nl::put_u32(question, RTA_OIF, static_cast<std::uint32_t>(link));
    }
    std::ranges::copy_if(dump_routes(nlmsg_hdr(question.get())), std::back_inserter(found),
                         [&](const Route& route) { return link == 0 || route.link == link; });
  }
  return found;
}

std::vector<Rule> RouteSocket::rules() {
  std::vector<Rule> found;
  for (const unsigned char family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    fib_rule_hdr header{};
    header.family = family;
    Batch batch;
    nl::append(batch, nl::make_message(RTM_GETRULE, NLM_F_DUMP, header), "list rules",
               Batch::Answer::kDump);
    const std::size_t before = found.size();
    socket_.dump(
        batch, [&] { found.resize(before); },
        [&](std::size_t, const nlmsghdr* message) {
          if (const std::optional<Rule> rule = parse_rule(message)) {
            found.push_back(*rule);
          }
        });
  }
  return found;
}

std::optional<Route> RouteSocket::find_default_route() {
  for (const unsigned char family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    const nl::Message question = routes_question(family);
    nl::put_u32(question, RTA_TABLE, RT_TABLE_MAIN);
    std::vector<Route> routes = dump_routes(nlmsg_hdr(question.get()));
    std::erase_if(routes, [](const Route& route) {
      return !route.dst.is_default_route() || route.link == 0 || route.table != RT_TABLE_MAIN;
    });
    if (const auto best = std::ranges::min_element(routes, {}, &Route::priority);
        best != routes.end()) {
      return *best;
    }
  }
  return std::nullopt;
}

std::optional<RouteLookup> RouteSocket::look_up_route(const IpAddress& destination) {
  rtmsg header{};
  header.rtm_family = destination.is_ipv4() ? AF_INET : AF_INET6;
  header.rtm_dst_len = static_cast<unsigned char>(destination.bits());
  const std::string what = concat("look up the route to ", destination.text());
  const nl::Message question = nl::make_message(RTM_GETROUTE, 0, header);
  nl::require(nla_put_addr(question.get(), RTA_DST, nl::to_bytes(destination).get()), what);
  Batch batch;
  nl::append(batch, question, what, Batch::Answer::kObject);
  std::optional<RouteLookup> found;
  const std::vector<Ack> acks = socket_.exchange(
      batch, [&](std::size_t, const nlmsghdr* message) { found = parse_route_lookup(message); });
  constexpr std::array kUnroutable = {ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL};
  if (!acks[0].ok() && std::ranges::find(kUnroutable, acks[0].error) == kUnroutable.end()) {
    throw Error(acks[0], batch.what(0));
  }
  return acks[0].ok() ? found : std::nullopt;
}

std::vector<Vlan> RouteSocket::vlans(int port_index) {
  ifinfomsg header{};
  header.ifi_family = AF_BRIDGE;
  const nl::Message question = nl::make_message(RTM_GETLINK, NLM_F_DUMP, header);
  nl::put_u32(question, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED);
  Batch batch;
  nl::append(batch, question, concat("list VLANs of port ", port_index), Batch::Answer::kDump);
  std::vector<Vlan> found;
  socket_.dump(
      batch, [&] { found.clear(); },
      [&](std::size_t, const nlmsghdr* message) {
        const std::vector<Vlan> vlans = parse_vlans(message, port_index);
        found.insert(found.end(), vlans.begin(), vlans.end());
      });
  return found;
}

std::optional<Qdisc> RouteSocket::find_qdisc(int link, std::uint32_t parent) {
  tcmsg header{};
  header.tcm_ifindex = link;
  header.tcm_parent = parent;
  // The kernel takes the answer for an announcement, which the asker gets when it wants an echo; where the
  // queueing discipline is built in there is an acknowledgement alone.
  Batch batch;
  nl::append(batch, nl::make_message(RTM_GETQDISC, NLM_F_ECHO, header),
             concat("look up the queueing discipline of link ", link));
  std::optional<Qdisc> found;
  const std::vector<Ack> acks =
      socket_.exchange(batch, [&](std::size_t, const nlmsghdr* message) {
        found = readable(parse_qdisc(message), batch.what(0));
      });
  if (!acks[0].ok() && acks[0].error != ENOENT && acks[0].error != ENODEV) {
    throw Error(acks[0], batch.what(0));
  }
  return found;
}

std::optional<Qdisc> RouteSocket::find_root_qdisc(int link) { return find_qdisc(link, TC_H_ROOT); }

std::optional<Qdisc> RouteSocket::find_ingress_qdisc(int link) {
  return find_qdisc(link, TC_H_INGRESS);
}

std::vector<IngressFilter> RouteSocket::ingress_filters(int link) {
  tcmsg header{};
  header.tcm_ifindex = link;
  header.tcm_parent = TC_H_MAJ(TC_H_INGRESS);
  Batch batch;
  nl::append(batch, nl::make_message(RTM_GETTFILTER, NLM_F_DUMP, header), concat("list filters of link ", link), Batch::Answer::kDump);
  std::vector<IngressFilter> found;
  socket_.dump(
      batch, [&] { found.clear(); },
      [&](std::size_t, const nlmsghdr* message) {
        if (const std::optional<IngressFilter> filter = parse_ingress_filter(message)) {
          found.push_back(*filter);
        }
      });
  return found;
}

std::optional<Link> RouteSocket::try_create_veth(const NewVeth& veth) {
  Batch batch;
  create_veth(batch, veth);
  if (!veth.alias.empty()) {
    change_link(batch, {.name = veth.name, .alias = veth.alias});
  }
  nl::append(batch, link_question(0, veth.name), concat("look up link ", veth.name),
             Batch::Answer::kObject);
  std::optional<Link> link;
  const std::vector<Ack> acks = socket_.exchange(
      batch, [&](std::size_t, const nlmsghdr* message) { link = parse_link(message); });
  if (acks[0].error == EEXIST) {
    return std::nullopt;
  }
  if (!acks[0].ok()) {
    throw Error(acks[0], batch.what(0));
  }
  const std::size_t last = acks.size() - 1;
  if (last == 2 && !acks[1].ok()) {
    remove_link_if_present(veth.name);
    throw Error(acks[1], batch.what(1));
  }
  if (!link) {
    remove_link_if_present(veth.name);
    throw SystemError(acks[last].error != 0 ? acks[last].error : EBADMSG, batch.what(last));
  }
  return link;
}

bool RouteSocket::remove_link_if_present(std::string_view name) {
  Batch batch;
  remove_link(batch, name);
  const std::vector<Ack> acks = socket_.exchange(batch);
  if (acks[0].error == ENODEV) {
    return false;
  }
  if (!acks[0].ok()) {
    throw Error(acks[0], batch.what(0));
  }
  return true;
}

Monitor::Monitor(Subject subject) : socket_(NETLINK_ROUTE) {
  socket_.join(subject == Subject::kLinks ? RTNLGRP_LINK : RTNLGRP_IPV6_IFADDR);
}

bool Monitor::wait(int timeout_ms, const std::function<bool()>& done) {
  return done() || socket_.listen(timeout_ms, [&](const nlmsghdr*) { return done(); });
}

bool Monitor::wait_for_removal(int timeout_ms, int index) {
  return socket_.listen(timeout_ms, [&](const nlmsghdr* message) {
    return message != nullptr && message->nlmsg_type == RTM_DELLINK && link_index(message) == index;
  });
}

}  // namespace linnet::netlink
