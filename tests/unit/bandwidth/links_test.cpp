#include "plugins/meta/bandwidth/links.h"

#include <gtest/gtest.h>

namespace linnet::bandwidth {
namespace {

// The reference's name was computed with sha512sum(1).
TEST(BandwidthLinks, TheIfbHasANameForEachInterfaceAndTheReferencesForTheContainer) {
  const attach::Attachment first = {.network = "net1", .container_id = "c1", .ifname = "eth0"};
  const attach::Attachment second = {.network = "net1", .container_id = "c1", .ifname = "eth1"};
  EXPECT_EQ(ifb_name(first).size(), 15U);
  EXPECT_TRUE(ifb_name(first).starts_with("bwp"));
  EXPECT_NE(ifb_name(first), ifb_name(second));
  EXPECT_EQ(reference_ifb_name(first), reference_ifb_name(second));
  EXPECT_EQ(reference_ifb_name(first), "bwpc2d892b58e87");
}

}  // namespace
}  // namespace linnet::bandwidth
