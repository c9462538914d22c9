#include "netlink/tc.h"

#include <gtest/gtest.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "netlink/internal/parse.h"
#include "tests/unit/netlink/sample_message.h"

namespace linnet::netlink {
namespace {

// A megabyte a second: 10,000 bytes take 10 ms, 156,250 ticks of 64 ns.
TEST(TokenBucket, IsComparedByTheTimeOfItsBurst) {
  const TokenBucket wanted = {.rate = 1000000, .burst = 10000, .limit = 35000};
  TokenBucketState state = {.rate = 1000000, .burst_ticks = 156250, .limit = 35000};
  EXPECT_TRUE(shows(state, wanted));
  EXPECT_EQ(as_token_bucket(state), wanted);
  state.burst_ticks = 156250 - 15;  // the reference rounds to microseconds
  EXPECT_TRUE(shows(state, wanted));
  state.burst_ticks = 160000;
  EXPECT_FALSE(shows(state, wanted));
  state.burst_ticks = 156250;
  state.rate = 999999;
  EXPECT_FALSE(shows(state, wanted));
  state = {.rate = 1000000, .burst_ticks = 156250, .limit = 35001};
  EXPECT_FALSE(shows(state, wanted));
}

TEST(TokenBucket, KnowsThatTheKernelTellsTheLastBitsOfALongBurstOnly) {
  // 4295 s, more than 32 bits of ticks.
  const TokenBucket wanted = {.rate = 125000, .burst = 536870911, .limit = 1};
  const auto ticks = static_cast<std::uint32_t>(std::uint64_t{536870911} * 8000 / 64);
  EXPECT_TRUE(shows({.rate = 125000, .burst_ticks = ticks, .limit = 1}, wanted));
  EXPECT_FALSE(shows({.rate = 125000, .burst_ticks = ticks + 100000000, .limit = 1}, wanted));
  // Slower than any 64 bits of nanoseconds.
  EXPECT_FALSE(shows({.rate = 2, .burst_ticks = 0, .limit = 1},
                     {.rate = 1, .burst = 4294967293, .limit = 1}));
}

TEST(ParseQdisc, ReadsATokenBucketWithARateOfMoreThan32Bits) {
  tc_tbf_qopt values{};
  values.rate.rate = 0xffffffff;
  values.limit = 9;
  values.buffer = 8;
  const std::uint64_t rate = 0x1234567890;
  tcmsg header{};
  header.tcm_handle = 0x10000;
  SampleMessage message(RTM_NEWQDISC);
  message.header(header).text(TCA_KIND, "tbf").nest(TCA_OPTIONS, [&] {
    message.value(TCA_TBF_PARMS, values).value(TCA_TBF_RATE64, rate);
  });
  const std::optional<Qdisc> qdisc = parse_qdisc(message.get());
  ASSERT_TRUE(qdisc && qdisc->token_bucket);
  EXPECT_EQ(qdisc->kind, "tbf");
  EXPECT_EQ(qdisc->handle, 0x10000U);
  EXPECT_EQ(qdisc->token_bucket->rate, rate);
  EXPECT_EQ(qdisc->token_bucket->limit, 9U);
  EXPECT_EQ(qdisc->token_bucket->burst_ticks, 8U);
}

TEST(ParseQdisc, GivesNothingForOtherMessagesAndHeadersCutOff) {
  EXPECT_FALSE(parse_qdisc(SampleMessage(RTM_NEWQDISC).get()));
  EXPECT_FALSE(parse_ingress_filter(SampleMessage(RTM_NEWTFILTER).get()));
  SampleMessage other(RTM_NEWQDISC);
  other.header(tcmsg{}).text(TCA_KIND, "fq");
  EXPECT_TRUE(parse_qdisc(other.get()));
  EXPECT_FALSE(parse_ingress_filter(other.get()));
}

TEST(ParseIngressFilter, LeavesOutHashTablesAndShowsFiltersThatRedirectNowhere) {
  SampleMessage table(RTM_NEWTFILTER);
  table.header(tcmsg{}).text(TCA_KIND, "u32").nest(TCA_OPTIONS, [&] {
    table.u32(TCA_U32_DIVISOR, 1);
  });
  EXPECT_FALSE(parse_ingress_filter(table.get()));
  SampleMessage other(RTM_NEWTFILTER);
  other.header(tcmsg{}).text(TCA_KIND, "bpf").nest(TCA_OPTIONS, [&] { other.u32(1, 1); });
  const std::optional<IngressFilter> filter = parse_ingress_filter(other.get());
  ASSERT_TRUE(filter);
  EXPECT_EQ(filter->kind, "bpf");
  EXPECT_FALSE(filter->redirect_to);
}

}  // namespace
}  // namespace linnet::netlink
