#include "netlink/internal/nft_parse.h"

#include <gmock/gmock.h>

#include <memory>

#include "tests/unit/netlink/nft_message.h"

namespace linnet::test {
namespace {

namespace nft = netlink::nft;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint16_t kNewRule = 0x0a06;
constexpr std::uint16_t kNewElements = 0x0a0c;

// Calls `read` with a message in memory of exactly its size, so that reading one byte after it is noticed.
template <typename Read>
auto read_exactly(const Bytes& bytes, Read&& read) {
  const auto exact = std::make_unique<unsigned char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  return read(reinterpret_cast<const nlmsghdr*>(exact.get()));
}

nft::Rule rule_in(const Bytes& bytes) { return read_exactly(bytes, nft::parse_rule); }

std::vector<nft::Element> elements_in(const Bytes& bytes) {
  std::vector<nft::Element> elements;
  read_exactly(bytes, [&](const nlmsghdr* message) { nft::parse_elements(message, elements); });
  return elements;
}

// Handle, comment, a comparison, an expression that nobody knows, a jump.
NftMessage rule_message() {
  NftMessage message(kNewRule, 0, 1);
  message.attribute(6, 1, {'t', 0})
      .attribute(12, 3, {0, 0, 0, 0, 0, 0, 0x01, 0x02})
      .nest(148, 4)
      .nest(44, 1)
      .attribute(8, 1, {'c', 'm', 'p', 0})
      .nest(32, 2)
      .attribute(8, 1, {0, 0, 0, 1})
      .attribute(8, 2, {0, 0, 0, 0})
      .nest(12, 3)
      .attribute(8, 1, {10, 9, 0, 2})
      .nest(44, 1)
      .attribute(8, 1, {'n', 'e', 'w', 0})
      .nest(32, 2)
      .attribute(28, 1, Bytes(24, 0xff))
      .nest(56, 1)
      .attribute(14, 1, {'i', 'm', 'm', 'e', 'd', 'i', 'a', 't', 'e', 0})
      .nest(36, 2)
      .attribute(8, 1, {0, 0, 0, 0})
      .nest(24, 2)
      .nest(20, 2)
      .attribute(8, 1, {0xff, 0xff, 0xff, 0xfd})
      .attribute(6, 2, {'d', 0})
      .attribute(10, 7, {0, 4, 'w', 'h', 'y', 0});
  return message;
}

TEST(NftParse, ARuleIsKnownInSpiteOfAnUnknownExpression) {
  const nft::Rule rule = rule_in(rule_message().take());
  EXPECT_EQ(rule.handle, 0x0102U);
  EXPECT_EQ(rule.comment, "why");
  EXPECT_EQ(rule.jump, "d");
  EXPECT_THAT(rule.values, ElementsAre(ElementsAre(10, 9, 0, 2)));
}

TEST(NftParse, ARuleThatEndsEarlierIsReadAsFarAsItGoes) {
  const Bytes whole = rule_message().take();
  for (std::size_t length = NLMSG_HDRLEN; length < whole.size(); ++length) {
    const nft::Rule rule = rule_in(rule_message().take(length));
    EXPECT_EQ(rule.handle, length < 40 ? 0U : 0x0102U) << length;
    // Only the padding of the last attribute may lack.
    EXPECT_EQ(rule.comment, length < whole.size() - 2 ? "" : "why") << length;
  }
}

TEST(NftParse, ExpressionsWithoutANameOrWithHalfATextAreNone) {
  NftMessage message(kNewRule, 0, 1);
  message.attribute(12, 3, {0, 0, 0, 0, 0, 0, 0, 5})
      .nest(48, 4)
      .nest(8, 1)
      .nest(4, 2)
      .nest(16, 1)
      .attribute(7, 1, {'c', 'm', 'p'})
      .nest(4, 2)
      .nest(20, 1)
      .attribute(14, 1, {'i', 'm', 'm', 'e', 'd', 'i', 'a', 't', 'e', 'x'})
      .attribute(10, 7, {0, 4, 'w', 'h', 'y', 0});
  const nft::Rule rule = rule_in(message.take());
  EXPECT_EQ(rule.handle, 5U);
  EXPECT_EQ(rule.comment, "why");
  EXPECT_THAT(rule.values, IsEmpty());
}

// libnftnl would read the target from a place that nobody has written to.
TEST(NftParse, AJumpWithoutATargetIsNone) {
  NftMessage message(kNewRule, 0, 1);
  message.attribute(12, 3, {0, 0, 0, 0, 0, 0, 0, 5})
      .nest(48, 4)
      .nest(44, 1)
      .attribute(14, 1, {'i', 'm', 'm', 'e', 'd', 'i', 'a', 't', 'e', 0})
      .nest(24, 2)
      .nest(20, 2)
      .nest(16, 2)
      .attribute(8, 1, {0xff, 0xff, 0xff, 0xfd})
      .bytes({6, 0, 2, 0});
  const nft::Rule rule = rule_in(message.take());
  EXPECT_EQ(rule.handle, 5U);
  EXPECT_EQ(rule.jump, "");
}

// libnftnl ends the process at a number of another size than it expects.
TEST(NftParse, NumbersOfAnotherSizeAreNotThere) {
  NftMessage message(kNewRule, 0, 1);
  message.attribute(8, 3, {0, 0, 0, 5}).attribute(10, 7, {0, 4, 'w', 'h', 'y', 0});
  const nft::Rule rule = rule_in(message.take());
  EXPECT_EQ(rule.handle, 0U);
  EXPECT_EQ(rule.comment, "why");
}

TEST(NftParse, AConstantOfImpossibleLengthCostsNothingButTheExpressions) {
  NftMessage message(kNewRule, 0, 1);
  message.attribute(12, 3, {0, 0, 0, 0, 0, 0, 0, 5})
      .nest(96, 4)
      .nest(92, 1)
      .attribute(8, 1, {'c', 'm', 'p', 0})
      .nest(80, 2)
      .nest(76, 3)
      .attribute(72, 1, Bytes(68, 1))
      .attribute(10, 7, {0, 4, 'w', 'h', 'y', 0});
  const nft::Rule rule = rule_in(message.take());
  EXPECT_EQ(rule.handle, 5U);
  EXPECT_EQ(rule.comment, "why");
  EXPECT_THAT(rule.values, IsEmpty());
}

TEST(NftParse, ElementsHaveKeyDataAndComment) {
  NftMessage message(kNewElements, 0, 1);
  message.attribute(6, 1, {'t', 0})
      .nest(68, 3)
      .nest(40, 1)
      .nest(12, 1)
      .attribute(8, 1, {10, 9, 0, 2})
      .nest(12, 2)
      .attribute(8, 1, {1, 2, 3, 4})
      .attribute(11, 6, {0, 5, 'm', 'i', 'n', 'e', 0})
      .nest(24, 1)
      .nest(12, 1)
      .attribute(8, 1, {10, 9, 0, 3})
      // An expression without a name, as no kernel sends it.
      .nest(8, 7)
      .attribute(4, 2, Bytes{});
  EXPECT_THAT(
      elements_in(message.take()),
      ElementsAre(nft::Element{.key = {10, 9, 0, 2}, .data = {1, 2, 3, 4}, .comment = "mine"},
                  nft::Element{.key = {10, 9, 0, 3}}));
}

TEST(NftParse, OtherMessagesHaveNeither) {
  EXPECT_EQ(rule_in(NftMessage(kNewElements, 0, 1).take()).handle, 0U);
  EXPECT_THAT(elements_in(NftMessage(kNewRule, 0, 1).take()), IsEmpty());
  EXPECT_THAT(elements_in(NftMessage(kNewElements, 0, 1).take(17)), IsEmpty());
}

TEST(NftParse, CommentsEndAtTheirZeroOrTheirLength) {
  EXPECT_EQ(nft::comment_in(Bytes{0, 4, 'w', 'h', 'y', 0}), "why");
  EXPECT_EQ(nft::comment_in(Bytes{0, 3, 'w', 'h', 'y'}), "why");
  EXPECT_EQ(nft::comment_in(Bytes{1, 1, 'x', 0, 2, 'y', 0}), "y");
  EXPECT_EQ(nft::comment_in(Bytes{0, 4, 'w', 'h', 'y'}), "");
  EXPECT_EQ(nft::comment_in(Bytes{0}), "");
}

}  // namespace
}  // namespace linnet::test
