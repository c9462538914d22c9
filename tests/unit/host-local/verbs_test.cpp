// The executable, verb by verb.
#include "plugins/ipam/host-local/verbs.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "libcni/error.h"
#include "libcni/version.h"
#include "plugins/ipam/host-local/namespaces.h"
#include "tests/unit/host-local/support.h"

namespace linnet::host_local::test {
namespace {

using cni::Json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

const Json kIpam = {{"subnet", "10.1.0.0/29"}};

Answer run(std::string_view verb, const Owner& who, const Json& conf) {
  return run_plugin(LINNET_HOST_LOCAL, verb, who, conf);
}

std::string text_of(const Answer& answer) {
  return answer.json.value("msg", "") + "; " + answer.json.value("details", "");
}

Number number(const char* text) { return to_number(*IpAddress::parse(text)); }

int code_of(const Answer& answer) {
  return answer.exit_code == 0 ? 0 : answer.json.value("code", -1);
}

void add_ok(const Network& network, const char* id, const Json& ipam = kIpam) {
  ASSERT_EQ(run("ADD", owner(id), network.conf(ipam)).exit_code, 0);
}

TEST(Add, AnswersWithAddressesRoutesAndDnsAndNoInterfaces) {
  const Network network;
  network.write("resolv.conf", "nameserver 192.0.2.53\n");
  const Answer answer = run(
      "ADD", owner("a"),
      network.conf(
          {{"subnet", "10.1.0.0/24"},
           {"routes",
            {{{"dst", "0.0.0.0/0"}}, {{"dst", "10.9.0.0/16"}, {"gw", "10.1.0.9"}, {"mtu", 1400}}}},
           {"resolvConf", network.file("resolv.conf")}}));
  EXPECT_EQ(cni::dump(answer.json["ips"]), R"([{"address":"10.1.0.2/24","gateway":"10.1.0.1"}])");
  EXPECT_EQ(cni::dump(answer.json["routes"]),
            R"([{"dst":"0.0.0.0/0"},{"dst":"10.9.0.0/16","gw":"10.1.0.9","mtu":1400}])");
  EXPECT_EQ(cni::dump(answer.json["dns"]), R"({"nameservers":["192.0.2.53"]})");
  EXPECT_FALSE(answer.json.contains("interfaces"));
}

TEST(Add, OfWrongInputChangesNothing) {
  const Network network;
  EXPECT_EQ(code_of(run("ADD", owner("a"), network.conf({{"subnet", "10.1.0.5/29"}}))), 7);
  EXPECT_EQ(code_of(run("ADD", owner("a"),
                        network.conf({{"subnet", "10.1.0.0/29"}, {"resolvConf", "/nonexistent"}}))),
            7);
  Json without = network.conf(kIpam);
  without.erase("ipam");
  EXPECT_EQ(code_of(run("ADD", owner("a"), without)), 7);
  EXPECT_FALSE(network.exists(""));
}

TEST(Add, WhoseStoreIsNoFolderSaysWhatToDo) {
  const Network network;
  network.write("file", "");
  const Answer answer =
      run("ADD", owner("a"),
          network.conf({{"subnet", "10.1.0.0/29"}, {"dataDir", network.file("file")}}));
  EXPECT_EQ(code_of(answer), 5);
  EXPECT_THAT(text_of(answer), AllOf(HasSubstr("not a directory"), HasSubstr("ipam.dataDir")));
}

// Somebody's folders where files of the store should be.
TEST(Add, ThatCannotRememberWhereItWasLeavesNoLease) {
  const Network network;
  network.make_folder();
  ASSERT_EQ(::mkdir(network.file("last_reserved_ip.0").c_str(), 0755), 0);
  const Answer answer = run("ADD", owner("a"), network.conf(kIpam));
  EXPECT_EQ(code_of(answer), 5);
  EXPECT_THAT(text_of(answer), HasSubstr("last_reserved_ip.0"));
  EXPECT_THAT(network.leases(), IsEmpty());
}

TEST(Failure, OfTheLockIsToldByEveryVerbThatNeedsIt) {
  const Network network;
  network.make_folder();
  ASSERT_EQ(::mkdir(network.file("lock").c_str(), 0755), 0);
  const std::string problem = "open " + network.folder() + "/lock: is a directory";
  Json conf = network.conf(kIpam);
  for (const char* verb : {"ADD", "DEL", "GC"}) {
    const Answer answer = run(verb, owner("a"), conf);
    EXPECT_EQ(code_of(answer), 5) << verb;
    EXPECT_THAT(text_of(answer), HasSubstr(problem)) << verb;
  }
  EXPECT_EQ(code_of(run("STATUS", owner(""), conf)), 50);
  conf["prevResult"] = {{"cniVersion", "1.1.0"}, {"ips", {{{"address", "10.1.0.2/29"}}}}};
  EXPECT_THAT(text_of(run("CHECK", owner("a"), conf)), HasSubstr(problem));
}

TEST(Del, FreesTheAttachmentAndIsRepeatable) {
  const Network network;
  add_ok(network, "a");
  EXPECT_EQ(run("DEL", owner("a"), network.conf(kIpam)).exit_code, 0);
  EXPECT_THAT(network.leases(), IsEmpty());
  EXPECT_EQ(run("DEL", owner("a"), network.conf(kIpam)).exit_code, 0);
}

TEST(Del, WorksWhateverTheRestOfTheConfigurationHolds) {
  for (const Json& broken :
       {Json{{"subnet", "nonsense"}}, Json{{"ranges", 5}}, Json{{"routes", "x"}},
        Json{{"resolvConf", "/nonexistent"}}, Json{{"exclude", 1}}}) {
    const Network network;
    add_ok(network, "a");
    EXPECT_EQ(run("DEL", owner("a"), network.conf(broken)).exit_code, 0) << cni::dump(broken);
    EXPECT_THAT(network.leases(), IsEmpty()) << cni::dump(broken);
  }
}

TEST(Del, WithoutAStoreSucceedsAndMakesNone) {
  const Network network;
  EXPECT_EQ(run("DEL", owner("a"), network.conf(kIpam)).exit_code, 0);
  EXPECT_FALSE(network.exists(""));
  EXPECT_EQ(run("DEL", owner("a"), network.conf({{"dataDir", "/proc/version/x"}})).exit_code, 0);
}

TEST(Check, AcceptsWhatAddSaidAndRefusesWhatIsNotLeased) {
  const Network network;
  Json conf = network.conf(kIpam);
  conf["prevResult"] = run("ADD", owner("a"), conf).json;
  EXPECT_EQ(run("CHECK", owner("a"), conf).exit_code, 0);
  conf["prevResult"]["ips"].push_back({{"address", "192.0.2.7/24"}});
  EXPECT_EQ(run("CHECK", owner("a"), conf).exit_code, 0) << "not of our ranges";
  conf["prevResult"]["ips"].push_back({{"address", "10.1.0.5/29"}});
  EXPECT_THAT(text_of(run("CHECK", owner("a"), conf)),
              HasSubstr("prevResult has 10.1.0.5, which " + network.folder() +
                        " does not lease to container a, interface eth0"));
  EXPECT_THAT(
      text_of(run("CHECK", owner("b"), conf)),
      HasSubstr("no address in " + network.folder() + " is leased to container b, interface eth0"));
}

TEST(Check, MakesNoFolder) {
  const Network network;
  Json conf = network.conf(kIpam);
  conf["prevResult"] = {{"cniVersion", "1.1.0"}, {"ips", {{{"address", "10.1.0.2/29"}}}}};
  EXPECT_NE(run("CHECK", owner("a"), conf).exit_code, 0);
  EXPECT_FALSE(network.exists(""));
}

TEST(Gc, FreesWhatIsNotListed) {
  const Network network;
  add_ok(network, "a");
  add_ok(network, "b");
  network.write("10.1.0.6", "old");
  Json conf = network.conf(kIpam);
  conf["cni.dev/valid-attachments"] = {{{"containerID", "b"}, {"ifname", "eth0"}},
                                       {{"containerID", "old"}, {"ifname", "eth0"}}};
  EXPECT_EQ(run("GC", owner(""), conf).exit_code, 0);
  EXPECT_EQ(network.leases().size(), 2U);
  conf["cni.dev/valid-attachments"] = Json::array();
  EXPECT_EQ(run("GC", owner(""), conf).exit_code, 0);
  EXPECT_THAT(network.leases(), IsEmpty());
}

TEST(Gc, TellsTheHoldersOfLeasesWhoseNamespacesAreAlive) {
  const Network network;
  const std::uint64_t own = netns_inode("/proc/self/ns/net");
  ASSERT_NE(own, 0U);
  {
    Store store = network.open(current_boot_id());
    ASSERT_TRUE(store.reserve(number("10.1.0.2"), owner("a"), own));
    ASSERT_TRUE(store.reserve(number("10.1.0.3"), owner("a"), own));
    ASSERT_TRUE(store.reserve(number("10.1.0.4"), owner("b"), own));
    ASSERT_TRUE(store.reserve(number("10.1.0.5"), owner("c"), 1));
    ASSERT_TRUE(store.reserve(number("10.1.0.6"), owner("d"), 0));
  }
  cni::NetConf conf;
  conf.name = "net";
  conf.json = network.conf(kIpam);
  conf.valid_attachments = {{"b", "eth0"}};
  {
    const ipam::Collection collection = begin_gc({}, conf);
    const std::vector<ipam::LeaseHolder> holders = collection.find_holders();
    ASSERT_EQ(holders.size(), 1U) << "one for two addresses";
    EXPECT_EQ(holders[0].attachment.container_id, "a");
    EXPECT_EQ(holders[0].attachment.ifname, "eth0");
    EXPECT_EQ(netns_inode("/proc/self/fd/" + std::to_string(holders[0].netns.get())), own);
    const std::vector<cni::AttachmentKey> kept = {holders[0].attachment};
    collection.free_leases(kept);
  }
  EXPECT_THAT(network.leases(),
              ElementsAre(Pair("10.1.0.2", "a\r\neth0"), Pair("10.1.0.3", "a\r\neth0"),
                          Pair("10.1.0.4", "b\r\neth0")));
  begin_gc({}, conf).free_leases({});
  EXPECT_THAT(network.leases(), ElementsAre(Pair("10.1.0.4", "b\r\neth0")));
}

// As the Go library sends it when nothing is valid.
TEST(Gc, WithoutAListFreesEverything) {
  const Network network;
  add_ok(network, "a");
  EXPECT_EQ(run("GC", owner(""), network.conf(kIpam)).exit_code, 0);
  EXPECT_THAT(network.leases(), IsEmpty());
}

TEST(Status, IsFineUntilThePoolIsFullAndThenSaysHowFull) {
  const Network network;
  EXPECT_EQ(run("STATUS", owner(""), network.conf(kIpam)).exit_code, 0);
  EXPECT_FALSE(network.exists("")) << "STATUS changes nothing";
  for (const char* id : {"a", "b", "c", "d"}) {
    add_ok(network, id);
  }
  EXPECT_EQ(run("STATUS", owner(""), network.conf(kIpam)).exit_code, 0);
  add_ok(network, "e");
  const Answer full = run("STATUS", owner(""), network.conf(kIpam));
  EXPECT_EQ(code_of(full), 50);
  EXPECT_THAT(text_of(full), HasSubstr("10.1.0.0/29: 5 of 5 addresses in use"));
}

TEST(Status, AsksForTheResolverFileThatAddWouldRead) {
  const Network network;
  const Answer answer =
      run("STATUS", owner(""),
          network.conf({{"subnet", "10.1.0.0/29"}, {"resolvConf", network.file("none")}}));
  EXPECT_EQ(code_of(answer), 7);
  EXPECT_THAT(text_of(answer), HasSubstr("ipam.resolvConf"));
  network.write("resolv.conf", "nameserver 192.0.2.53\n");
  EXPECT_EQ(code_of(run("STATUS", owner(""),
                        network.conf({{"subnet", "10.1.0.0/29"},
                                      {"resolvConf", network.file("resolv.conf")}}))),
            0);
}

TEST(Status, IsFiftyWhenTheStoreCannotBeWritten) {
  const Network network;
  const Answer answer =
      run("STATUS", owner(""),
          network.conf({{"subnet", "10.1.0.0/29"}, {"dataDir", "/proc/version/x"}}));
  EXPECT_EQ(code_of(answer), 50);
  EXPECT_THAT(text_of(answer), HasSubstr("/proc"));
}

// The verb in a process of another user, who may not write the store.
template <typename Verb>
std::string error_as_nobody(Verb&& verb) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string text = "no error";
    try {
      if (::setgid(65534) == 0 && ::setuid(65534) == 0) {
        verb();
      }
    } catch (const std::exception& error) {
      text = error.what();
    }
    write_all(ends[1], text, "pipe");
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text = read_all(ends[0], 1 << 16, "pipe");
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return text;
}

TEST(Failure, OfWritingNamesTheFolderAndAWayOutAndKeepsTheLeases) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root, to become another user";
  }
  const Network network;
  add_ok(network, "a");
  ASSERT_EQ(::chmod(network.location().data_dir.c_str(), 0755), 0);
  const auto conf_of = [&](cni::Verb verb) {
    return cni::parse_net_conf(cni::dump(network.conf(kIpam)), verb, cni::kAllVersions);
  };
  cni::Request request;
  request.container_id = "a";
  request.ifname = "eth0";
  EXPECT_THAT(
      error_as_nobody([&] { del(request, conf_of(cni::Verb::kDel)); }),
      AllOf(HasSubstr(network.folder()), HasSubstr("permission denied"), HasSubstr("dataDir")));
  request.container_id = "b";
  EXPECT_THAT(error_as_nobody([&] { (void)add(request, conf_of(cni::Verb::kAdd)); }),
              HasSubstr("permission denied"));
  EXPECT_THAT(error_as_nobody([&] { status(request, conf_of(cni::Verb::kStatus)); }),
              HasSubstr("permission denied"));
  EXPECT_EQ(network.leases().size(), 1U);
}

}  // namespace
}  // namespace linnet::host_local::test
