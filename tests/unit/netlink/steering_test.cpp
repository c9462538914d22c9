#include "netlink/steering.h"

#include <gtest/gtest.h>

namespace linnet::netlink {
namespace {

TEST(CpuList, IsReadAndWrittenAsTheKernelDoes) {
  EXPECT_EQ(parse_cpu_list("0-3,8"), (CpuSet{0, 1, 2, 3, 8}));
  EXPECT_EQ(parse_cpu_list("5"), CpuSet{5});
  EXPECT_EQ(parse_cpu_list(""), CpuSet{});
  EXPECT_EQ(cpu_list_text({0, 1, 2, 3, 8}), "0-3,8");
  EXPECT_EQ(cpu_list_text({7}), "7");
  EXPECT_EQ(cpu_list_text({}), "");
}

TEST(CpuList, RefusesWhatIsNone) {
  for (const char* text : {"a", "3-", "-3", "3-1", "1,,2", "1,", ",1", "0x3", "1 2", "8192",
                           "0-99999999999", "(null)", "\n"}) {
    EXPECT_FALSE(parse_cpu_list(text)) << text;
  }
}

TEST(CpuMask, IsReadAndWrittenAsTheKernelDoes) {
  EXPECT_EQ(parse_cpu_mask("f"), (CpuSet{0, 1, 2, 3}));
  EXPECT_EQ(parse_cpu_mask("00000001,00000002"), (CpuSet{1, 32}));
  EXPECT_EQ(parse_cpu_mask("0"), CpuSet{});
  EXPECT_EQ(cpu_mask_text({1, 32}), "00000001,00000002");
  EXPECT_EQ(cpu_mask_text({}), "00000000");
}

TEST(CpuMask, RefusesWhatIsNone) {
  for (const char* text : {"", "g", "1,2", "123456789", "00000001,0000002", "0x1", "-1", " 1"}) {
    EXPECT_FALSE(parse_cpu_mask(text)) << text;
  }
  EXPECT_FALSE(parse_cpu_mask(std::string(9 * 300, 'f')));
}

TEST(CpuMask, GivesBackEverySetOfCpus) {
  for (unsigned cpu = 0; cpu <= 8191; cpu += 13) {
    const CpuSet cpus = {0, cpu};
    EXPECT_EQ(parse_cpu_mask(cpu_mask_text(cpus)), cpus);
    EXPECT_EQ(parse_cpu_list(cpu_list_text(cpus)), cpus);
  }
}

}  // namespace
}  // namespace linnet::netlink
