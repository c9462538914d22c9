// Elements that belong to attachments, when somebody else was faster.
#include "plugins/attach/owned_elements.h"

#include <gmock/gmock.h>

#include "base/text.h"
#include "tests/support/host.h"

namespace linnet::test {
namespace {

namespace owned = attach::owned;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
namespace nft = netlink::nft;

class OwnedElements : public HostTest {
 protected:
  static owned::Element element_of(unsigned char last) {
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
TEST_F(OwnedElements, OneThatHasGoneKeepsNoOther) {
  make_set();
  nft::NftSocket socket;
  owned::put(socket, {element_of(1), element_of(2), element_of(3)}, {});
  must_run({"nft", "delete element inet t s { 10.9.0.2 }"});
  owned::remove(socket, {element_of(1), element_of(2), element_of(3)});
  EXPECT_THAT(elements(), Not(HasSubstr("10.9.0")));
}

TEST_F(OwnedElements, OneThatHasANewOwnerStays) {
  make_set();
  nft::NftSocket socket;
  owned::put(socket, {element_of(1), element_of(2)}, {});
  must_run({"nft",
            "delete element inet t s { 10.9.0.1, 10.9.0.2 }; "
            "add element inet t s { 10.9.0.2 comment \"other\" }"});
  owned::remove(socket, {element_of(1), element_of(2)});
  EXPECT_THAT(elements(), HasSubstr("10.9.0.2 comment \"other\""));
}

// What each word of the call makes of an element that is somebody else's.
TEST_F(OwnedElements, OneThatIsTakenIsRefusedReplacedSharedOrWaitedFor) {
  must_run({"nft",
            "add table inet t; add set inet t s { type ipv4_addr; }; "
            "add set inet t w { type ipv4_addr; }"});
  nft::NftSocket socket;
  const auto put = [&](owned::OnTaken on_taken) {
    must_run({"nft", "flush set inet t s; add element inet t s { 10.9.0.1 comment \"other\" }"});
    owned::Elements elements = {element_of(1), element_of(2)};
    elements.front().on_taken = on_taken;
    owned::put(socket, elements, {.place_waiting = [](const owned::Elements& waiting) {
                 owned::Elements elsewhere = waiting;
                 elsewhere.front().set = "w";
                 return elsewhere;
               }});
  };
  EXPECT_THROW(put(owned::OnTaken::kRefuse), netlink::Error);
  EXPECT_THAT(elements(),
              AllOf(HasSubstr("10.9.0.1 comment \"other\""), Not(HasSubstr("10.9.0.2"))));
  put(owned::OnTaken::kReplace);
  EXPECT_THAT(elements(), AllOf(Not(HasSubstr("other")), HasSubstr("10.9.0.2")));
  put(owned::OnTaken::kShare);
  EXPECT_THAT(elements(), AllOf(HasSubstr("10.9.0.1 comment \"other\""), HasSubstr("10.9.0.2")));
  put(owned::OnTaken::kWait);
  EXPECT_THAT(elements(), AllOf(HasSubstr("10.9.0.1 comment \"other\""), HasSubstr("10.9.0.2")));
  EXPECT_THAT(must_run({"nft", "list", "set", "inet", "t", "w"}), HasSubstr("id: c"));
}

// One owner's elements are never taken apart, whatever the size of a transaction.
TEST_F(OwnedElements, ManyOfSeveralOwnersGoWhileOthersAreFaster) {
  make_set();
  nft::NftSocket socket;
  owned::Elements all;
  for (unsigned i = 0; i < 1000; ++i) {
    owned::Element item = element_of(static_cast<unsigned char>(i % 250));
    item.element.key[2] = static_cast<unsigned char>(i / 250);
    item.element.comment = attach::owner_comment(
        {.network = "n", .container_id = concat("c", i / 3), .ifname = "eth0"});
    all.push_back(std::move(item));
  }
  owned::put(socket, all, {});
  EXPECT_TRUE(owned::remove(socket, {all.begin() + 10, all.begin() + 20}));
  EXPECT_FALSE(owned::remove(socket, all));
  EXPECT_THAT(elements(), Not(HasSubstr("10.9")));
}

TEST_F(OwnedElements, OfATableThatHasGoneNothingIsLeft) {
  nft::NftSocket socket;
  owned::remove(socket, {element_of(1)});
}

}  // namespace
}  // namespace linnet::test
