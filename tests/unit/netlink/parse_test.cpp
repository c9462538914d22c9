#include "netlink/internal/parse.h"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "tests/unit/netlink/sample_message.h"

namespace linnet::netlink {
namespace {

TEST(ParseLink, ReadsTheModeOfAMacvlanAndOfAnIpvlan) {
  SampleMessage macvlan(RTM_NEWLINK);
  macvlan.header(ifinfomsg{}).text(IFLA_IFNAME, "m0").u32(IFLA_LINK, 5).nest(IFLA_LINKINFO, [&] {
    macvlan.text(IFLA_INFO_KIND, "macvlan").nest(IFLA_INFO_DATA, [&] {
      macvlan.u32(IFLA_MACVLAN_MODE, MACVLAN_MODE_VEPA).u32(IFLA_MACVLAN_BC_QUEUE_LEN, 77);
    });
  });
  const std::optional<Link> first = parse_link(macvlan.get());
  ASSERT_TRUE(first && first->macvlan);
  EXPECT_EQ(first->peer, 5);
  EXPECT_EQ(first->macvlan->mode, Macvlan::Mode::kVepa);
  EXPECT_EQ(first->macvlan->broadcast_queue_length, 77U);
  EXPECT_FALSE(first->ipvlan);

  SampleMessage ipvlan(RTM_NEWLINK);
  ipvlan.header(ifinfomsg{}).text(IFLA_IFNAME, "i0").nest(IFLA_LINKINFO, [&] {
    ipvlan.text(IFLA_INFO_KIND, "ipvlan").nest(IFLA_INFO_DATA, [&] {
      ipvlan.u16(IFLA_IPVLAN_MODE, IPVLAN_MODE_L3S).u16(IFLA_IPVLAN_FLAGS, IPVLAN_F_PRIVATE);
    });
  });
  const std::optional<Link> second = parse_link(ipvlan.get());
  ASSERT_TRUE(second && second->ipvlan);
  EXPECT_EQ(second->ipvlan->mode, Ipvlan::Mode::kL3s);
  EXPECT_EQ(second->ipvlan->flag, Ipvlan::Flag::kPrivate);
}

TEST(ParseLink, ReadsAPortOfABridge) {
  SampleMessage message(RTM_NEWLINK);
  ifinfomsg header{};
  header.ifi_index = 7;
  header.ifi_flags = IFF_UP;
  message.header(header).text(IFLA_IFNAME, "veth1").u32(IFLA_MTU, 1400).u32(IFLA_MASTER, 3);
  message.nest(IFLA_LINKINFO, [&] {
    message.text(IFLA_INFO_KIND, "veth").text(IFLA_INFO_SLAVE_KIND, "bridge");
    message.nest(IFLA_INFO_SLAVE_DATA, [&] {
      message.u8(IFLA_BRPORT_STATE, 3).u8(IFLA_BRPORT_MODE, 1).u8(IFLA_BRPORT_ISOLATED, 0);
    });
  });
  const std::optional<Link> link = parse_link(message.get());
  ASSERT_TRUE(link);
  EXPECT_EQ(link->index, 7);
  EXPECT_EQ(link->name, "veth1");
  EXPECT_EQ(link->kind, "veth");
  EXPECT_EQ(link->mtu, 1400U);
  EXPECT_TRUE(link->up);
  ASSERT_TRUE(link->port);
  EXPECT_TRUE(link->port->forwarding && link->port->hairpin && !link->port->isolated);
}

TEST(ParseLink, GivesNothingForAnotherMessageOrAHeaderCutOff) {
  SampleMessage other(RTM_NEWADDR);
  other.header(ifaddrmsg{});
  EXPECT_FALSE(parse_link(other.get()));
  const SampleMessage bare(RTM_NEWLINK);
  EXPECT_FALSE(parse_link(bare.get()));
  EXPECT_EQ(link_index(bare.get()), 0);
}

TEST(ParseAddress, TakesTheLocalEndAndTheWideFlags) {
  SampleMessage message(RTM_NEWADDR);
  ifaddrmsg header{};
  header.ifa_family = AF_INET6;
  header.ifa_prefixlen = 64;
  header.ifa_index = 2;
  message.header(header)
      .address(IFA_ADDRESS, "fd00::1")
      .address(IFA_LOCAL, "fd00::2")
      .u32(IFA_FLAGS, IFA_F_TENTATIVE);
  const std::optional<Address> address = parse_address(message.get(), 2);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->address.text(), "fd00::2/64");
  EXPECT_TRUE(address->tentative);
  EXPECT_FALSE(parse_address(message.get(), 3));
}

TEST(ParseAddress, RefusesAPrefixLongerThanTheAddress) {
  SampleMessage message(RTM_NEWADDR);
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  header.ifa_prefixlen = 64;
  header.ifa_index = 2;
  message.header(header).address(IFA_LOCAL, "10.0.0.1");
  EXPECT_FALSE(parse_address(message.get(), 2));
}

TEST(ParseRoutes, CutsAMultipathRouteIntoItsHops) {
  SampleMessage message(RTM_NEWROUTE);
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_dst_len = 16;
  header.rtm_type = RTN_UNICAST;
  header.rtm_table = RT_TABLE_MAIN;
  message.header(header).address(RTA_DST, "10.9.0.0");
  std::vector<unsigned char> hops;
  for (unsigned char last : {std::uint8_t{1}, std::uint8_t{2}}) {
    const rtnexthop hop = {.rtnh_len = 16, .rtnh_flags = 0, .rtnh_hops = 0, .rtnh_ifindex = last};
    const auto* bytes = reinterpret_cast<const unsigned char*>(&hop);
    hops.insert(hops.end(), bytes, bytes + sizeof hop);
    hops.insert(hops.end(), {8, 0, RTA_GATEWAY, 0, 10, 0, 0, last});
  }
  message.bytes(RTA_MULTIPATH, hops);
  const std::vector<Route> routes = parse_routes(message.get());
  ASSERT_EQ(routes.size(), 2U);
  EXPECT_EQ(routes[0].gateway->text(), "10.0.0.1");
  EXPECT_EQ(routes[1].link, 2);
  hops[16] = 255;
  SampleMessage broken(RTM_NEWROUTE);
  broken.header(header).bytes(RTA_MULTIPATH, hops);
  EXPECT_TRUE(parse_routes(broken.get()).empty());
  // A next hop of no length, over which libnl would never get.
  hops[16] = 0;
  SampleMessage endless(RTM_NEWROUTE);
  endless.header(header).bytes(RTA_MULTIPATH, hops);
  EXPECT_TRUE(parse_routes(endless.get()).empty());
}

TEST(ParseVlans, JoinsTheEndsOfARange) {
  SampleMessage message(RTM_NEWLINK);
  ifinfomsg header{};
  header.ifi_family = AF_BRIDGE;
  header.ifi_index = 4;
  message.header(header).text(IFLA_IFNAME, "port0").nest(IFLA_AF_SPEC, [&] {
    for (const auto& [flags, vid] :
         {std::pair<unsigned, unsigned>{BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, 1},
          {BRIDGE_VLAN_INFO_RANGE_BEGIN, 10},
          {BRIDGE_VLAN_INFO_RANGE_END, 20}}) {
      const bridge_vlan_info info = {static_cast<std::uint16_t>(flags),
                                     static_cast<std::uint16_t>(vid)};
      message.value(IFLA_BRIDGE_VLAN_INFO, info);
    }
  });
  const std::vector<Vlan> vlans = parse_vlans(message.get(), 4);
  ASSERT_EQ(vlans.size(), 2U);
  EXPECT_TRUE(vlans[0].pvid && vlans[0].untagged);
  EXPECT_EQ(vlans[1].first, 10);
  EXPECT_EQ(vlans[1].last, 20);
}

}  // namespace
}  // namespace linnet::netlink
