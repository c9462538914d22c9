#include "plugins/meta/portmap/conditions.h"

#include "tests/support/expect_error.h"

namespace linnet::test {
namespace {

using cni::Code;
using portmap::Conditions;
using portmap::digest;
using portmap::parse_conditions;

std::string text(const std::vector<std::string>& tokens, Family family = Family::kIpv4) {
  std::string all;
  for (const auto& condition : parse_conditions("conditionsV4", family, tokens)) {
    all += condition.text() + "; ";
  }
  return all;
}

TEST(Conditions, OfBothToolsMeanTheSame) {
  EXPECT_EQ(text({"!", "-s", "192.0.2.7/24", "-i", "eth0"}),
            "interface = eth0; source != 192.0.2.0/24; ");
  EXPECT_EQ(text({"ip", "saddr", "!=", "192.0.2.0/24", "iifname", "\"eth0\""}),
            "interface = eth0; source != 192.0.2.0/24; ");
  EXPECT_EQ(text({"ip saddr != 192.0.2.0/24", "meta iifname eth0"}),
            "interface = eth0; source != 192.0.2.0/24; ");
  EXPECT_EQ(text({"--destination", "198.51.100.1"}), "destination = 198.51.100.1/32; ");
  EXPECT_EQ(text({"-m", "mark", "!", "--mark", "0x10/0xf0"}), "mark & 240 != 16; ");
  EXPECT_EQ(text({"meta mark & 0xf0 != 16"}), "mark & 240 != 16; ");
  EXPECT_EQ(text({"mark 7"}), "mark & 4294967295 = 7; ");
  EXPECT_EQ(text({"!", "-i", "eth+"}), "interface != eth*; ");
  EXPECT_EQ(text({"ip6 daddr 2001:db8::/32"}, Family::kIpv6), "destination = 2001:db8::/32; ");
  EXPECT_EQ(text({"-m", "comment", "--comment", "from the office", "-s", "192.0.2.1"}),
            "source = 192.0.2.1/32; ");
}

TEST(Conditions, HaveADigestThatDoesNotDependOnOrderOrSpelling) {
  const Conditions a = parse_conditions("c", Family::kIpv4, {"-s", "192.0.2.0/24", "-i", "eth0"});
  const Conditions b =
      parse_conditions("c", Family::kIpv4, {"iifname eth0 ip saddr 192.0.2.9/24 iifname eth0"});
  EXPECT_EQ(digest(a), digest(b));
  EXPECT_EQ(digest(a).size(), 12U);
  EXPECT_EQ(digest({}), "");
  EXPECT_NE(digest(a), digest(parse_conditions("c", Family::kIpv4, {"-i", "eth0"})));
}

TEST(Conditions, ThatCannotBeExpressedNameTheToken) {
  const auto refused = [](const std::vector<std::string>& tokens, const std::string& words) {
    expect_error(Code::kInvalidNetworkConfig, words, [&] { (void)text(tokens); });
  };
  refused({"-o", "eth0"}, "\"-o\" cannot be used");
  refused({"-m", "set", "--match-set", "x", "src"}, "the match \"set\"");
  refused({"!", "-m", "mark"}, "\"-m\" cannot be used");
  refused({"-s"}, "\"-s\" lacks a value");
  refused({"-s", "2001:db8::1"}, "\"2001:db8::1\" is not an IPv4 address");
  refused({"-i", "+"}, "is not an interface name");
  refused({"-i", "sixteen-letters-"}, "is not an interface name");
  refused({"--mark", "0x1/"}, "is not a mark");
  refused({"ip saddr {", "192.0.2.1 }"}, "\"{\" is not an IPv4 address");
  refused({"tcp dport 80"}, "\"tcp\" cannot be used");
  refused({"meta mark & x == 1"}, "\"x\" is not a mask");
  refused({"meta mark != x"}, "\"x\" is not a mark");
  refused({"meta"}, "cannot be used");
  refused({"ip"}, "cannot be used");
  refused({"ip6 saddr ::1"}, "\"ip6\" cannot be used");
}

}  // namespace
}  // namespace linnet::test
