#include "plugins/ipam/host-local/index.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>

#include "base/file.h"
#include "tests/unit/host-local/support.h"

namespace linnet::host_local::test {
namespace {

Number number(const char* text) { return to_number(*IpAddress::parse(text)); }

IndexedLease lease(Number address, const std::string& who) {
  IndexedLease result;
  result.address = address;
  result.owner_hash = owner_hash(who);
  return result;
}

Timestamp stamp_of(std::int64_t seconds) {
  Timestamp stamp;
  stamp.seconds = seconds;
  stamp.nanoseconds = 5;
  return stamp;
}

TEST(Index, FindsWhatWasAddedAndNothingElse) {
  Index index(kBoot, 0);
  for (unsigned i = 0; i < 5000; ++i) {
    index.add(lease(number("10.1.0.0") + i, std::to_string(i)));
  }
  for (unsigned i = 0; i < 5000; i += 2) {
    index.remove(lease(number("10.1.0.0") + i, std::to_string(i)));
  }
  for (unsigned i = 0; i < 5000; ++i) {
    const bool there = i % 2 == 1;
    EXPECT_EQ(index.is_taken(number("10.1.0.0") + i), there);
    EXPECT_EQ(index.leases_of(owner_hash(std::to_string(i))).size(), there ? 1U : 0U);
  }
  EXPECT_EQ(index.count_taken({0, ~Number{0}}), 2500U);
}

TEST(Index, KeepsAllLeasesOfOneOwner) {
  Index index(kBoot, 0);
  for (unsigned i = 0; i < 40; ++i) {
    index.add(lease(number("fd00::") + (Number{i} << 70U), "a"));
  }
  EXPECT_EQ(index.leases_of(owner_hash("a")).size(), 40U);
  index.remove(lease(number("fd00::"), "a"));
  EXPECT_EQ(index.leases_of(owner_hash("a")).size(), 39U);
}

TEST(Index, FindsTheFirstFreeAddressAcrossFullBlocks) {
  Index index(kBoot, 0);
  for (unsigned i = 3; i < 300; ++i) {
    index.occupy(number("10.1.0.0") + i);
  }
  const Number base = number("10.1.0.0");
  EXPECT_EQ(index.first_free({base + 3, base + 299}), std::nullopt);
  EXPECT_EQ(index.first_free({base + 3, base + 400}), base + 300);
  EXPECT_EQ(index.first_free({base + 2, base + 400}), base + 2);
  EXPECT_EQ(index.first_free({~Number{0}, ~Number{0}}), ~Number{0});
  index.occupy(~Number{0});
  EXPECT_EQ(index.first_free({~Number{0}, ~Number{0}}), std::nullopt);
}

TEST(Index, IsOnDiskWhatItWasInMemory) {
  const linnet::test::TempFolder folder;
  const UniqueFd directory = open_file(folder.path(), O_RDONLY | O_DIRECTORY);
  Index first(kBoot, 0);
  for (unsigned i = 0; i < 1000; ++i) {
    first.add(lease(number("10.1.0.0") + i, std::to_string(i)));
  }
  first.save(directory.get(), stamp_of(1));
  std::optional<Index> second = Index::open(directory.get());
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->boot_id(), kBoot);
  second->remove(lease(number("10.1.0.7"), "7"));
  second->add(lease(number("10.9.0.1"), "x"));
  second->save(directory.get(), stamp_of(2));
  const std::optional<Index> third = Index::open(directory.get());
  ASSERT_TRUE(third.has_value());
  EXPECT_EQ(third->stamp(), stamp_of(2));
  EXPECT_FALSE(third->is_taken(number("10.1.0.7")));
  EXPECT_TRUE(third->is_taken(number("10.9.0.1")));
  EXPECT_EQ(third->count_taken({0, ~Number{0}}), 1000U);
}

TEST(Index, GrowsWhenItIsHalfFullAndStillReachesDisk) {
  const linnet::test::TempFolder folder;
  const UniqueFd directory = open_file(folder.path(), O_RDONLY | O_DIRECTORY);
  Index(kBoot, 0).save(directory.get(), stamp_of(0));
  for (unsigned i = 0; i < 700; ++i) {
    std::optional<Index> index = Index::open(directory.get());
    ASSERT_TRUE(index.has_value());
    index->add(lease(number("fd00::") + (Number{i} << 64U), std::to_string(i)));
    index->save(directory.get(), stamp_of(i));
  }
  EXPECT_EQ(Index::open(directory.get())->count_taken({0, ~Number{0}}), 700U);
}

TEST(Index, OfTheWrongSizeOrKindIsNotOpened) {
  const linnet::test::TempFolder folder;
  const UniqueFd directory = open_file(folder.path(), O_RDONLY | O_DIRECTORY);
  const std::string path = folder.path() + "/" + kIndexName;
  Index(kBoot, 0).save(directory.get(), stamp_of(0));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  for (const off_t size :
       {off_t{0}, off_t{7}, off_t{4096}, status.st_size - 1, status.st_size + 1}) {
    ASSERT_EQ(::truncate(path.c_str(), size), 0);
    EXPECT_FALSE(Index::open(directory.get()).has_value()) << size;
  }
  ASSERT_EQ(::unlink(path.c_str()), 0);
  EXPECT_FALSE(Index::open(directory.get()).has_value());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(Index::open(directory.get()).has_value());
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_EQ(::symlink("/etc/passwd", path.c_str()), 0);
  EXPECT_FALSE(Index::open(directory.get()).has_value());
}

// The same calls on a store whose index is damaged between them and on one that is left alone.
TEST(Index, DamagedAnywhereChangesNoAnswer) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    const Network damaged;
    const Network sound;
    const cni::Json ipam = {{"subnet", "10.1.0.0/25"}};
    for (int step = 0; step < 40; ++step) {
      const Owner who = owner("c" + std::to_string(random() % 30));
      if (random() % 3 == 0) {
        EXPECT_EQ(release(damaged, who), release(sound, who));
      } else {
        EXPECT_EQ(allocate(damaged, damaged.parse(ipam), who),
                  allocate(sound, sound.parse(ipam), who));
      }
      const UniqueFd file(::open(damaged.file(kIndexName).c_str(), O_RDWR));
      struct stat status {};
      ASSERT_EQ(::fstat(file.get(), &status), 0);
      for (int i = 0; i < 200; ++i) {
        const auto at = static_cast<off_t>(random() % static_cast<unsigned long>(status.st_size));
        const auto byte = static_cast<char>(random());
        ASSERT_EQ(::pwrite(file.get(), &byte, 1, at < 4096 && i != 0 ? at + 4096 : at), 1);
      }
    }
    EXPECT_EQ(damaged.leases(), sound.leases());
  }
}

TEST(Index, ReplacedByGarbageOfTheRightSizeIsMadeAnew) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/24"}});
  (void)allocate(network, config, owner("a"));
  const std::string content = network.read(kIndexName);
  for (const char fill : {'\0', '\xff', 'x'}) {
    const UniqueFd file(::open(network.file(kIndexName).c_str(), O_WRONLY));
    write_all(file.get(), std::string(content.size(), fill), "index");
    EXPECT_EQ(allocate(network, config, owner("a")).at(0), "10.1.0.2");
  }
}

TEST(Index, IsLeftBehindByACrashAtAnyPointAsInvalid) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/24"}});
  (void)allocate(network, config, owner("a"));
  const std::string before = network.read(kIndexName);
  (void)allocate(network, config, owner("b"));
  // As if nothing of the second call had reached the index: its lease is there all the same.
  {
    const UniqueFd file(::open(network.file(kIndexName).c_str(), O_WRONLY));
    write_all(file.get(), before, "index");
  }
  EXPECT_EQ(allocate(network, config, owner("b")).at(0), "10.1.0.3");
  EXPECT_EQ(allocate(network, config, owner("c")).at(0), "10.1.0.4");
}

TEST(Index, IsNotReadAnewWhileNobodyElseChangesTheFolder) {
  const Network network;
  const Config config = network.parse({{"subnet", "10.1.0.0/24"}});
  (void)allocate(network, config, owner("a"));
  struct stat first {};
  ASSERT_EQ(::stat(network.file(kIndexName).c_str(), &first), 0);
  for (const char* id : {"b", "c", "d"}) {
    (void)allocate(network, config, owner(id));
    release(network, owner(id));
  }
  struct stat last {};
  ASSERT_EQ(::stat(network.file(kIndexName).c_str(), &last), 0);
  EXPECT_EQ(first.st_ino, last.st_ino) << "a rebuilt index is a new file";
}

}  // namespace
}  // namespace linnet::host_local::test
