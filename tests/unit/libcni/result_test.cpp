#include "libcni/result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libcni/version.h"
#include "tests/support/expect_error.h"

namespace linnet::cni {
namespace {

using test::expect_error;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// Every field set, two addresses a family.
Result full_result() {
  Result result;
  result.interfaces = {{.name = "cni0", .mac = "02:00:00:00:00:01", .mtu = 1400},
                       {.name = "eth0",
                        .mac = "02:00:00:00:00:02",
                        .mtu = 1500,
                        .sandbox = "/run/netns/x",
                        .socket_path = "/run/s",
                        .pci_id = "0000:00:1f.6"}};
  result.ips = {{1, *Cidr::parse("10.0.0.2/24"), IpAddress::parse("10.0.0.1")},
                {0, *Cidr::parse("fd00::2/64"), IpAddress::parse("fd00::1")},
                {std::nullopt, *Cidr::parse("10.0.1.2/24"), std::nullopt},
                {1, *Cidr::parse("fd01::2/64"), std::nullopt}};
  result.routes = {{.dst = *Cidr::parse("0.0.0.0/0"),
                    .gw = IpAddress::parse("10.0.0.1"),
                    .mtu = 1400,
                    .advmss = 1360,
                    .priority = 100,
                    .table = 0,
                    .scope = 0},
                   {.dst = *Cidr::parse("::/0")}};
  result.dns = {{"1.1.1.1"}, "example.org", {"a", "b"}, {"ndots:5"}};
  return result;
}

Result through(const Result& result, std::string_view version) {
  return parse_result(to_json(result, version), "9.9.9", "result");
}

TEST(Result, SurvivesTheNewestVersionWhole) {
  EXPECT_EQ(through(full_result(), "1.1.0"), full_result());
}

TEST(Result, SurvivesOlderVersionsWithoutTheFieldsTheyLack) {
  Result expected = full_result();
  for (Interface& interface : expected.interfaces) {
    interface.mtu = 0;
    interface.socket_path.clear();
    interface.pci_id.clear();
  }
  for (Route& route : expected.routes) {
    route = {.dst = route.dst, .gw = route.gw};
  }
  for (const char* version : {"0.3.0", "0.3.1", "0.4.0", "1.0.0"}) {
    EXPECT_EQ(through(full_result(), version), expected) << version;
  }
}

TEST(Result, DropsRouteMtuForVersionsThatLackIt) {
  for (const std::string_view version : kAllVersions) {
    const Json json = to_json(full_result(), version);
    const Json& routes = json.contains("ip4") ? json["ip4"]["routes"] : json["routes"];
    for (const char* field : {"mtu", "advmss", "priority", "table", "scope"}) {
      EXPECT_EQ(routes[0].contains(field), version == "1.1.0") << version << ' ' << field;
    }
  }
}

TEST(Result, WritesTableAndScopeZero) {
  const Json route = to_json(full_result(), "1.1.0")["routes"][0];
  EXPECT_EQ(route["table"], 0);
  EXPECT_EQ(route["scope"], 0);
}

TEST(Result, WritesInterfaceZero) {
  for (const char* version : {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}) {
    const Json ips = to_json(full_result(), version)["ips"];
    EXPECT_EQ(ips[1]["interface"], 0) << version;
    EXPECT_FALSE(ips[2].contains("interface")) << version;
  }
}

TEST(Result, NamesTheAddressFamilyInVersionsThatHaveIt) {
  for (const char* version : {"0.3.0", "0.3.1", "0.4.0"}) {
    const Json ips = to_json(full_result(), version)["ips"];
    EXPECT_EQ(ips[0]["version"], "4");
    EXPECT_EQ(ips[1]["version"], "6");
  }
  for (const char* version : {"1.0.0", "1.1.0"}) {
    EXPECT_FALSE(to_json(full_result(), version)["ips"][0].contains("version"));
  }
}

TEST(Result, PrintsEmptyDnsBeforeOneZeroOnly) {
  Result result;
  result.ips = {{std::nullopt, *Cidr::parse("10.0.0.2/24"), std::nullopt}};
  for (const std::string_view version : kAllVersions) {
    const Json json = to_json(result, version);
    EXPECT_EQ(json["cniVersion"], version);
    if (at_least(version, "1.0.0")) {
      EXPECT_FALSE(json.contains("dns")) << version;
    } else {
      EXPECT_EQ(json["dns"], Json::object()) << version;
    }
  }
}

TEST(Result, LeavesOutWhatIsEmpty) {
  EXPECT_EQ(dump(to_json(Result(), "1.1.0")), R"({"cniVersion":"1.1.0"})");
  EXPECT_EQ(dump(to_json(Result{.interfaces = {{.name = "lo"}}}, "1.1.0")),
            R"({"cniVersion":"1.1.0","interfaces":[{"name":"lo"}]})");
}

TEST(Result, FirstAddressAndTheRoutesOfEachFamilyGoToTheOldestVersions) {
  for (const char* version : {"0.1.0", "0.2.0"}) {
    const Json json = to_json(full_result(), version);
    EXPECT_EQ(
        dump(json["ip4"]),
        R"({"gateway":"10.0.0.1","ip":"10.0.0.2/24","routes":[{"dst":"0.0.0.0/0","gw":"10.0.0.1"}]})");
    EXPECT_EQ(dump(json["ip6"]),
              R"({"gateway":"fd00::1","ip":"fd00::2/64","routes":[{"dst":"::/0"}]})");
    EXPECT_FALSE(json.contains("interfaces"));
    const Result back = through(full_result(), version);
    EXPECT_THAT(back.ips, SizeIs(2));
    EXPECT_THAT(back.routes, SizeIs(2));
    EXPECT_FALSE(back.ips[0].interface);
  }
}

TEST(Result, RoutesOfAFamilyWithoutAnAddressAreLostInTheOldestVersions) {
  Result result = full_result();
  result.ips.resize(1);
  const Json json = to_json(result, "0.2.0");
  EXPECT_FALSE(json.contains("ip6"));
  EXPECT_THAT(json["ip4"]["routes"], SizeIs(1));
}

TEST(Result, WithoutAnAddressCannotBeShownInTheOldestVersions) {
  for (const std::string_view version : kAllVersions) {
    if (can_show_layer2(version)) {
      EXPECT_NO_THROW((void)to_json(Result(), version)) << version;
    } else {
      expect_error(Code::kInternal, "cannot convert: no valid IP addresses",
                   [&] { (void)to_json(Result(), version); });
    }
  }
  EXPECT_FALSE(can_show_layer2("0.2.0"));
  EXPECT_TRUE(can_show_layer2("0.3.0"));
}

TEST(Result, EveryVersionPairConvertsWithinItsFamiliesLimits) {
  for (const std::string_view from : kAllVersions) {
    for (const std::string_view to : kAllVersions) {
      const Result once = through(full_result(), from);
      const Result twice = through(once, to);
      EXPECT_EQ(twice.ips.empty(), false) << from << ' ' << to;
      EXPECT_EQ(through(twice, to), twice) << from << ' ' << to;
      EXPECT_EQ(twice.dns, full_result().dns) << from << ' ' << to;
    }
  }
}

TEST(Result, UnknownVersionIsRefusedBothWays) {
  expect_error(Code::kIncompatibleVersion, "unknown version \"9.9.9\"",
               [] { (void)to_json(Result(), "9.9.9"); });
  expect_error(Code::kIncompatibleVersion, "unknown version \"9.9.9\"",
               [] { (void)parse_result(Json::object(), "9.9.9", "result"); });
  expect_error(Code::kIncompatibleVersion, "unknown version \"\"", [] {
    (void)parse_result(Json{{"cniVersion", ""}}, "", "result");
  });
}

TEST(Result, WithoutAVersionHasTheDefaultOne) {
  const Json old = {{"ip4", {{"ip", "10.0.0.2/24"}}}};
  EXPECT_THAT(parse_result(old, "0.2.0", "result").ips, SizeIs(1));
  EXPECT_THAT(parse_result(old, "1.0.0", "result").ips, IsEmpty());
}

TEST(Result, JsonNullIsAnEmptyResult) {
  EXPECT_EQ(parse_result(nullptr, "1.0.0", "result"), Result());
}

TEST(Result, WrongFieldIsNamedWithItsPath) {
  const auto parse = [](const char* text) {
    return [text] { (void)parse_result(parse_json(text, "x"), "1.1.0", "prevResult"); };
  };
  const auto code = Code::kDecodingFailure;
  expect_error(code, "\"prevResult\": expected an object, got a list", parse("[]"));
  expect_error(code, "\"prevResult.ips[1].address\": expected ADDRESS/PREFIX, got \"10.0.0.2\"",
               parse(R"({"ips":[{"address":"10.0.0.2/8"},{"address":"10.0.0.2"}]})"));
  expect_error(code, "\"prevResult.ips[0].address\": expected ADDRESS/PREFIX, got nothing",
               parse(R"({"ips":[{}]})"));
  expect_error(code, "\"prevResult.ips[0].gateway\": expected an IP address, got \"x\"",
               parse(R"({"ips":[{"address":"10.0.0.2/8","gateway":"x"}]})"));
  expect_error(code, "\"prevResult.routes[0].mtu\": expected an integer from 0 to",
               parse(R"({"routes":[{"dst":"::/0","mtu":-1}]})"));
  expect_error(code, "\"prevResult.interfaces[0]\": expected an object, got 1",
               parse(R"({"interfaces":[1]})"));
  expect_error(code, "\"prevResult.dns.search\": expected a list of strings, got \"a\"",
               parse(R"({"dns":{"search":"a"}})"));
}

TEST(Result, InterfaceIndexMustPointToAnInterface) {
  const auto parse = [](const char* index) {
    return [index] {
      (void)parse_result(
          parse_json(R"({"interfaces":[{"name":"a"}],"ips":[{"address":"10.0.0.2/8","interface":)" +
                         std::string(index) + "}]}",
                     "x"),
          "1.1.0", "result");
    };
  };
  EXPECT_NO_THROW(parse("0")());
  expect_error(Code::kDecodingFailure, "index 1 outside \"interfaces\", which has 1", parse("1"));
  expect_error(Code::kDecodingFailure, "expected an integer from 0", parse("-1"));
}

TEST(Result, IndexOfAnAbbreviatedResultMeansNothing) {
  const Json json = {{"ips", {{{"address", "10.0.0.2/8"}, {"interface", 0}}}}};
  EXPECT_FALSE(parse_result(json, "1.0.0", "result").ips[0].interface);
}

TEST(Result, KeysAndEmptyAddressesAreReadAsGoWritesThem) {
  const Json json = {{"IPs", {{{"Address", "10.0.0.2/8"}, {"gateway", ""}}}}};
  const Result result = parse_result(json, "1.0.0", "result");
  ASSERT_THAT(result.ips, SizeIs(1));
  EXPECT_FALSE(result.ips[0].gateway);
}

TEST(ResultFamily, GroupsVersionsWhoseResultsMix) {
  EXPECT_TRUE(same_result_family("0.1.0", "0.2.0"));
  EXPECT_TRUE(same_result_family("0.3.0", "0.4.0"));
  EXPECT_TRUE(same_result_family("1.0.0", "1.1.0"));
  EXPECT_FALSE(same_result_family("0.2.0", "0.3.0"));
  EXPECT_FALSE(same_result_family("0.4.0", "1.0.0"));
}

TEST(ConfiguredRoute, IsReadWithTheCodeOfAConfiguration) {
  EXPECT_EQ(parse_route({{"dst", "10.0.0.0/8"}, {"table", 7}}, "r").table, 7U);
  expect_error(Code::kInvalidNetworkConfig, "\"ipam.routes[0].dst\"",
               [] { (void)parse_route(Json::object(), "ipam.routes[0]"); });
  expect_error(Code::kInvalidNetworkConfig, "\"dns.nameservers[0]\"", [] {
    (void)parse_dns({{"nameservers", {1}}}, "dns");
  });
}

}  // namespace
}  // namespace linnet::cni
