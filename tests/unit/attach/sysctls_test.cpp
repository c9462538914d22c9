#include "plugins/attach/sysctls.h"

#include <gmock/gmock.h>

#include "libcni/version.h"
#include "tests/support/expect_error.h"

namespace linnet::test {
namespace {

using attach::same_sysctl_value;
using attach::sysctl_path;
using cni::Code;

cni::NetConf conf_of(const std::string& members) {
  return cni::parse_net_conf(
      R"({"cniVersion": "1.0.0", "name": "n", "type": "bridge", )" + members + "}", cni::Verb::kAdd,
      cni::kAllVersions);
}

void expect_refused(const std::string& members, const std::string& words) {
  expect_error(Code::kInvalidNetworkConfig, words,
               [&] { (void)attach::parse_sysctls(conf_of(members)); });
}

TEST(Sysctls, TheSeparatorThatComesFirstCounts) {
  EXPECT_EQ(sysctl_path("k", "net.ipv4.conf.IFNAME.rp_filter"), "net/ipv4/conf/IFNAME/rp_filter");
  EXPECT_EQ(sysctl_path("k", "net/ipv4/conf/eth0.100/rp_filter"),
            "net/ipv4/conf/eth0.100/rp_filter");
  EXPECT_EQ(sysctl_path("k", "net.ipv4.conf.eth0/100.rp_filter"),
            "net/ipv4/conf/eth0.100/rp_filter");
}

TEST(Sysctls, HostileNamesAreRefused) {
  for (const std::string name : {"", "net", "kernel.shmmax", "/net/core/x", "net/", "net//core",
                                 "net..core", "net/../kernel/x", "net/core/..", "net/./core",
                                 "network.core.x", "../net/core", "net.core.a\nb"}) {
    EXPECT_THROW((void)sysctl_path("k", name), cni::Error) << name;
  }
  EXPECT_THROW((void)sysctl_path("k", std::string("net/core\0/x", 11)), cni::Error);
  EXPECT_THROW((void)sysctl_path("k", "net/" + std::string(300, 'x')), cni::Error);
  EXPECT_THROW((void)sysctl_path("k", "net/netfilter/nf_hooks_lwtunnel"), cni::Error);
}

TEST(Sysctls, ANameGivenTwiceIsRefusedInAnySpelling) {
  expect_refused(R"("sysctl": {"net.a": "1", "net.a": "2"})", "duplicated sysctl keys");
  expect_refused(R"("sysctl": {"net.a.b": "1", "net/a/b": "2"})", "duplicated sysctl keys");
  expect_refused(R"("sysctlInherit": ["net.a.b", "net/a/b"])", "duplicated sysctl keys");
}

TEST(Sysctls, ValuesAreTextOrIntegers) {
  EXPECT_EQ(attach::parse_sysctls(conf_of(R"("sysctl": {"net.a": -7})")).values[0].value, "-7");
  expect_refused(R"("sysctl": {"net.a": true})", "expected a string or an integer, got true");
  expect_refused(R"("sysctl": {"net.a": "1\n2"})", "control characters");
  expect_refused(R"("sysctl": {"net.a": ")" + std::string(4097, '1') + "\"}",
                 "has a value of 4097 bytes, the kernel takes at most 4096");
  expect_refused(R"("sysctl": ["net.a"])", "\"sysctl\": expected an object");
  expect_refused(R"("sysctlProfile": "x")", "known: \"datacenter\"");
}

TEST(Sysctls, TheConfigurationWinsOverInheritedOnesAndThoseOverTheProfile) {
  const auto config = attach::parse_sysctls(conf_of(R"("sysctlProfile": "datacenter",
      "sysctlInherit": ["net.ipv4.tcp_fin_timeout", "net.core.somaxconn"],
      "sysctl": {"net/core/somaxconn": 5, "net.ipv4.conf.IFNAME.x": 1, "net.ipv4.conf.all.x": 2})"));
  const auto plan = attach::plan_sysctls(
      config, "aa.1", [](const std::string&) { return std::optional<std::string>("9"); });
  const auto value = [&](const std::string& path) -> std::string {
    for (const auto& setting : plan) {
      if (setting.path == path) {
        return setting.value;
      }
    }
    return "";
  };
  EXPECT_EQ(value("net/core/somaxconn"), "5");
  EXPECT_EQ(value("net/ipv4/tcp_fin_timeout"), "9");
  EXPECT_EQ(value("net/ipv4/tcp_syn_retries"), "2");
  EXPECT_EQ(plan.back().path, "net/ipv4/conf/aa.1/x");
  EXPECT_EQ(plan[plan.size() - 2].path, "net/ipv4/conf/all/x");
}

TEST(Sysctls, ValuesCompareByWhatTheyMean) {
  EXPECT_TRUE(same_sysctl_value("1 2", "1\t2"));
  EXPECT_TRUE(same_sysctl_value("0x10 010", "16 8"));
  EXPECT_TRUE(same_sysctl_value("5,6,7,9", "5-7,9"));
  EXPECT_TRUE(same_sysctl_value("", ""));
  EXPECT_TRUE(same_sysctl_value("0-0-0-a", "00000000-00000000-00000000-0000000a"));
  EXPECT_TRUE(same_sysctl_value("2001:db8::1", "2001:0db8:0000:0000:0000:0000:0000:0001"));
  EXPECT_FALSE(same_sysctl_value("2 3", "2"));
  EXPECT_FALSE(same_sysctl_value("5", "50"));
  EXPECT_FALSE(same_sysctl_value("5,6", "5,7"));
  EXPECT_FALSE(same_sysctl_value("cubic", "reno"));
}

}  // namespace
}  // namespace linnet::test
