#include "libcni/cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace linnet::cni {
namespace {

using test::expect_error;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

// What the reference library writes for such an attachment, members in its order.
constexpr std::string_view kWrittenByGo =
    R"({"kind":"cniCacheV1","containerId":"c1","config":"eyJuYW1lIjoibiJ9","ifName":"eth0",)"
    R"("networkName":"n","netns":"/run/netns/x","cniArgs":[["A","1"],["B","2"]],)"
    R"("capabilityArgs":{"mac":"02:00:00:00:00:01"},"result":{"cniVersion":"1.0.0"}})";

CachedAttachment attachment() {
  return {.network = "n",
          .container_id = "c1",
          .ifname = "eth0",
          .netns = "/run/netns/x",
          .config = R"({"name":"n"})",
          .args = {{"A", "1"}, {"B", "2"}},
          .capability_args = {{"mac", "02:00:00:00:00:01"}},
          .result = {{"cniVersion", "1.0.0"}}};
}

class Cache : public testing::Test {
 protected:
  mode_t mode_of(const std::string& name) {
    struct stat status {};
    EXPECT_EQ(::stat(folder_.at(name).c_str(), &status), 0);
    return status.st_mode & 07777U;
  }
  test::TempFolder folder_;
  ResultCache cache_ = ResultCache(folder_.at("cni"));
};

TEST_F(Cache, WritesWhatTheReferenceReads) {
  cache_.save(attachment());
  EXPECT_EQ(parse_json(read_file(folder_.at("cni/results/n-c1-eth0"), 4096), "file"),
            parse_json(kWrittenByGo, "expected"));
  EXPECT_EQ(mode_of("cni"), 0700U);
  EXPECT_EQ(mode_of("cni/results"), 0700U);
  EXPECT_EQ(mode_of("cni/results/n-c1-eth0"), 0600U);
  EXPECT_THAT(folder_.names("cni/results"), ElementsAre("n-c1-eth0"));
}

TEST_F(Cache, ReadsWhatTheReferenceWrites) {
  folder_.write("cni/results/n-c1-eth0", kWrittenByGo);
  const CachedAttachment found = cache_.find("n", "c1", "eth0").value();
  EXPECT_EQ(found.netns, "/run/netns/x");
  EXPECT_EQ(found.config, R"({"name":"n"})");
  EXPECT_THAT(found.args, ElementsAre(Pair("A", "1"), Pair("B", "2")));
  EXPECT_EQ(found.capability_args, attachment().capability_args);
  EXPECT_EQ(found.result, attachment().result);
}

TEST_F(Cache, BareResultOfAnOlderLibraryIsAccepted) {
  folder_.write("cni/results/n-c1-eth0", R"({"cniVersion":"0.4.0","ips":[]})");
  const CachedAttachment found = cache_.find("n", "c1", "eth0").value();
  EXPECT_EQ(found.result["cniVersion"], "0.4.0");
  EXPECT_EQ(found.container_id, "c1");
  EXPECT_THAT(cache_.list().attachments, IsEmpty());
}

TEST_F(Cache, AttachmentWithTheSameFileNameIsNotTakenForThisOne) {
  CachedAttachment other = attachment();
  other.network = "a-b";
  other.container_id = "c";
  cache_.save(other);
  EXPECT_FALSE(cache_.find("a", "b-c", "eth0"));
  cache_.remove_if_present("a", "b-c", "eth0");
  EXPECT_TRUE(cache_.find("a-b", "c", "eth0"));
}

TEST_F(Cache, FileThatCannotBeReadIsAnErrorToFindAndCanBeRemoved) {
  for (const char* content : {"", "{", "\xff\xff", "[]extra"}) {
    folder_.write("cni/results/n-c1-eth0", content);
    expect_error(Code::kDecodingFailure, "n-c1-eth0",
                 [&] { (void)cache_.find("n", "c1", "eth0"); });
    cache_.remove_if_present("n", "c1", "eth0");
    EXPECT_FALSE(cache_.find("n", "c1", "eth0")) << content;
  }
  cache_.remove_if_present("n", "c1", "eth0");
}

TEST_F(Cache, WhatCannotBeRemovedIsNamed) {
  cache_.save(attachment());
  folder_.write("cni/results/n-c1-eth0.tmp/x", "");
  try {
    cache_.remove_if_present("n", "c1", "eth0");
    ADD_FAILURE() << "nothing was thrown";
  } catch (const SystemError& error) {
    EXPECT_THAT(error.what(), HasSubstr("remove " + folder_.at("cni/results/n-c1-eth0.tmp")));
  }
  EXPECT_FALSE(cache_.find("n", "c1", "eth0"));
}

// What a power cut may leave: nothing is synced, and a reboot ends every attachment all the same.
TEST_F(Cache, FileThatIsTornAnywhereIsAnErrorToFindAndCanBeRemoved) {
  const std::string whole(kWrittenByGo);
  for (std::size_t length = 0; length < whole.find_last_of('}'); ++length) {
    for (const std::string& rest : {std::string(), std::string(whole.size() - length, '\0')}) {
      folder_.write("cni/results/n-c1-eth0", whole.substr(0, length) + rest);
      expect_error(Code::kDecodingFailure, "n-c1-eth0",
                   [&] { (void)cache_.find("n", "c1", "eth0"); });
      EXPECT_THAT(cache_.list().attachments, IsEmpty());
      EXPECT_THAT(cache_.list().problems, SizeIs(1));
      cache_.remove_if_present("n", "c1", "eth0");
      ASSERT_FALSE(cache_.find("n", "c1", "eth0")) << length;
    }
  }
}

TEST_F(Cache, WrongFieldsAreNamed) {
  for (const auto& [member, value] : {std::pair{"cniArgs", R"([["A"]])"},
                                      {"config", R"("not base64!")"},
                                      {"networkName", R"("../../etc")"},
                                      {"ifName", R"("a/b")"},
                                      {"containerId", "5"},
                                      {"capabilityArgs", "[]"},
                                      {"result", "7"}}) {
    Json json = parse_json(kWrittenByGo, "x");
    json[member] = parse_json(value, "x");
    folder_.write("cni/results/n-c1-eth0", dump(json));
    expect_error(Code::kDecodingFailure, member, [&] { (void)cache_.find("n", "c1", "eth0"); });
  }
}

TEST_F(Cache, ListToleratesWhatCannotBeUsedAndTellsIt) {
  cache_.save(attachment());
  CachedAttachment second = attachment();
  second.container_id = "a0";
  cache_.save(second);
  folder_.write("cni/results/n-c9-eth0", "");
  folder_.write("cni/results/other", kWrittenByGo);
  folder_.write("cni/results/n-c1-eth0.77.tmp", "half");
  ASSERT_EQ(::mkfifo(folder_.at("cni/results/pipe").c_str(), 0600), 0);
  folder_.write("cni/results/folder/x", "");
  const ResultCache::Listing listing = cache_.list();
  ASSERT_THAT(listing.attachments, SizeIs(2));
  EXPECT_EQ(listing.attachments[0].container_id, "a0");
  EXPECT_EQ(listing.attachments[1].container_id, "c1");
  EXPECT_THAT(listing.problems, SizeIs(4));
  EXPECT_THAT(listing.problems, testing::Contains(HasSubstr("names another attachment")));
}

TEST_F(Cache, MissingFolderIsEmpty) {
  EXPECT_THAT(cache_.list().attachments, IsEmpty());
  EXPECT_FALSE(cache_.find("n", "c1", "eth0"));
}

TEST_F(Cache, NamesTooLongForAFileAreRefusedWithTheirLength) {
  CachedAttachment longest = attachment();
  longest.network = std::string(100, 'n');
  longest.container_id = std::string(251 - 100 - 2 - 4, 'c');
  cache_.save(longest);
  EXPECT_TRUE(cache_.find(longest.network, longest.container_id, "eth0"));
  longest.container_id += 'c';
  expect_error(Code::kInvalidEnvironment, "make a file name of 252 bytes, possible are 251",
               [&] { cache_.save(longest); });
}

}  // namespace
}  // namespace linnet::cni
