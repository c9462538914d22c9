#include "libcni/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace linnet::cni {
namespace {

using test::expect_error;
using testing::ElementsAre;

TEST(Version, OrdersNumerically) {
  for (std::size_t i = 0; i < kAllVersions.size(); ++i) {
    for (std::size_t k = 0; k < kAllVersions.size(); ++k) {
      const int order = compare_versions(kAllVersions[i], kAllVersions[k]);
      EXPECT_EQ(order, i < k ? -1 : i > k ? 1 : 0) << kAllVersions[i] << ' ' << kAllVersions[k];
    }
  }
  EXPECT_TRUE(at_least("0.10.0", "0.9.0"));
}

TEST(Version, RefusesWhatIsNoVersion) {
  for (const char* text :
       {"", "1", "1.0", "1.0.0.0", "1.0.x", "v1.0.0", "1.0.-1", "1.0. 0", "99999999999.0.0"}) {
    expect_error(Code::kIncompatibleVersion, "expected MAJOR.MINOR.PATCH",
                 [&] { (void)compare_versions(text, "1.0.0"); });
  }
}

TEST(Version, AnswerNamesTheNewestAndAllSupportedVersions) {
  const Json answer = version_answer(kAllVersions);
  EXPECT_EQ(answer["cniVersion"], "1.1.0");
  EXPECT_EQ(parse_version_answer(answer),
            std::vector<std::string>(kAllVersions.begin(), kAllVersions.end()));
}

TEST(Version, AnswerWithoutAListIsReadAsTheSpecificationSays) {
  EXPECT_THAT(parse_version_answer(Json{{"cniVersion", "0.2.0"}}), ElementsAre("0.1.0", "0.2.0"));
  expect_error(Code::kDecodingFailure, "supportedVersions", [] {
    (void)parse_version_answer(Json{{"cniVersion", "1.0.0"}});
  });
  expect_error(Code::kDecodingFailure, "cniVersion",
               [] { (void)parse_version_answer(Json::object()); });
  expect_error(Code::kDecodingFailure, "expected an object", [] { (void)parse_version_answer(5); });
}

}  // namespace
}  // namespace linnet::cni
