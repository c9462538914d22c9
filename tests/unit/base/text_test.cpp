#include "base/text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace linnet {
namespace {

TEST(Concat, JoinsTextCharactersAndNumbers) {
  EXPECT_EQ(concat("a", 'b', std::string("c"), -1, std::uint64_t{18446744073709551615U}),
            "abc-118446744073709551615");
  EXPECT_EQ(concat(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
}

TEST(ParseNumber, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_number<int>("-12"), -12);
  EXPECT_EQ(parse_number<unsigned>("ff", 16), 255U);
  for (const std::string_view text : {"", " 1", "1 ", "1x", "0x1", "+1", "-1", "4294967296"}) {
    EXPECT_FALSE(parse_number<std::uint32_t>(text)) << text;
  }
}

TEST(Split, KeepsEmptyPartsAndJoinPutsThemBack) {
  EXPECT_EQ(split("", ','), std::vector<std::string>{""});
  EXPECT_EQ(split(",a,", ','), (std::vector<std::string>{"", "a", ""}));
  for (const std::string_view text : {"", ",", "a,b,,c", ",,"}) {
    EXPECT_EQ(join(split(text, ','), ","), text);
  }
}

TEST(Trim, TakesWhiteSpaceFromBothEndsOnly) {
  EXPECT_EQ(trim(" \r\n\ta b\v\f "), "a b");
  EXPECT_EQ(trim(" \n "), "");
  EXPECT_EQ(trim(""), "");
}

TEST(EqualsIgnoringCase, IgnoresTheCaseOfAsciiLettersOnly) {
  EXPECT_TRUE(equals_ignoring_case("HostPort", "hostport"));
  EXPECT_FALSE(equals_ignoring_case("[", "{"));
  EXPECT_FALSE(equals_ignoring_case("a", "ab"));
}

TEST(Quoted, ShowsHostileTextOnOneLineAndBounded) {
  EXPECT_EQ(quoted("a\"b\\c\nd\x7f"), "\"a\\\"b\\\\c\\x0ad\\x7f\"");
  EXPECT_EQ(quoted("abcdef", 3), "\"abc…\"");
  EXPECT_EQ(quoted("abc", 3), "\"abc\"");
}

TEST(Base64, RoundTripsEveryLengthAndByte) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes) << i;
    bytes += static_cast<char>(i);
  }
}

TEST(Base64, AgreesWithTheStandardsExamples) {
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
}

TEST(Base64, RefusesWhatIsNotBase64) {
  for (const std::string_view text : {"Zg=", "Zg", "Z===", "====", "Zm9v\n", "Zm-_", "=Zg="}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

TEST(ClosestMatch, FindsTypingErrorsButNotOtherWords) {
  constexpr std::array<std::string_view, 4> kKeys = {"isGateway", "ipMasq", "mtu", "bridge"};
  EXPECT_EQ(closest_match("isGatway", kKeys), "isGateway");
  EXPECT_EQ(closest_match("isgateway", kKeys), "isGateway");
  EXPECT_EQ(closest_match("ipmaqs", kKeys), "ipMasq");
  EXPECT_EQ(closest_match("mut", kKeys), "mtu");
  EXPECT_FALSE(closest_match("firewall", kKeys));
  EXPECT_FALSE(closest_match("xyz", kKeys));
  EXPECT_FALSE(closest_match("", kKeys));
  EXPECT_FALSE(closest_match(std::string(100000, 'a'), kKeys));
}

}  // namespace
}  // namespace linnet
