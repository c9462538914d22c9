#include "plugins/meta/firewall/config.h"

#include "libcni/version.h"
#include "plugins/meta/firewall/legacy.h"
#include "plugins/meta/firewall/subject.h"
#include "tests/support/expect_error.h"

namespace linnet::test {
namespace {

using cni::Code;
using cni::Json;
using firewall::Backend;
using firewall::Config;
using firewall::IngressPolicy;
using testing::ElementsAre;

Config parsed(Json changes) {
  changes.update({{"cniVersion", "1.0.0"}, {"name", "net1"}, {"type", "firewall"}});
  return firewall::parse_config(
      cni::parse_net_conf(changes.dump(), cni::Verb::kAdd, cni::kAllVersions));
}

TEST(FirewallConfig, HasTheReferencesKeysAndDefaults) {
  const Config none = parsed(Json::object());
  EXPECT_EQ(none.backend, Backend::kAutomatic);
  EXPECT_EQ(none.ingress, IngressPolicy::kOpen);
  EXPECT_EQ(none.admin_chain, "CNI-ADMIN");
  EXPECT_EQ(none.zone, "trusted");
  const Config given = parsed({{"backend", "iptables"},
                               {"iptablesAdminChainName", "MINE"},
                               {"firewalldZone", "containers"},
                               {"ingressPolicy", "isolated"}});
  EXPECT_EQ(given.backend, Backend::kIptables);
  EXPECT_EQ(given.ingress, IngressPolicy::kIsolated);
  EXPECT_EQ(given.admin_chain, "MINE");
  EXPECT_EQ(given.zone, "containers");
  EXPECT_EQ(parsed({{"backend", "firewalld"}}).backend, Backend::kFirewalld);
  EXPECT_EQ(parsed({{"ingressPolicy", "same-bridge"}, {"backend", "nftables"}}).backend,
            Backend::kNftables);
}

TEST(FirewallConfig, RefusalsNameKeyAndValue) {
  const auto refused = [](const Json& changes, const std::string& words) {
    expect_error(Code::kInvalidNetworkConfig, words, [&] { (void)parsed(changes); });
  };
  refused({{"backend", "pf"}}, "\"backend\": \"pf\"");
  refused({{"firewalldZone", "a,b"}}, "\"firewalldZone\": \"a,b\"");
  refused({{"firewalldZone", "a b"}}, "zone of firewalld");
  refused({{"firewalldZone", std::string(61, 'z')}}, "zone of firewalld");
  refused({{"ingressPolicy", "closed"}}, "\"ingressPolicy\": \"closed\"");
  refused({{"iptablesAdminChainName", "A B"}}, "\"A B\" is not a chain name");
  refused({{"iptablesAdminChainName", "-A"}}, "\"-A\"");
  refused({{"iptablesAdminChainName", std::string(29, 'x')}}, "at most 28");
}

TEST(FirewallSubject, IsReadFromPrevResult) {
  cni::Result result;
  result.interfaces = {{.name = "cni0"}, {.name = "veth1"}, {.name = "eth0", .sandbox = "/ns"}};
  result.ips = {{.interface = 2, .address = *Cidr::parse("10.22.0.2/24")},
                {.address = *Cidr::parse("fd22::2/64")}};
  const firewall::Subject subject = firewall::subject_of(result, "eth0");
  EXPECT_EQ(subject.bridge, "cni0");
  EXPECT_THAT(subject.ports, ElementsAre("veth1"));
  EXPECT_EQ(subject.addresses.size(), 2U);
  result.interfaces[0].sandbox = "/ns";
  EXPECT_EQ(firewall::subject_of(result, "eth0").bridge, "");
}

TEST(FirewallLegacy, RulesAreReadFromTheToolsListing) {
  const auto listing = firewall::parse_legacy_listing(
      "-P INPUT ACCEPT\n"
      "-P FORWARD DROP\n"
      "-N CNI-FORWARD\n"
      "-A INPUT -j ACCEPT\n"
      "-A FORWARD -m comment --comment \"CNI firewall plugin rules\" -j CNI-FORWARD\n"
      "-A CNI-FORWARD -m comment --comment \"CNI firewall plugin admin overrides\" -j CNI-ADMIN\n"
      "-A CNI-FORWARD -s 10.22.0.2/32 -m comment --comment \"a \\\"b\\\" c\" -j ACCEPT\n"
      "-A CNI-FORWARD -d 10.22.0.3/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n");
  ASSERT_TRUE(listing);
  EXPECT_TRUE(listing->forward_drops);
  EXPECT_THAT(listing->chains, ElementsAre("CNI-FORWARD"));
  ASSERT_EQ(listing->forward.size(), 1U);
  EXPECT_EQ(listing->forward[0].words.back(), "CNI-FORWARD");
  const auto& rules = listing->containers;
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_EQ(rules[0].comment, "CNI firewall plugin admin overrides");
  EXPECT_EQ(rules[1].comment, "a \"b\" c");
  EXPECT_EQ(rules[1].words.front(), "-s");
  EXPECT_EQ(rules[2].comment, "");
  const std::vector<Cidr> addresses = {*Cidr::parse("10.22.0.3/24")};
  EXPECT_FALSE(firewall::is_rule_of_reference(rules[1], addresses));
  EXPECT_TRUE(firewall::is_rule_of_reference(rules[2], addresses));
}

TEST(FirewallLegacy, TextThatIsNoWholeListingIsNone) {
  EXPECT_TRUE(firewall::parse_legacy_listing("# Warning: old\n-P FORWARD ACCEPT\n"));
  for (const char* text : {"", "\n", "nonsense\n", "-P INPUT ACCEPT\n", "-P FORWARD\n",
                           "-P FORWARD DROP\n-A CNI-FO"}) {
    EXPECT_FALSE(firewall::parse_legacy_listing(text)) << text;
  }
}

}  // namespace
}  // namespace linnet::test
