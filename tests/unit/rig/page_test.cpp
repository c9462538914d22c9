// The page of a sample that is kept in the tree, and of texts that want to be more than text.
#include "rig/page.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "base/file.h"
#include "rig/chart.h"
#include "tests/unit/rig/known_run.h"

namespace linnet::rig {
namespace {

using testing::HasSubstr;
using testing::Not;

std::size_t occurrences(const std::string& text, std::string_view of) {
  std::size_t count = 0;
  for (std::size_t at = text.find(of); at != std::string::npos; at = text.find(of, at + 1)) {
    ++count;
  }
  return count;
}

// Every element that is opened is closed, in order.
bool is_well_formed(const std::string& page) {
  static const std::vector<std::string_view> kEmpty = {"!doctype", "meta"};
  std::vector<std::string> open;
  for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    const std::size_t end = page.find('>', at);
    if (end == std::string::npos) {
      return false;
    }
    const std::string tag = page.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(0, tag.find_first_of(" \n"));
    if (tag.ends_with('/') || std::ranges::find(kEmpty, name) != kEmpty.end()) {
      continue;
    }
    if (!name.starts_with('/')) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name.substr(1)) {
      return false;
    } else {
      open.pop_back();
    }
  }
  return open.empty();
}

cni::Json steering() {
  return {{"paths",
           {{{"path", "container to container"},
             {"rows",
              {{{"setting", "off"},
                {"rate_to_off", {{"median", 1}}},
                {"bulk", {{{"sender", {{"TcpRetransSegs", 4000}}}}}}}}}}}}};
}

TEST(Page, OfTheSampleHasEveryChart) {
  const std::string sample =
      read_file(LINNET_SOURCE_DIR "/tests/unit/rig/sample-run.json", 8 << 20);
  const RunReport report = parse_run_report(sample, "the sample");
  const std::string page = as_page(report, steering());
  EXPECT_TRUE(is_well_formed(page));
  std::size_t bulk = 0;
  for (const Workload& workload : report.workloads) {
    bulk += workload.unit == Unit::kBitsPerSecond ? 1 : 0;
  }
  // Speed and CPU time of each, latency or retransmits of each, and the one of steering.
  EXPECT_EQ(occurrences(page, "<svg "), 3 * report.workloads.size() + 1);
  EXPECT_EQ(occurrences(page, "<table>"), report.workloads.size());
  EXPECT_EQ(occurrences(page, "Segments sent again"), bulk + 1);
  EXPECT_THAT(page, HasSubstr("<polyline class=\"curve\""));
  EXPECT_THAT(page, HasSubstr("class=\"whisker\""));
  EXPECT_THAT(page, HasSubstr("off, requests at 1.00"));
  EXPECT_THAT(page, HasSubstr("ipvlan l2: this kernel has no ipvlan"));
  // Nothing is fetched.
  EXPECT_THAT(page, Not(HasSubstr("http")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
}

TEST(Page, ShowsHostileTextAsText) {
  RunReport report = known_run(20, 25);
  report.cases[1].topology = "<script>alert(\"1\")</script>&'";
  report.machine["cpu"] = "<img src=x>";
  const std::string page = as_page(report, nullptr);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;"));
  EXPECT_TRUE(is_well_formed(page));
}

TEST(Page, RefusesSteeringThatIsSomethingElse) {
  EXPECT_ANY_THROW((void)as_page(known_run(20, 25), cni::Json::object()));
}

TEST(Chart, BarsAreAsLongAsTheirValues) {
  const std::string chart = draw(
      BarChart{.title = "t", .bars = {{"a", 1, {}, "1", "#000"}, {"b", 0.5, {}, "0.5", "#000"}}});
  EXPECT_THAT(chart, HasSubstr("width=\"250.0\""));
  EXPECT_THAT(chart, HasSubstr("width=\"125.0\""));
}

TEST(Chart, OfNothingIsStillAChart) {
  EXPECT_THAT(draw(BarChart{}), HasSubstr("</svg>"));
  EXPECT_THAT(draw(StackChart{}), HasSubstr("</svg>"));
  EXPECT_EQ(draw(CurveChart{}), "");
}

}  // namespace
}  // namespace linnet::rig
