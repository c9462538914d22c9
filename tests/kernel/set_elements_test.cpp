// Elements that belong to attachments, when somebody else was faster.
#include "plugins/attach/set_elements.h"

#include <gmock/gmock.h>

#include "tests/support/host.h"

namespace linnet::test {
namespace {

using attach::SetElement;
using testing::HasSubstr;
using testing::Not;
namespace nft = netlink::nft;

class SetElements : public HostTest {
 protected:
  static SetElement element_of(unsigned char last) {
    const attach::Attachment owner = {.network = "n", .container_id = "c", .ifname = "eth0"};
    return {{nft::TableFamily::kInet, "t"},
            "s",
            {.key = {10, 9, 0, last}, .comment = attach::owner_comment(owner)}};
  }
  static void make_set() {
    must_run({"nft", "add table inet t; add set inet t s { type ipv4_addr; }"});
  }
  static std::string elements() { return must_run({"nft", "list", "set", "inet", "t", "s"}); }
};

// The kernel refuses a transaction as a whole.
TEST_F(SetElements, OneThatHasGoneKeepsNoOther) {
  make_set();
  nft::NftSocket socket;
  attach::put_elements(socket, {element_of(1), element_of(2), element_of(3)},
                       [](nft::Transaction&) {});
  must_run({"nft", "delete element inet t s { 10.9.0.2 }"});
  attach::remove_elements(socket, {element_of(1), element_of(2), element_of(3)});
  EXPECT_THAT(elements(), Not(HasSubstr("10.9.0")));
}

TEST_F(SetElements, OneThatHasANewOwnerStays) {
  make_set();
  nft::NftSocket socket;
  attach::put_elements(socket, {element_of(1), element_of(2)}, [](nft::Transaction&) {});
  must_run({"nft",
            "delete element inet t s { 10.9.0.1, 10.9.0.2 }; "
            "add element inet t s { 10.9.0.2 comment \"other\" }"});
  attach::remove_elements(socket, {element_of(1), element_of(2)});
  EXPECT_THAT(elements(), HasSubstr("10.9.0.2 comment \"other\""));
}

TEST_F(SetElements, OfATableThatHasGoneNothingIsLeft) {
  nft::NftSocket socket;
  attach::remove_elements(socket, {element_of(1)});
}

}  // namespace
}  // namespace linnet::test
