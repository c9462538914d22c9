// The reference plugin and this one on one folder, in turns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <set>

#include "tests/unit/host-local/support.h"

namespace linnet::host_local::test {
namespace {

// LINNET_REFERENCE_STEPS runs more or fewer random operations.
int steps() {
  const char* const given = std::getenv("LINNET_REFERENCE_STEPS");
  return given == nullptr ? 1000 : std::atoi(given);
}

class Reference : public ::testing::Test {
 protected:
  void SetUp() override {
    reference_ = reference_plugin();
    if (reference_.empty()) {
      GTEST_SKIP() << "the reference's host-local is not installed "
                      "(Debian: containernetworking-plugins)";
    }
  }

  std::string reference_;
  Network network_;
};

std::vector<std::string> addresses_of(const Answer& answer) {
  std::vector<std::string> addresses;
  for (const cni::Json& ip : answer.json.value("ips", cni::Json::array())) {
    addresses.push_back(Cidr::parse(ip.at("address").get<std::string>())->address().text());
  }
  return addresses;
}

TEST_F(Reference, InTurnsAgreesWithAModelOverRandomOperations) {
  const cni::Json conf =
      network_.conf({{"ranges", {{{{"subnet", "10.1.0.0/27"}}}, {{{"subnet", "fd00::/123"}}}}}},
                    {{"cniVersion", "1.0.0"}});
  std::map<std::string, std::vector<std::string>> model;  // owner -> addresses
  std::mt19937 random(20);
  for (int i = 0; i < steps(); ++i) {
    const bool ours = random() % 2 == 0;
    const std::string& plugin = ours ? std::string(LINNET_HOST_LOCAL) : reference_;
    const Owner who =
        owner("c" + std::to_string(random() % 40), random() % 2 == 0 ? "eth0" : "eth1");
    SCOPED_TRACE(testing::Message() << "step " << i << (ours ? " linnet " : " reference ")
                                    << who.container_id << " " << who.ifname);
    const auto known = model.find(who.text());
    if (random() % 2 == 0) {
      const Answer answer = run_plugin(plugin, "DEL", who, conf);
      ASSERT_EQ(answer.exit_code, 0) << cni::dump(answer.json);
      model.erase(who.text());
    } else if (known != model.end()) {
      const Answer answer = run_plugin(plugin, "ADD", who, conf);
      // The reference refuses a repeated ADD for ever; the leases stay.
      if (ours) {
        ASSERT_EQ(addresses_of(answer), known->second) << cni::dump(answer.json);
      } else {
        ASSERT_NE(answer.exit_code, 0);
      }
    } else {
      const Answer answer = run_plugin(plugin, "ADD", who, conf);
      if (model.size() == 29) {
        ASSERT_NE(answer.exit_code, 0);
      } else {
        ASSERT_EQ(answer.exit_code, 0) << cni::dump(answer.json);
        ASSERT_EQ(addresses_of(answer).size(), 2U);
        model[who.text()] = addresses_of(answer);
      }
    }
    std::map<std::string, std::string> expected;
    for (const auto& [content, addresses] : model) {
      for (const std::string& address : addresses) {
        ASSERT_TRUE(expected.emplace(address, content).second) << address << " leased twice";
      }
    }
    ASSERT_EQ(network_.leases(), expected);
  }
}

TEST_F(Reference, ChoosesTheNextAddressAfterOurs) {
  const cni::Json conf = network_.conf({{"subnet", "10.1.0.0/24"}}, {{"cniVersion", "1.0.0"}});
  EXPECT_THAT(addresses_of(run_plugin(LINNET_HOST_LOCAL, "ADD", owner("a"), conf)),
              ::testing::ElementsAre("10.1.0.2"));
  EXPECT_THAT(addresses_of(run_plugin(reference_, "ADD", owner("b"), conf)),
              ::testing::ElementsAre("10.1.0.3"));
  EXPECT_THAT(addresses_of(run_plugin(LINNET_HOST_LOCAL, "ADD", owner("c"), conf)),
              ::testing::ElementsAre("10.1.0.4"));
}

TEST_F(Reference, AcceptsOurLeaseInCheck) {
  cni::Json conf = network_.conf({{"subnet", "10.1.0.0/24"}}, {{"cniVersion", "1.0.0"}});
  conf["prevResult"] = run_plugin(LINNET_HOST_LOCAL, "ADD", owner("a"), conf).json;
  EXPECT_EQ(run_plugin(reference_, "CHECK", owner("a"), conf).exit_code, 0);
  EXPECT_EQ(run_plugin(LINNET_HOST_LOCAL, "CHECK", owner("a"), conf).exit_code, 0);
  EXPECT_EQ(run_plugin(reference_, "DEL", owner("a"), conf).exit_code, 0);
  EXPECT_NE(run_plugin(LINNET_HOST_LOCAL, "CHECK", owner("a"), conf).exit_code, 0);
}

}  // namespace
}  // namespace linnet::host_local::test
