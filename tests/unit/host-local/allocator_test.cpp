#include "plugins/ipam/host-local/allocator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libcni/error.h"
#include "tests/unit/host-local/support.h"

namespace linnet::host_local::test {
namespace {

using cni::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

struct Failure {
  int code = 0;
  std::string text;
};

Failure failure_of(const Network& network, const Config& config, const Owner& who) {
  try {
    (void)allocate(network, config, who);
  } catch (const cni::Error& error) {
    return {error.code(), error.what()};
  }
  return {0, "no error"};
}

TEST(Allocator, GoesRoundAndComesBackToFreedAddressesLast) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/29"}});
  EXPECT_THAT(allocate(network, config, owner("a")), ElementsAre("10.1.0.2"));
  EXPECT_THAT(allocate(network, config, owner("b")), ElementsAre("10.1.0.3"));
  EXPECT_EQ(release(network, owner("a")), 1U);
  EXPECT_THAT(allocate(network, config, owner("c")), ElementsAre("10.1.0.4"));
  EXPECT_THAT(allocate(network, config, owner("d")), ElementsAre("10.1.0.5"));
  EXPECT_THAT(allocate(network, config, owner("e")), ElementsAre("10.1.0.6"));
  EXPECT_THAT(allocate(network, config, owner("f")), ElementsAre("10.1.0.2"));
}

TEST(Allocator, LeasesTheLastReservedAddressAgainWhenItIsTheOnlyOneFree) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/30"}});
  EXPECT_THAT(allocate(network, config, owner("a")), ElementsAre("10.1.0.2"));
  release(network, owner("a"));
  EXPECT_THAT(allocate(network, config, owner("b")), ElementsAre("10.1.0.2"));
}

TEST(Allocator, SaysWhichRangeIsFullAndHowFull) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/29"}});
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    (void)allocate(network, config, owner(id));
  }
  const Failure failure = failure_of(network, config, owner("f"));
  EXPECT_EQ(failure.code, 11);
  EXPECT_THAT(failure.text,
              HasSubstr("failed to allocate for range 0: no IP addresses available in "
                        "range set: 10.1.0.1-10.1.0.6"));
  EXPECT_THAT(failure.text, HasSubstr("10.1.0.0/29: 5 of 5 addresses in use"));
}

TEST(Allocator, SkipsAGatewayInTheMiddleOfTheRange) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/29"}, {"gateway", "10.1.0.3"}});
  std::vector<std::string> all;
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    all.push_back(allocate(network, config, owner(id)).at(0));
  }
  EXPECT_THAT(all, ElementsAre("10.1.0.1", "10.1.0.2", "10.1.0.4", "10.1.0.5", "10.1.0.6"));
}

TEST(Allocator, ContinuesInTheNextRangeOfTheSet) {
  const Network network;
  const Config config =
      network.parse({{"ranges", {{{{"subnet", "10.1.0.0/30"}}, {{"subnet", "10.2.0.0/30"}}}}}});
  EXPECT_THAT(allocate(network, config, owner("a")), ElementsAre("10.1.0.2"));
  EXPECT_THAT(allocate(network, config, owner("b")), ElementsAre("10.2.0.2"));
  EXPECT_THAT(failure_of(network, config, owner("c")).text,
              HasSubstr("10.1.0.0/30: 1 of 1 addresses in use, 10.2.0.0/30: 1 of 1"));
}

TEST(Allocator, GivesOneAddressOfEachSetWithItsGatewayAndPrefix) {
  const Network network;
  const Config config =
      network.parse({{"ranges", {{{{"subnet", "10.1.0.0/24"}}}, {{{"subnet", "fd00::/64"}}}}}});
  Store store = network.open();
  const std::vector<cni::IpConfig> ips = Allocator(store, config).allocate(owner("a"), 0);
  ASSERT_EQ(ips.size(), 2U);
  EXPECT_EQ(ips[0].address.text(), "10.1.0.2/24");
  EXPECT_EQ(ips[0].gateway->text(), "10.1.0.1");
  EXPECT_EQ(ips[1].address.text(), "fd00::2/64");
  EXPECT_EQ(ips[1].gateway->text(), "fd00::1");
  EXPECT_FALSE(ips[0].interface.has_value());
}

TEST(Allocator, WritesTheStoreAsTheReferenceDoes) {
  const Network network;
  const Config config =
      network.parse({{"ranges", {{{{"subnet", "10.1.0.0/24"}}}, {{{"subnet", "fd00::/64"}}}}}});
  (void)allocate(network, config, owner("a"));
  EXPECT_THAT(network.leases(),
              ElementsAre(Pair("10.1.0.2", "a\r\neth0"), Pair("fd00::2", "a\r\neth0")));
  EXPECT_EQ(network.read("last_reserved_ip.0"), "10.1.0.2");
  EXPECT_EQ(network.read("last_reserved_ip.1"), "fd00::2");
}

TEST(Allocator, KeepsTheLastReservedAddressWholeWhenItBecomesShorter) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/24"}});
  network.write("last_reserved_ip.0", "10.1.0.253");
  EXPECT_THAT(allocate(network, config, owner("a")), ElementsAre("10.1.0.254"));
  EXPECT_THAT(allocate(network, config, owner("b")), ElementsAre("10.1.0.2"));
  EXPECT_EQ(network.read("last_reserved_ip.0"), "10.1.0.2");
}

TEST(Allocator, StartsAtTheBeginningWhenTheLastReservedAddressIsNonsense) {
  for (const char* content : {"", "nonsense", "192.0.2.1", "10.1.0.2\n"}) {
    const Network network;
    network.write("last_reserved_ip.0", content);
    EXPECT_THAT(allocate(network, network.parse({{"subnet", "10.1.0.0/24"}}), owner("a")),
                ElementsAre("10.1.0.2"));
  }
}

TEST(Allocator, LeasesRequestedAddressesOverSeveralSetsAndFamilies) {
  const Network network;
  const Json ipam = {{"ranges", {{{{"subnet", "10.1.0.0/24"}}}, {{{"subnet", "fd00::/64"}}}}}};
  const Config config =
      network.parse(ipam, {{"runtimeConfig", {{"ips", {"fd00::99/64", "10.1.0.77"}}}}});
  EXPECT_THAT(allocate(network, config, owner("a")), ElementsAre("10.1.0.77", "fd00::99"));
  EXPECT_EQ(network.read("last_reserved_ip.0"), "10.1.0.77");
}

TEST(Allocator, RefusesRequestsThatCannotBeAndLeasesNothing) {
  const Network network;
  const Json ipam = {{"subnet", "10.1.0.0/24"},
                     {"ranges", {{{{"subnet", "10.2.0.0/24"}, {"exclude", {"10.2.0.9"}}}}}}};
  const auto failing = [&](const char* address) {
    return failure_of(network, network.parse(ipam, {{"runtimeConfig", {{"ips", {address}}}}}),
                      owner("a"));
  };
  EXPECT_THAT(failing("10.1.0.1").text, HasSubstr("requested ip 10.1.0.1 is subnet's gateway"));
  EXPECT_THAT(failing("10.2.0.9").text, HasSubstr("requested ip 10.2.0.9 is excluded"));
  EXPECT_THAT(failing("192.0.2.1").text,
              HasSubstr("failed to allocate all requested IPs: 192.0.2.1"));
  EXPECT_EQ(failing("192.0.2.1").code, 7);
  EXPECT_THAT(network.leases(), IsEmpty());
}

TEST(Allocator, RefusesARequestedAddressThatAnotherContainerHas) {
  const Network network;
  const Config config =
      network.parse({{"subnet", "10.1.0.0/24"}}, {{"runtimeConfig", {{"ips", {"10.1.0.9"}}}}});
  (void)allocate(network, config, owner("a"));
  const Failure failure = failure_of(network, config, owner("b"));
  EXPECT_EQ(failure.code, 11);
  EXPECT_THAT(failure.text, HasSubstr("requested IP address 10.1.0.9 is not available in range set "
                                      "10.1.0.1-10.1.0.254"));
  EXPECT_THAT(allocate(network, config, owner("a")), ElementsAre("10.1.0.9"));
}

TEST(Allocator, RepeatedForAnOwnerGivesTheSameAddresses) {
  const Network network;
  const Json ipam = {{"ranges", {{{{"subnet", "10.1.0.0/24"}}}, {{{"subnet", "fd00::/64"}}}}}};
  const std::vector<std::string> first = allocate(network, network.parse(ipam), owner("a"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(allocate(network, network.parse(ipam), owner("a")), first);
  }
  EXPECT_EQ(network.leases().size(), 2U);
}

TEST(Allocator, RepeatedCompletesMissingSets) {
  const Network network;
  EXPECT_THAT(allocate(network, network.parse({{"subnet", "10.1.0.0/24"}}), owner("a")),
              ElementsAre("10.1.0.2"));
  const Config both =
      network.parse({{"subnet", "10.1.0.0/24"}, {"ranges", {{{{"subnet", "fd00::/64"}}}}}});
  EXPECT_THAT(allocate(network, both, owner("a")), ElementsAre("10.1.0.2", "fd00::2"));
}

TEST(Allocator, RepeatedWithAnotherRequestReplacesTheAddress) {
  const Network network;
  (void)allocate(network, network.parse({{"subnet", "10.1.0.0/24"}}), owner("a"));
  const Config other =
      network.parse({{"subnet", "10.1.0.0/24"}}, {{"runtimeConfig", {{"ips", {"10.1.0.50"}}}}});
  EXPECT_THAT(allocate(network, other, owner("a")), ElementsAre("10.1.0.50"));
  EXPECT_THAT(network.leases(), ElementsAre(Pair("10.1.0.50", "a\r\neth0")));
}

TEST(Allocator, RepeatedTakesOverALeaseThatNamesOnlyTheContainer) {
  const Network network;
  network.write("10.1.0.40", "a");
  EXPECT_THAT(allocate(network, network.parse({{"subnet", "10.1.0.0/24"}}), owner("a")),
              ElementsAre("10.1.0.40"));
  EXPECT_EQ(network.read("10.1.0.40"), "a\r\neth0");
  EXPECT_EQ(release(network, owner("a")), 1U);
}

TEST(Allocator, KeepsInterfacesOfOneContainerApart) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/24"}});
  EXPECT_THAT(allocate(network, config, owner("a", "eth0")), ElementsAre("10.1.0.2"));
  EXPECT_THAT(allocate(network, config, owner("a", "eth1")), ElementsAre("10.1.0.3"));
  EXPECT_EQ(release(network, owner("a", "eth0")), 1U);
  EXPECT_THAT(network.leases(), ElementsAre(Pair("10.1.0.3", "a\r\neth1")));
}

TEST(Allocator, ReleasesWhatItReservedWhenALaterSetIsFull) {
  const Network network;
  const Config config =
      network.parse({{"ranges", {{{{"subnet", "10.1.0.0/24"}}}, {{{"subnet", "10.2.0.0/30"}}}}}});
  (void)allocate(network, config, owner("a"));
  const Failure failure = failure_of(network, config, owner("b"));
  EXPECT_THAT(failure.text, HasSubstr("failed to allocate for range 1"));
  EXPECT_THAT(network.leases(),
              ElementsAre(Pair("10.1.0.2", "a\r\neth0"), Pair("10.2.0.2", "a\r\neth0")));
}

TEST(Allocator, OnFailureKeepsTheLeasesFromBefore) {
  const Network network;
  (void)allocate(network, network.parse({{"subnet", "10.1.0.0/24"}}), owner("b"));
  network.write("10.2.0.2", "other\r\neth0");
  const Config config =
      network.parse({{"ranges", {{{{"subnet", "10.1.0.0/24"}}}, {{{"subnet", "10.2.0.0/30"}}}}}});
  EXPECT_EQ(failure_of(network, config, owner("b")).code, 11);
  EXPECT_EQ(network.leases().count("10.1.0.2"), 1U);
}

TEST(Allocator, TakesAnEmptyLeaseFileForFree) {
  const Network network;
  network.write("10.1.0.2", "");
  network.write("10.1.0.3", " \r\n");
  const Config config = network.parse({{"subnet", "10.1.0.0/29"}});
  EXPECT_THAT(allocate(network, config, owner("a")), ElementsAre("10.1.0.2"));
  EXPECT_THAT(allocate(network, config, owner("b")), ElementsAre("10.1.0.3"));
  EXPECT_EQ(network.read("10.1.0.2"), "a\r\neth0");
}

TEST(Allocator, UnderPressureFreesLeasesWhoseNamespaceIsGoneAndAsksOnce) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/29"}});
  std::uint64_t inode = 100;
  for (const char* id : {"a", "b", "c"}) {
    (void)allocate(network, config, owner(id), kBoot, ++inode);
  }
  (void)allocate(network, config, owner("d"), kBoot, 0);
  network.write("10.1.0.6", "reference\r\neth0");
  int asked = 0;
  const LiveNamespaces live = [&]() -> std::optional<std::vector<std::uint64_t>> {
    ++asked;
    return std::vector<std::uint64_t>{101, 103};
  };
  EXPECT_THAT(allocate(network, config, owner("e"), kBoot, 101, live), ElementsAre("10.1.0.3"));
  EXPECT_EQ(asked, 1);
  EXPECT_THROW((void)allocate(network, config, owner("f"), kBoot, 101, live), cni::Error);
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(network.leases().size(), 5U);
}

TEST(Allocator, UnderPressureFreesNothingWhenLivingNamespacesAreNotKnown) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/30"}});
  (void)allocate(network, config, owner("a"), kBoot, 101);
  EXPECT_THROW((void)allocate(network, config, owner("b")), cni::Error);
  EXPECT_EQ(network.leases().size(), 1U);
}

TEST(Allocator, RepeatedFromANewNamespaceMovesTheLeaseThere) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/30"}});
  (void)allocate(network, config, owner("a"), kBoot, 101);
  (void)allocate(network, config, owner("a"), kBoot, 102);
  const LiveNamespaces live = [] { return std::vector<std::uint64_t>{102}; };
  EXPECT_THROW((void)allocate(network, config, owner("b"), kBoot, 102, live), cni::Error);
  EXPECT_EQ(network.leases().size(), 1U);
}

TEST(Allocator, ReportsFullSetsWithoutChangingAnything) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/30"}});
  (void)allocate(network, config, owner("a"), kBoot, 101);
  Store store = network.open();
  const LiveNamespaces dead = [] { return std::vector<std::uint64_t>{}; };
  const LiveNamespaces alive = [] { return std::vector<std::uint64_t>{101}; };
  EXPECT_THAT(Allocator(store, config, dead).full_sets(), IsEmpty());
  EXPECT_THAT(Allocator(store, config, alive).full_sets(),
              ElementsAre("10.1.0.0/30: 1 of 1 addresses in use"));
  EXPECT_EQ(network.leases().size(), 1U);
}

}  // namespace
}  // namespace linnet::host_local::test
