// Rules of other programs, as the netlink core lists them, beside what nft says of them.
#include <gmock/gmock.h>

#include <algorithm>

#include "netlink/nftables.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::ElementsAre;
using testing::ElementsAreArray;
namespace nft = netlink::nft;

class ForeignRules : public HostTest {
 protected:
  static std::vector<nft::Rule> rules_of(const nft::Table& table, const std::string& chain) {
    return nft::NftSocket().list_rules(table, chain);
  }
  static std::vector<std::uint64_t> handles_of(const std::vector<nft::Rule>& rules) {
    std::vector<std::uint64_t> handles;
    std::ranges::transform(rules, std::back_inserter(handles), &nft::Rule::handle);
    return handles;
  }
  static std::vector<std::uint64_t> handles_by_nft(const std::string& family,
                                                   const std::string& table,
                                                   const std::string& chain) {
    std::vector<std::uint64_t> handles;
    const Json listed =
        Json::parse(must_run({"nft", "-j", "-a", "list", "chain", family, table, chain}));
    for (const Json& item : listed["nftables"]) {
      if (item.contains("rule")) {
        handles.push_back(item["rule"]["handle"]);
      }
    }
    return handles;
  }
};

TEST_F(ForeignRules, OfManyKindsAreListedWithHandleCommentAndTarget) {
  must_run({"nft", R"(
    table inet t {
      counter hits { }
      set seen { type ipv4_addr; flags dynamic, timeout; timeout 1m; }
      map to { type inet_service : verdict; elements = { 80 : jump d } }
      chain d { }
      chain c {
        type filter hook prerouting priority mangle;
        tcp dport vmap @to
        ip saddr 10.9.0.2 tcp dport { 80, 443 } counter name hits jump d comment "target"
        ip saddr & 255.255.0.0 == 10.9.0.0 limit rate 5/second burst 7 packets log prefix "x" level info
        ct state new add @seen { ip saddr counter } comment "dynamic"
        ip6 daddr 2001:db8::/32 meta mark set ct mark
        ip protocol icmp notrack
        numgen inc mod 2 0 jhash ip saddr mod 4 1 accept
        socket transparent 1 meta mark set 1 accept
        fib saddr . iif oif missing drop
        ip daddr 10.9.0.9 meta cgroup 1 quota over 10 mbytes drop
        meta time > "2026-01-01 00:00:00" exthdr hbh exists goto d comment "last"
      }
    })"});
  const std::vector<nft::Rule> rules = rules_of({nft::TableFamily::kInet, "t"}, "c");
  EXPECT_THAT(handles_of(rules), ElementsAreArray(handles_by_nft("inet", "t", "c")));
  ASSERT_EQ(rules.size(), 11U);
  EXPECT_EQ(rules[1].comment, "target");
  EXPECT_EQ(rules[1].jump, "d");
  EXPECT_THAT(rules[1].values, testing::Contains(ElementsAre(10, 9, 0, 2)));
  EXPECT_EQ(rules[3].comment, "dynamic");
  EXPECT_EQ(rules[10].comment, "last");
  EXPECT_EQ(rules[10].jump, "d");
}

TEST_F(ForeignRules, OfIptablesAreListedWithTheCommentsOfTheirMatches) {
  must_run(
      {"sh", "-c",
       "iptables -t nat -N X && "
       "iptables -t nat -A POSTROUTING -s 10.9.0.0/24 ! -o cni0 -j MASQUERADE --random-fully && "
       "iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -m comment --comment "
       "'docker and friends' -j X && "
       "iptables -t nat -A PREROUTING -p tcp -m multiport --dports 1,2:4 -m statistic --mode "
       "random --probability 0.5 -m comment --comment second -j DNAT --to 10.9.0.2:80 && "
       "iptables -t nat -A PREROUTING -p tcp --dport 81 -m recent --name r --set -j LOG"});
  const std::vector<nft::Rule> rules = rules_of({nft::TableFamily::kIp, "nat"}, "PREROUTING");
  EXPECT_THAT(handles_of(rules), ElementsAreArray(handles_by_nft("ip", "nat", "PREROUTING")));
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_EQ(rules[0].comment, "docker and friends");
  EXPECT_EQ(rules[0].jump, "X");
  EXPECT_EQ(rules[1].comment, "second");
}

TEST_F(ForeignRules, AnEmptyTransactionIsNothing) {
  nft::NftSocket socket;
  EXPECT_TRUE(socket.commit({}).ok());
  EXPECT_NO_THROW(socket.execute({}));
  EXPECT_TRUE(socket.have_chains({}).empty());
  nft::Transaction table;
  table.add_table({nft::TableFamily::kInet, "t"});
  EXPECT_TRUE(socket.commit(std::move(table)).ok());
  EXPECT_EQ(must_run({"nft", "list", "tables"}), "table inet t\n");
}

}  // namespace
}  // namespace linnet::test
