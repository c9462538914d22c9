#include "tests/kernel/child_world.h"

#include <algorithm>
#include <iterator>
#include <ostream>

namespace linnet::test {

using cni::Json;

void PrintTo(const ChildCase& child, std::ostream* out) { *out << child.name; }

void ChildWorld::SetUp() {
  HostTest::SetUp();
  if (IsSkipped()) {
    return;
  }
  for (const char* name : {"c1", "c2", "outside"}) {
    make_container(name);
  }
  const auto outside = [](std::vector<std::string> command) {
    command.insert(command.begin(), {"ip", "-n", "outside"});
    must_run(command);
  };
  must_run(
      {"ip", "link", "add", "up0", "type", "veth", "peer", "name", "out0", "netns", "outside"});
  must_run({"ip", "addr", "add", "10.22.0.200/24", "dev", "up0"});
  must_run({"ip", "addr", "add", "fd22::200/64", "dev", "up0", "nodad"});
  outside({"addr", "add", "10.22.0.1/24", "dev", "out0"});
  outside({"addr", "add", "fd22::1/64", "dev", "out0", "nodad"});
  outside({"addr", "add", "198.51.100.1/32", "dev", "lo"});
  outside({"addr", "add", "2001:db8::1/128", "dev", "lo", "nodad"});
  must_run({"ip", "link", "set", "up0", "up"});
  outside({"link", "set", "lo", "up"});
  outside({"link", "set", "out0", "up"});
  wait_for_carrier("up0");
  outside({"route", "add", "10.33.0.0/24", "via", "10.22.0.200"});
  outside({"route", "add", "fd33::/64", "via", "fd22::200"});
  must_run({"ip", "route", "add", "default", "via", "10.22.0.1"});
  must_run({"ip", "route", "add", "default", "via", "fd22::1"});
  // The kernel takes up to a second to notice that a new pair has a carrier, and only then listens for
  // neighbour solicitations.
  for (int i = 0; i < 30 && run_program({"ping", "-n", "-c1", "-W0.1", "fd22::1"}).exit_code != 0;
       ++i) {
  }
}

Json ChildWorld::conf_of(const ChildCase& child) {
  Json conf = {{"cniVersion", "1.1.0"}, {"name", "net1"}, {"master", "up0"}};
  const std::string four = subnet4(child);
  const std::string six = subnet6(child);
  conf["ipam"] = {
      {"type", "host-local"},
      {"ranges",
       {{{{"subnet", four + "0/24"}, {"rangeStart", four + "10"}, {"gateway", four + "1"}}},
        {{{"subnet", six + "/64"}, {"rangeStart", six + "10"}, {"gateway", six + "1"}}}}},
      {"routes", {{{"dst", "0.0.0.0/0"}}, {{"dst", "::/0"}}}}};
  return with(conf, child.keys);
}

std::string ChildWorld::everything() {
  std::string text = world();
  for (const char* name : {"c1", "c2"}) {
    for (const Json& link : ip(name, {"link", "show"})) {
      text += std::string(name) + " has " + link.value("ifname", "") + "\n";
    }
  }
  return text;
}

std::string ChildWorld::refusal(const Json& conf, int code) const {
  const ProgramOutput output = call({.verb = "ADD", .conf = conf});
  EXPECT_EQ(output.exit_code, 1) << output.standard_output;
  const Json error = output.json();
  EXPECT_EQ(error.value("code", 0), code) << output.standard_output;
  return error.value("msg", "");
}

void ChildTest::SetUp() {
  ChildWorld::SetUp();
  if (IsSkipped()) {
    return;
  }
  const std::string kind = child().keys["type"];
  const bool able =
      run_program({"ip", "link", "add", "link", "up0", "name", "probe0", "type", kind}).exit_code ==
      0;
  if (!able) {
    GTEST_SKIP() << "needs a kernel with " << kind << " (CONFIG_"
                 << (kind == "ipvlan" ? "IPVLAN" : "MACVLAN") << ")";
  }
  must_run({"ip", "link", "delete", "probe0"});
}

namespace {

std::vector<ChildCase> cases_with(bool (*wanted)(const ChildCase&)) {
  std::vector<ChildCase> cases;
  std::ranges::copy_if(child_cases(), std::back_inserter(cases), wanted);
  return cases;
}

std::string name_of(const testing::TestParamInfo<ChildCase>& one) { return one.param.name; }

INSTANTIATE_TEST_SUITE_P(Mode, ChildMode, testing::ValuesIn(child_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Mode, ChildTest, testing::ValuesIn(cases_with([](const ChildCase& one) {
                           return one.thorough;
                         })),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Mode, ChildHostAccess,
                         testing::ValuesIn(cases_with([](const ChildCase& one) {
                           return one.host_access && one.thorough;
                         })),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Mode, ChildHostTraffic,
                         testing::ValuesIn(cases_with([](const ChildCase& one) {
                           return one.host_access && one.siblings_talk;
                         })),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Mode, ChildFailures, testing::Values(child_cases().front()), name_of);
INSTANTIATE_TEST_SUITE_P(Mode, ChildExample, testing::Values(child_cases().front()), name_of);

}  // namespace

}  // namespace linnet::test
