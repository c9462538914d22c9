#include "netlink/internal/nft_build.h"

#include <gmock/gmock.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>

#include "base/error.h"
#include "netlink/iptables.h"
#include "netlink/match.h"
#include "tests/unit/netlink/nft_message.h"

namespace linnet::test {
namespace {

namespace nft = netlink::nft;
using testing::ElementsAreArray;

const nft::Table kTable = {.family = nft::TableFamily::kInet, .name = "t"};

Bytes bytes_of(const nft::MessageBuffer& message) {
  const auto* first = reinterpret_cast<const unsigned char*>(message.header());
  return {first, first + message.header()->nlmsg_len};
}

std::string text_with_zero(std::string_view text) { return std::string(text) + '\0'; }

TEST(NftBuild, ATable) {
  EXPECT_THAT(bytes_of(nft::table_message(NFT_MSG_NEWTABLE, NLM_F_CREATE, kTable)),
              ElementsAreArray(
                  NftMessage(0x0a00, 0x0401, 1).attribute(6, 1, text_with_zero("t")).take(28)));
}

TEST(NftBuild, ABaseChain) {
  const nft::MessageBuffer message =
      nft::new_chain(kTable, {.name = "c",
                              .type = "nat",
                              .hook = nft::Hook::kPostrouting,
                              .priority = nft::priority::kDestinationNat});
  EXPECT_THAT(bytes_of(message), ElementsAreArray(NftMessage(0x0a03, 0x0401, 1)
                                                      .attribute(6, 1, text_with_zero("t"))
                                                      .attribute(6, 3, text_with_zero("c"))
                                                      .nest(20, 4)
                                                      .attribute(8, 1, {0, 0, 0, 4})
                                                      .attribute(8, 2, {0xff, 0xff, 0xff, 0x9c})
                                                      .attribute(8, 7, text_with_zero("nat"))
                                                      .take(64)));
}

// The keys' byte order, for nft(8), is a number in the machine's order.
TEST(NftBuild, ASetOfNames) {
  const nft::MessageBuffer message =
      nft::new_set(kTable, {.name = "s", .key = {nft::FieldType::kIfname}}, true, 7);
  EXPECT_THAT(bytes_of(message), ElementsAreArray(NftMessage(0x0a09, 0x0601, 1)
                                                      .attribute(6, 1, text_with_zero("t"))
                                                      .attribute(6, 2, text_with_zero("s"))
                                                      .attribute(8, 3, {0, 0, 0, 0})
                                                      .attribute(8, 4, {0, 0, 0, 41})
                                                      .attribute(8, 5, {0, 0, 0, 16})
                                                      .attribute(8, 10, {0, 0, 0, 7})
                                                      .number<std::uint16_t>(10)
                                                      .number<std::uint16_t>(13)
                                                      .bytes({0, 4})
                                                      .number<std::uint32_t>(1)
                                                      .bytes({0, 0})
                                                      .take(80)));
}

TEST(NftBuild, AMapOfConcatenations) {
  const nft::NewSet map = {.name = "m",
                           .key = {nft::FieldType::kInetProtocol, nft::FieldType::kInetService},
                           .data = {nft::FieldType::kIpv4Address, nft::FieldType::kInetService}};
  EXPECT_THAT(bytes_of(nft::new_set(kTable, map, false, 1)),
              ElementsAreArray(NftMessage(0x0a09, 0x0401, 1)
                                   .attribute(6, 1, text_with_zero("t"))
                                   .attribute(6, 2, text_with_zero("m"))
                                   .attribute(8, 3, {0, 0, 0, 8})
                                   .attribute(8, 4, {0, 0, 0x03, 0x0d})
                                   .attribute(8, 5, {0, 0, 0, 8})
                                   .attribute(8, 6, {0, 0, 0x01, 0xcd})
                                   .attribute(8, 7, {0, 0, 0, 8})
                                   .attribute(8, 10, {0, 0, 0, 1})
                                   .take(84)));
}

TEST(NftBuild, AnElementWithDataAndComment) {
  const nft::Element element = {
      .key = nft::key::concatenated({nft::key::protocol(6), nft::key::port(8080)}),
      .data = nft::key::concatenated(
          {nft::key::address(*IpAddress::parse("10.9.0.2")), nft::key::port(80)}),
      .comment = "mine"};
  const nft::Element* const one = &element;
  const Bytes key = {6, 0, 0, 0, 0x1f, 0x90, 0, 0};
  EXPECT_THAT(
      bytes_of(nft::element_message(NFT_MSG_NEWSETELEM, NLM_F_CREATE, kTable, "m", {&one, 1})),
      ElementsAreArray(NftMessage(0x0a0c, 0x0401, 1)
                           .attribute(6, 2, text_with_zero("m"))
                           .attribute(6, 1, text_with_zero("t"))
                           .nest(52, 3)
                           .nest(48, 1)
                           .nest(16, 1)
                           .attribute(12, 1, key)
                           .nest(16, 2)
                           .attribute(12, 1, {10, 9, 0, 2, 0, 80, 0, 0})
                           .attribute(11, 6, {0, 5, 'm', 'i', 'n', 'e', 0})
                           .take(88)));
  // Neither goes into a removal or a question.
  EXPECT_THAT(bytes_of(nft::element_message(NFT_MSG_DELSETELEM, 0, kTable, "m", {&one, 1})),
              ElementsAreArray(NftMessage(0x0a0e, 0x0001, 1)
                                   .attribute(6, 2, text_with_zero("m"))
                                   .attribute(6, 1, text_with_zero("t"))
                                   .nest(24, 3)
                                   .nest(20, 1)
                                   .nest(16, 1)
                                   .attribute(12, 1, key)
                                   .take(60)));
}

// A mark is compared in the machine's order, an address in the network's, and the numbers of expressions are in the
// network's.
TEST(NftBuild, ARule) {
  const nft::NewRule rule = {
      .chain = "c",
      .expressions = nft::phrases({nft::match::mark(nft::Relation::kIs, 0x2000),
                                   nft::match::source_is(*IpAddress::parse("10.9.0.2")),
                                   nft::verdict::jump("d")}),
      .comment = "why"};
  EXPECT_THAT(bytes_of(nft::new_rule(NLM_F_CREATE | NLM_F_APPEND, kTable, rule)),
              ElementsAreArray(NftMessage(0x0a06, 0x0c01, 1)
                                   .attribute(6, 1, text_with_zero("t"))
                                   .attribute(6, 2, text_with_zero("c"))
                                   .attribute(10, 7, {0, 4, 'w', 'h', 'y', 0})
                                   .nest(236, 4)
                                   .nest(36, 1)
                                   .attribute(9, 1, text_with_zero("meta"))
                                   .nest(20, 2)
                                   .attribute(8, 2, {0, 0, 0, 3})
                                   .attribute(8, 1, {0, 0, 0, 1})
                                   .nest(44, 1)
                                   .attribute(8, 1, text_with_zero("cmp"))
                                   .nest(32, 2)
                                   .attribute(8, 1, {0, 0, 0, 1})
                                   .attribute(8, 2, {0, 0, 0, 0})
                                   .nest(12, 3)
                                   .number<std::uint16_t>(8)
                                   .number<std::uint16_t>(1)
                                   .number<std::uint32_t>(0x2000)
                                   .nest(52, 1)
                                   .attribute(12, 1, text_with_zero("payload"))
                                   .nest(36, 2)
                                   .attribute(8, 1, {0, 0, 0, 1})
                                   .attribute(8, 2, {0, 0, 0, 1})
                                   .attribute(8, 3, {0, 0, 0, 12})
                                   .attribute(8, 4, {0, 0, 0, 4})
                                   .nest(44, 1)
                                   .attribute(8, 1, text_with_zero("cmp"))
                                   .nest(32, 2)
                                   .attribute(8, 1, {0, 0, 0, 1})
                                   .attribute(8, 2, {0, 0, 0, 0})
                                   .nest(12, 3)
                                   .attribute(8, 1, {10, 9, 0, 2})
                                   .nest(56, 1)
                                   .attribute(14, 1, text_with_zero("immediate"))
                                   .nest(36, 2)
                                   .attribute(8, 1, {0, 0, 0, 0})
                                   .nest(24, 2)
                                   .nest(20, 2)
                                   .attribute(8, 1, {0xff, 0xff, 0xff, 0xfd})
                                   .attribute(6, 2, text_with_zero("d"))
                                   .take(284)));
}

TEST(NftBuild, AMatchOfIptablesIsPaddedToEightBytes) {
  const nft::MessageBuffer message = nft::new_rule(
      0, kTable, {.chain = "c", .expressions = netlink::iptables::match_established()});
  // The structure of the kernel is 164 bytes long.
  const Bytes bytes = bytes_of(message);
  EXPECT_EQ(bytes.size(), 20U + 8 + 8 + 4 + 4 + 12 + 4 + 16 + 8 + (4 + 168));
}

TEST(NftBuild, LongTextsFitAndCommentsAreCutOff) {
  const std::string name(255, 'n');
  const std::string comment(1000, 'c');
  const nft::Table table = {.name = name};
  nft::Expressions expressions;
  for (int i = 0; i < 40; ++i) {
    expressions = nft::phrases({expressions, nft::match::in_set(name, {nft::field::source_mac()}),
                                nft::verdict::jump(name)});
  }
  const Bytes rule = bytes_of(
      nft::new_rule(0, table, {.chain = name, .expressions = expressions, .comment = comment}));
  EXPECT_NE(std::search_n(rule.begin(), rule.end(), 127, 'c'), rule.end());
  EXPECT_EQ(std::search_n(rule.begin(), rule.end(), 128, 'c'), rule.end());
  const Bytes chain = bytes_of(nft::new_chain(table, {.name = name, .type = name}));
  EXPECT_EQ(chain.size(), 20U + 3 * 260 + 20);
}

TEST(NftBuild, TheLongestElementsFitIntoOneMessage) {
  const nft::Element element = {
      .key = Bytes(64, 1), .data = Bytes(64, 2), .comment = std::string(300, 'c')};
  const std::vector<const nft::Element*> all(nft::kElementsPerMessage, &element);
  const Bytes bytes = bytes_of(nft::element_message(NFT_MSG_NEWSETELEM, 0, kTable, "s", all));
  EXPECT_EQ(bytes.size(), 20U + 8 + 8 + 4 + nft::kElementsPerMessage * (4 + 72 + 72 + 136));
}

TEST(NftBuild, WhatNoMessageCanCarryIsRefused) {
  const nft::Element element = {.key = Bytes(65)};
  const nft::Element* const one = &element;
  EXPECT_THROW((void)nft::element_message(NFT_MSG_NEWSETELEM, 0, kTable, "s", {&one, 1}),
               SystemError);
  const nft::Expressions many(1000, nft::verdict::accept().front());
  EXPECT_THROW((void)nft::new_rule(0, kTable, {.chain = "c", .expressions = many}), SystemError);
}

}  // namespace
}  // namespace linnet::test
