// A node where the reference's portmap has made mappings is switched over.
#include <gmock/gmock.h>

#include "tests/kernel/traffic_world.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;
using testing::Not;

const Json kMappings = {{{"hostPort", 8080}, {"containerPort", 80}, {"protocol", "tcp"}},
                        {{"hostPort", 5353}, {"containerPort", 53}, {"protocol", "udp"}}};

class PortmapUpgrade : public TrafficTest {
 protected:
  void SetUp() override {
    if (reference_folder().empty()) {
      GTEST_SKIP() << "needs the reference plugins (package containernetworking-plugins)";
    }
    TrafficTest::SetUp();
    if (!IsSkipped()) {
      result_ = attach("c1");
      other_ = attach("c2");
    }
  }

  // A configuration that the installed version understands.
  [[nodiscard]] static Json old(Json conf) {
    conf["cniVersion"] = conf["prevResult"]["cniVersion"] = "1.0.0";
    return conf;
  }
  void add_with_reference(const Json& conf, const std::string& container = "c1") {
    const std::string own = plugin_path_;
    plugin_path_ = reference_folder();
    static_cast<void>(add(old(conf), container));
    plugin_path_ = own;
  }
  [[nodiscard]] static std::string iptables() {
    return must_run({"iptables", "-t", "nat", "-S"}) + must_run({"ip6tables", "-t", "nat", "-S"});
  }

  Json result_;
  Json other_;
};

TEST_F(PortmapUpgrade, DelRemovesTheChainsOfItsIptablesBackEndAndNoOthers) {
  add_with_reference(portmap_conf(kMappings, other_), "c2");
  const std::string with_other = world();
  const Json conf = portmap_conf(kMappings, result_);
  add_with_reference(conf);
  del(conf);
  EXPECT_EQ(world(), with_other);
  add_with_reference(conf);
  del(portmap_conf(nullptr, {}));
  EXPECT_EQ(world(), with_other);
  serve("c2", "c2", {80});
  EXPECT_EQ(ask("outside", {"tcp", "192.0.2.1", 8080}), "c2 192.0.2.9");
}

TEST_F(PortmapUpgrade, GcRemovesTheChainsOfContainersThatAreGone) {
  add_with_reference(portmap_conf(kMappings, other_), "c2");
  add_with_reference(portmap_conf(kMappings, other_, {{"name", "net2"}}), "c3");
  const std::string before = world();
  add_with_reference(portmap_conf(kMappings, result_));
  const Json gc = portmap_conf(
      nullptr, {},
      {{"cni.dev/valid-attachments", Json::array({{{"containerID", "c2"}, {"ifname", "eth0"}}})}});
  EXPECT_EQ(call({.verb = "GC", .conf = gc}).exit_code, 0);
  EXPECT_EQ(world(), before);
}

TEST_F(PortmapUpgrade, AddBesideItsContainersLeavesTheirPortsToThem) {
  serve("c1", "c1", {80});
  serve("c2", "c2", {80});
  add_with_reference(portmap_conf(kMappings, other_), "c2");
  const std::string theirs = iptables();
  const Json ours = portmap_conf(
      {{{"hostPort", 8080}, {"containerPort", 80}}, {{"hostPort", 8081}, {"containerPort", 80}}},
      result_);
  publish(ours);
  EXPECT_EQ(iptables(), theirs);
  EXPECT_EQ(ask("outside", {"tcp", "192.0.2.1", 8080}), "c2 192.0.2.9");
  EXPECT_EQ(ask("outside", {"tcp", "192.0.2.1", 8081}), "c1 192.0.2.9");
  EXPECT_EQ(ask("", {"tcp", "127.0.0.1", 8080}), "c2 10.22.0.1");
  del(ours);
  EXPECT_EQ(iptables(), theirs);
}

// As version 1.9 writes them; the rules of a container carry its id.
const char* const kRulesOfNftablesBackEnd = R"(
table ip cni_hostport {
  chain hostports {
    tcp dport 8080 dnat to 10.22.0.2:80 comment "c1"
    ip daddr 192.0.2.1 udp dport 5353 dnat to 10.22.0.2:53 comment "c1"
    tcp dport 81 dnat to 10.99.0.7:80 comment "c1"
    tcp dport 82 dnat to 10.22.0.3:80 comment "c2"
  }
  chain hostip_hostports { }
  chain masquerading {
    type nat hook postrouting priority 100
    ip saddr 10.22.0.2 ip daddr 10.22.0.2 masquerade comment "c1"
    ip saddr 127.0.0.1 ip daddr 10.22.0.2 masquerade comment "c1"
    ip saddr 127.0.0.1 ip daddr 10.22.0.3 masquerade comment "c2"
  }
}
table ip6 cni_hostport {
  chain hostports {
    tcp dport 8080 dnat to [fd22::2]:80 comment "c1"
  }
}
)";

TEST_F(PortmapUpgrade, DelRemovesTheRulesOfItsNftablesBackEndForThisNetwork) {
  const std::string file = "/run/rules.nft";
  must_run({"sh", "-c", std::string("cat > ") + file + " <<'E'" + kRulesOfNftablesBackEnd + "E"});
  must_run({"nft", "-f", file});
  del(portmap_conf(kMappings, result_), "c1", result_);
  std::string left = must_run({"nft", "list", "ruleset"});
  EXPECT_THAT(left, Not(HasSubstr("10.22.0.2")));
  EXPECT_THAT(left, Not(HasSubstr("fd22::2")));
  EXPECT_THAT(left, HasSubstr("dport 81 ")) << "another network of the container";
  EXPECT_THAT(left, HasSubstr("dport 82 "));
  EXPECT_THAT(left, HasSubstr("daddr 10.22.0.3"));
  // Without addresses only the container id is left to go by, which is all the reference goes by.
  del(portmap_conf(nullptr, {}));
  left = must_run({"nft", "list", "ruleset"});
  EXPECT_THAT(left, Not(HasSubstr("comment \"c1\"")));
  EXPECT_THAT(left, HasSubstr("dport 82 "));
}

}  // namespace
}  // namespace linnet::test
