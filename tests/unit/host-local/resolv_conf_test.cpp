#include "plugins/ipam/host-local/resolv_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libcni/error.h"

namespace linnet::host_local {
namespace {

using ::testing::ElementsAre;

TEST(ResolvConf, YieldsServersDomainSearchAndOptions) {
  const cni::Dns dns = parse_resolv_conf(
      "# a comment\n; another\n\nnameserver 192.0.2.1\nnameserver\t192.0.2.2 trailing\n"
      "domain first.test\ndomain last.test\nsearch a.test b.test\nsearch c.test\n"
      "options ndots:2 rotate\nnameserver\nsortlist 1.2.3.4\n");
  EXPECT_THAT(dns.nameservers, ElementsAre("192.0.2.1", "192.0.2.2"));
  EXPECT_EQ(dns.domain, "last.test");
  EXPECT_THAT(dns.search, ElementsAre("a.test", "b.test", "c.test"));
  EXPECT_THAT(dns.options, ElementsAre("ndots:2", "rotate"));
}

TEST(ResolvConf, ToleratesCarriageReturnsAndMissingLineEnd) {
  EXPECT_THAT(parse_resolv_conf("nameserver 192.0.2.1\r\nsearch a.test").search,
              ElementsAre("a.test"));
}

TEST(ResolvConf, OfAFileThatIsMissingOrEndlessIsAnErrorThatNamesTheKey) {
  for (const char* const path : {"/nonexistent/resolv.conf", "/dev/zero", "/"}) {
    try {
      (void)read_resolv_conf(path, "ipam.resolvConf");
      ADD_FAILURE() << path;
    } catch (const cni::Error& error) {
      EXPECT_EQ(error.code(), 7);
      EXPECT_THAT(error.what(), ::testing::HasSubstr("ipam.resolvConf"));
    }
  }
}

}  // namespace
}  // namespace linnet::host_local
