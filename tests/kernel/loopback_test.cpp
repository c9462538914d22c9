#include <gmock/gmock.h>

#include "tests/support/host.h"

namespace linnet::test {
namespace {

using cni::Json;
using testing::HasSubstr;

class Loopback : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (!IsSkipped()) {
      make_container("c1");
    }
  }
  [[nodiscard]] static std::string state() {
    return ip("c1", {"link", "show", "lo"})[0]["operstate"].get<std::string>();
  }
  const Json conf_ = {{"cniVersion", "1.0.0"}, {"name", "lo-net"}, {"type", "loopback"}};
};

TEST_F(Loopback, BringsLoUpAndReportsItsAddresses) {
  const Json result = add(conf_);
  EXPECT_EQ(result["interfaces"][0]["name"], "lo");
  EXPECT_EQ(result["interfaces"][0]["mac"], "00:00:00:00:00:00");
  EXPECT_EQ(result["ips"][0]["address"], "127.0.0.1/8");
  EXPECT_EQ(result["ips"][1]["address"], "::1/128");
  EXPECT_EQ(state(), "UNKNOWN");
  EXPECT_TRUE(ping("c1", "127.0.0.1"));
}

TEST_F(Loopback, PassesOnPrevResultWhenChained) {
  const Json prev = {{"cniVersion", "1.0.0"}, {"ips", {{{"address", "10.1.2.3/24"}}}}};
  Json conf = conf_;
  conf["prevResult"] = prev;
  EXPECT_EQ(add(conf)["ips"][0]["address"], "10.1.2.3/24");
}

TEST_F(Loopback, RefusesAnAddressThatIsNoLoopbackAddress) {
  must_run({"ip", "-n", "c1", "addr", "add", "192.0.2.5/32", "dev", "lo"});
  const ProgramOutput output = call({.verb = "ADD", .conf = conf_});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_EQ(output.json()["msg"],
            "lo has address 192.0.2.5/32, which is no loopback address: remove it");
  EXPECT_EQ(state(), "DOWN");
}

TEST_F(Loopback, DelTakesLoDownAlsoTwiceAndWithoutNamespace) {
  const Json result = add(conf_);
  del(conf_);
  EXPECT_EQ(state(), "DOWN");
  del(conf_);
  remove_container("c1");
  del(conf_);
  EXPECT_EQ(call({.verb = "DEL", .conf = conf_, .environment = {{"CNI_NETNS", ""}}}).exit_code, 0);
}

TEST_F(Loopback, CheckFailsWhenLoIsDown) {
  Json conf = conf_;
  conf["prevResult"] = add(conf_);
  EXPECT_EQ(call({.verb = "CHECK", .conf = conf}).exit_code, 0);
  must_run({"ip", "-n", "c1", "link", "set", "lo", "down"});
  const ProgramOutput down = call({.verb = "CHECK", .conf = conf});
  EXPECT_EQ(down.exit_code, 1);
  EXPECT_EQ(down.json()["msg"], "lo of /run/netns/c1 is down");
  remove_container("c1");
  for (const char* verb : {"CHECK", "ADD"}) {
    const ProgramOutput gone = call({.verb = verb, .conf = conf});
    EXPECT_EQ(gone.json()["code"], 4) << gone.standard_output;
    EXPECT_THAT(gone.json()["msg"].get<std::string>(),
                HasSubstr("CNI_NETNS: open network namespace /run/netns/c1"));
  }
}

}  // namespace
}  // namespace linnet::test
