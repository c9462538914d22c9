#include "plugins/ipam/host-local/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/unique_fd.h"
#include "tests/unit/host-local/support.h"

namespace linnet::host_local::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

Number number(const char* text) { return to_number(*IpAddress::parse(text)); }

std::vector<std::string> addresses_of(const Network& network, const Owner& who) {
  Store store = network.open();
  std::vector<std::string> addresses;
  for (const IndexedLease& lease : store.leases_of(who)) {
    addresses.push_back(to_address(lease.address).text());
  }
  return addresses;
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

TEST(Store, MakesTheFilesThatTheReferenceMakes) {
  const Network network;
  const mode_t before = ::umask(022);
  ASSERT_TRUE(network.open().reserve(number("10.1.0.2"), owner("a"), 0));
  ::umask(before);
  EXPECT_EQ(mode_of(network.folder()), 0755U);
  EXPECT_EQ(mode_of(network.file("lock")), 0750U);
  EXPECT_EQ(mode_of(network.file("10.1.0.2")), 0600U);
}

// Taken for somebody else's, it would stay when its owner is deleted.
TEST(Store, ALeaseThatCannotBeOpenedForWantOfDescriptorsIsAnErrorAndNotForeign) {
  const Network network;
  ASSERT_TRUE(network.open().reserve(number("10.1.0.2"), owner("a"), 0));
  const UniqueFd folder(::open(network.folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const UniqueFd highest(::dup(folder.get()));
  const rlimit none{static_cast<rlim_t>(highest.get()) + 1, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  int code = 0;
  try {
    (void)find_lease_file(folder.get(), "10.1.0.2");
  } catch (const SystemError& error) {
    code = error.code();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(code, EMFILE);
}

TEST(Store, OpenedToCleanUpMakesNoFolder) {
  const Network network;
  EXPECT_FALSE(Store::open_existing(network.location(), std::string(kBoot)).has_value());
  EXPECT_FALSE(network.exists(""));
}

TEST(Store, FindsLeasesWithWhiteSpaceAroundTheirContent) {
  const Network network;
  network.write("10.1.0.2", "  a\r\neth0\r\n");
  EXPECT_THAT(addresses_of(network, owner("a")), ElementsAre("10.1.0.2"));
}

TEST(Store, FindsTheLeaseOfTheContainerAloneOnlyWhenNoneNamesTheInterface) {
  const Network network;
  network.write("10.1.0.2", "a");
  EXPECT_THAT(addresses_of(network, owner("a")), ElementsAre("10.1.0.2"));
  network.write("10.1.0.3", "a\r\neth0");
  EXPECT_THAT(addresses_of(network, owner("a")), ElementsAre("10.1.0.3"));
  EXPECT_EQ(release(network, owner("a")), 1U);
  EXPECT_EQ(release(network, owner("a")), 1U);
  EXPECT_THAT(network.leases(), IsEmpty());
}

TEST(Store, ReleasesNothingOfOthers) {
  const Network network;
  network.write("10.1.0.2", "ab\r\neth0");
  network.write("10.1.0.3", "a\r\neth01");
  EXPECT_EQ(release(network, owner("a")), 0U);
  EXPECT_EQ(network.leases().size(), 2U);
}

TEST(Store, ReservesATakenAddressForNobodyElse) {
  const Network network;
  Store store = network.open();
  EXPECT_TRUE(store.reserve(number("10.1.0.2"), owner("a"), 0));
  EXPECT_FALSE(store.reserve(number("10.1.0.2"), owner("b"), 0));
  EXPECT_TRUE(store.is_taken(number("10.1.0.2")));
}

TEST(Store, SeesALeaseMadeWithoutTheLockWhileItHoldsIt) {
  const Network network;
  Store store = network.open();
  network.write("10.1.0.2", "rogue\r\neth0");
  EXPECT_FALSE(store.reserve(number("10.1.0.2"), owner("a"), 0));
  EXPECT_TRUE(store.is_taken(number("10.1.0.2")));
  EXPECT_EQ(network.read("10.1.0.2"), "rogue\r\neth0");
}

TEST(Store, SeesEveryForeignChange) {
  const Network network;
  ASSERT_TRUE(network.open().reserve(number("10.1.0.2"), owner("a"), 0));
  network.write("10.1.0.9", "foreign\r\neth0");
  EXPECT_TRUE(network.open().is_taken(number("10.1.0.9")));
  network.remove("10.1.0.2");
  EXPECT_FALSE(network.open().is_taken(number("10.1.0.2")));
  EXPECT_THAT(addresses_of(network, owner("foreign")), ElementsAre("10.1.0.9"));
  network.remove("10.1.0.9");
  EXPECT_THAT(addresses_of(network, owner("foreign")), IsEmpty());
}

TEST(Store, SparesALeaseThatWasGivenAnotherOwnerInPlace) {
  const Network network;
  ASSERT_TRUE(network.open().reserve(number("10.1.0.2"), owner("a"), 0));
  {
    const UniqueFd fd(::open(network.file("10.1.0.2").c_str(), O_WRONLY | O_TRUNC));
    ASSERT_EQ(::write(fd.get(), "b\r\neth0", 7), 7);
  }
  EXPECT_EQ(release(network, owner("a")), 0U);
  EXPECT_EQ(network.leases().size(), 1U);
  EXPECT_EQ(release(network, owner("b")), 1U);
}

TEST(Store, TakesOddThingsNamedLikeAddressesForTaken) {
  const Network network;
  network.make_folder();
  ASSERT_EQ(::mkdir(network.file("10.1.0.2").c_str(), 0755), 0);
  ASSERT_EQ(::mkfifo(network.file("10.1.0.3").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("/etc/passwd", network.file("10.1.0.4").c_str()), 0);
  network.write("10.1.0.5", std::string(100'000, 'x'));
  network.write("not-an-address", "a\r\neth0");
  network.write("10.1.0.010", "a\r\neth0");
  Store store = network.open();
  for (const char* text : {"10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"}) {
    EXPECT_TRUE(store.is_taken(number(text))) << text;
    EXPECT_FALSE(store.reserve(number(text), owner("a"), 0)) << text;
  }
  EXPECT_THAT(store.leases_of(owner("a")), IsEmpty());
  EXPECT_THAT(store.leases_except({}), IsEmpty());
  EXPECT_TRUE(network.exists("10.1.0.5"));
}

TEST(Store, RemovesATemporaryFileThatACrashLeft) {
  const Network network;
  network.write(kTemporaryName, "a\r\neth0");
  ASSERT_TRUE(network.open().reserve(number("10.1.0.2"), owner("b"), 0));
  EXPECT_FALSE(network.exists(kTemporaryName));
}

TEST(Store, TellsTheLeasesOfAllOwnersButThoseNamed) {
  const Network network;
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(network.open().reserve(
        number((std::string("10.1.0.") + std::to_string(id[0] - 'a' + 2)).c_str()), owner(id), 0));
  }
  network.write("10.1.0.20", "old");
  network.write("10.1.0.21", "");
  network.write("garbage", "zzz");
  Store store = network.open();
  const auto leases_except = [&](const std::vector<std::string>& owners) {
    std::vector<std::string> owned;
    for (const IndexedLease& lease : store.leases_except(owners)) {
      const std::optional<Owner> of = store.owner_of(lease);
      owned.push_back(lease_name(lease.address) +
                      (of ? " " + of->container_id + " " + of->ifname : ""));
    }
    return owned;
  };
  EXPECT_THAT(leases_except({owner("b").text(), "old"}),
              UnorderedElementsAre("10.1.0.2 a eth0", "10.1.0.4 c eth0"));
  EXPECT_THAT(leases_except({owner("b").text()}),
              UnorderedElementsAre("10.1.0.2 a eth0", "10.1.0.4 c eth0", "10.1.0.20"));
}

// As on a file system without extended attributes: the index alone knows, and is made anew by every GC.
TEST(Store, RemembersTheNamespaceOfALeaseWithoutAMark) {
  const Network network;
  network.write("10.1.0.2", owner("a").text());
  struct stat status {};
  ASSERT_EQ(::stat(network.file("10.1.0.2").c_str(), &status), 0);
  IndexedLease lease;
  lease.address = number("10.1.0.2");
  lease.owner_hash = owner_hash(owner("a").text());
  lease.netns_inode = 4711;
  lease.file_inode = status.st_ino;
  lease.file_changed = Timestamp(status.st_ctim);
  const UniqueFd folder(::open(network.folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto remembered = [&](const IndexedLease& known, std::string_view boot) {
    Index index(boot, 1);
    index.add(known);
    index.save(folder.get(), Timestamp());
    // Twice, since the first one writes an index of its own.
    static_cast<void>(network.open().leases_except({}));
    return network.open().leases_except({}).at(0).netns_inode;
  };
  EXPECT_EQ(remembered(lease, kBoot), 4711U);
  IndexedLease another_file = lease;
  ++another_file.file_inode;
  EXPECT_EQ(remembered(another_file, kBoot), 0U);
  another_file = lease;
  another_file.file_changed.nanoseconds ^= 1;
  EXPECT_EQ(remembered(another_file, kBoot), 0U);
  IndexedLease another_owner = lease;
  another_owner.owner_hash = owner_hash(owner("b").text());
  EXPECT_EQ(remembered(another_owner, kBoot), 0U);
}

TEST(Store, CountsWhatIsTaken) {
  const Network network;
  Store store = network.open();
  for (const char* text : {"10.1.0.2", "10.1.0.63", "10.1.0.64", "10.1.1.200", "fd00::1"}) {
    ASSERT_TRUE(store.reserve(number(text), owner(text), 0));
  }
  EXPECT_EQ(store.count_taken({number("10.1.0.0"), number("10.1.0.255")}), 3U);
  EXPECT_EQ(store.count_taken({number("10.1.0.3"), number("10.1.0.63")}), 1U);
  EXPECT_EQ(store.count_taken({number("10.1.0.64"), number("10.1.0.64")}), 1U);
  EXPECT_EQ(store.count_taken({number("0.0.0.0"), number("255.255.255.255")}), 4U);
}

TEST(Store, IsOpenedAnewWhenItsFolderWasRemoved) {
  const Network network;
  ASSERT_TRUE(network.open().reserve(number("10.1.0.2"), owner("a"), 0));
  for (const char* name : {"10.1.0.2", "lock", kIndexName}) {
    network.remove(name);
  }
  ASSERT_EQ(::rmdir(network.folder().c_str()), 0);
  EXPECT_FALSE(network.open().is_taken(number("10.1.0.2")));
}

TEST(Store, WhoseFolderIsAFileIsAnError) {
  const linnet::test::TempFolder folder;
  const StoreLocation location{folder.path(), "net"};
  { const UniqueFd file(::open(location.folder().c_str(), O_CREAT | O_WRONLY, 0600)); }
  EXPECT_THROW((void)Store::open(location, std::string(kBoot)), SystemError);
  EXPECT_FALSE(Store::open_existing(location, std::string(kBoot)).has_value());
  EXPECT_THROW((void)Store::open({location.folder(), "net"}, std::string(kBoot)), SystemError);
}

}  // namespace
}  // namespace linnet::host_local::test
