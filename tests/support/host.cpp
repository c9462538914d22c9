#include "tests/support/host.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace linnet::test {

namespace {

namespace fs = std::filesystem;
using cni::Json;

void must(bool succeeded, const std::string& what) {
  if (!succeeded) {
    throw SystemError(errno, what);
  }
}

void mount_fresh(const std::string& type, const std::string& where) {
  fs::create_directories(where);
  must(::mount("none", where.c_str(), type.c_str(), 0, nullptr) == 0, "mount " + where);
}

Json parsed(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? Json::array() : json;
}

std::string value_of(const Json& object, const char* key) {
  return object.contains(key) ? object[key].dump() : "";
}

std::string link_fact(const Json& link) {
  std::set<std::string> flags;
  for (const Json& flag : link.value("flags", Json::array())) {
    flags.insert(flag.get<std::string>());
  }
  return concat("link ", value_of(link, "ifname"), " ", value_of(link, "address"), " mtu ",
                value_of(link, "mtu"), " master ", value_of(link, "master"), " alias ",
                value_of(link, "ifalias"), flags.contains("UP") ? " up" : " down",
                flags.contains("PROMISC") ? " promisc" : "");
}

void add_links(std::set<std::string>& facts) {
  for (const Json& link : parsed(must_run({"ip", "-j", "-d", "addr", "show"}))) {
    facts.insert(link_fact(link));
    const std::string name = value_of(link, "ifname");
    for (const Json& address : link.value("addr_info", Json::array())) {
      if (address.value("scope", "") == "link") {
        continue;
      }
      facts.insert("address " + name + " " + value_of(address, "local") + "/" +
                   value_of(address, "prefixlen"));
    }
  }
}

void add_routes(std::set<std::string>& facts) {
  for (const char* family : {"-4", "-6"}) {
    for (const Json& route :
         parsed(must_run({"ip", "-j", family, "route", "show", "table", "all"}))) {
      // The kernel adds these by itself when duplicate detection of a link-local address ends.
      if (value_of(route, "dst").starts_with("\"fe80:")) {
        continue;
      }
      facts.insert(concat("route ", family, " ", value_of(route, "dst"), " via ",
                          value_of(route, "gateway"), " dev ", value_of(route, "dev"), " table ",
                          value_of(route, "table")));
    }
    facts.insert(concat("rules ", family, " ", must_run({"ip", family, "rule", "show"})));
  }
}

void add_vlans(std::set<std::string>& facts) {
  // Empty on a kernel whose bridges do not filter.
  for (const Json& port : parsed(must_run({"bridge", "-j", "vlan", "show"}))) {
    facts.insert("vlans " + value_of(port, "ifname") + " " + value_of(port, "vlans"));
  }
}

void add_rules(std::set<std::string>& facts) {
  std::istringstream ruleset(must_run({"nft", "-a", "-s", "list", "ruleset"}));
  std::string table;
  std::string block;
  for (std::string line; std::getline(ruleset, line);) {
    line = line.substr(0, line.find(" # handle"));
    if (line.starts_with("table")) {
      table = line;
    } else if (line.starts_with("\tchain") || line.starts_with("\tset")) {
      block = line;
    }
    facts.insert("nft " + table + block + std::string(trim(line)));
  }
}

void add_files(std::set<std::string>& facts) {
  const fs::path root = "/var/lib/cni";
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    const std::string name = entry.path().filename();
    // What a store keeps between leases: the lock, the last address given, the index.
    if (entry.is_directory() || name == "lock" || name.starts_with("last_reserved_ip") ||
        name.starts_with(".linnet")) {
      continue;
    }
    std::ifstream file(entry.path());
    const std::string content((std::istreambuf_iterator<char>(file)), {});
    facts.insert("file " + entry.path().string() + " " + linnet::quoted(content));
  }
}

}  // namespace

std::string world() {
  std::set<std::string> facts;
  add_links(facts);
  add_routes(facts);
  add_vlans(facts);
  add_rules(facts);
  add_files(facts);
  for (const char* name : {"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding",
                           "net/ipv4/conf/all/route_localnet"}) {
    std::ifstream file(std::string("/proc/sys/") + name);
    std::string value;
    file >> value;
    facts.insert(concat("sysctl ", name, " ", value));
  }
  std::string text;
  for (const std::string& fact : facts) {
    text += fact + "\n";
  }
  return text;
}

void HostTest::SetUp() {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root: it makes network namespaces";
  }
  must(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "make a host of the test's own");
  must(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "make mounts private");
  mount_fresh("tmpfs", "/run");
  mount_fresh("tmpfs", "/var/lib/cni");
  mount_fresh("sysfs", "/sys");
  fs::create_directories("/run/netns");
  must_run({"ip", "link", "set", "lo", "up"});
}

void HostTest::TearDown() {
  // The namespaces of the containers live as long as their mounts.
  for (const char* where : {"/run", "/var/lib/cni", "/sys"}) {
    ::umount2(where, MNT_DETACH);
  }
}

void HostTest::make_container(const std::string& name) const {
  must_run({"ip", "netns", "add", name});
}

void HostTest::remove_container(const std::string& name) const {
  must_run({"ip", "netns", "delete", name});
}

ProgramOutput HostTest::call(const Call& call) const {
  const std::string plugin =
      call.plugin.empty() ? call.conf.value("type", std::string("?")) : call.plugin;
  std::map<std::string, std::string> environment = {{"CNI_COMMAND", call.verb},
                                                    {"CNI_CONTAINERID", call.container},
                                                    {"CNI_NETNS", "/run/netns/" + call.container},
                                                    {"CNI_IFNAME", call.ifname},
                                                    {"CNI_ARGS", call.args},
                                                    {"CNI_PATH", plugin_path_}};
  for (const auto& [name, value] : call.environment) {
    environment[name] = value;
  }
  std::vector<std::string> arguments = call.wrapper;
  const std::string first_folder = plugin_path_.substr(0, plugin_path_.find(':'));
  arguments.push_back(first_folder + "/" + plugin);
  return run_program(arguments, call.conf.dump(), environment);
}

Json HostTest::add(const Json& conf, const std::string& container) const {
  const ProgramOutput output = call({.verb = "ADD", .container = container, .conf = conf});
  EXPECT_EQ(output.exit_code, 0) << output.standard_output << output.standard_error;
  return output.json();
}

void HostTest::del(const Json& conf, const std::string& container, const Json& prev_result) const {
  Json with_result = conf;
  if (!prev_result.is_null()) {
    with_result["prevResult"] = prev_result;
  }
  const ProgramOutput output = call({.verb = "DEL", .container = container, .conf = with_result});
  EXPECT_EQ(output.exit_code, 0) << output.standard_output << output.standard_error;
  EXPECT_EQ(output.standard_output, "");
}

std::string HostTest::check_message(const Json& conf, const Json& prev_result) const {
  Json with_result = conf;
  with_result["prevResult"] = prev_result;
  const ProgramOutput output = call({.verb = "CHECK", .conf = with_result});
  EXPECT_EQ(output.exit_code, output.standard_output.empty() ? 0 : 1);
  return output.standard_output.empty() ? "" : output.json()["msg"].get<std::string>();
}

std::string HostTest::world_with_shared_things(const Json& conf) const {
  del(conf, "c2", add(conf, "c2"));
  return world();
}

void HostTest::fail_each_step_of_add(const Json& conf, const std::function<std::string()>& state,
                                     int reported, const std::vector<std::string>& syscalls) const {
  const std::string before = state();
  int failures = 0;
  for (const std::string& syscall : syscalls) {
    for (int nth = 1; nth <= 24; ++nth) {
      // A netlink socket reads on after ENOBUFS, and finds every answer.
      const std::string_view error = syscall == "recvmmsg" ? "EIO" : "ENOBUFS";
      const std::string inject = concat("inject=", syscall, ":error=", error, ":when=", nth);
      const Call injected = {.verb = "ADD",
                             .conf = conf,
                             // The leak checker needs the ptrace that strace has.
                             .environment = {{"ASAN_OPTIONS", "detect_leaks=0"}},
                             .wrapper = {"strace", "-o", "/run/trace", "-e", inject}};
      const ProgramOutput output = call(injected);
      if (read_file("/run/trace", std::size_t{64} << 20U).find("INJECTED") == std::string::npos) {
        del(conf);
        break;
      }
      // A process that cannot return to its namespace ends where it stands; DEL clears up.
      const bool ended_at_once = output.exit_code > 128;
      if (output.exit_code == 0 || ended_at_once) {
        del(conf);
      } else {
        ++failures;
      }
      ASSERT_EQ(state(), before) << inject << "\n"
                                 << output.standard_output << output.standard_error;
    }
  }
  EXPECT_GT(failures, reported);
}

void HostTest::expect_takes_over_from_reference(const Json& conf,
                                                const std::function<std::string()>& state) {
  const std::string before = state();
  const std::string own_path = plugin_path_;
  plugin_path_ = reference_folder();
  const Json result = add(conf);
  plugin_path_ = own_path;
  EXPECT_EQ(check_message(conf, result), "");
  del(conf, "c1", result);
  EXPECT_EQ(state(), before);
}

void HostTest::make_outside() const {
  make_container("outside");
  must_run(
      {"ip", "link", "add", "up0", "type", "veth", "peer", "name", "out0", "netns", "outside"});
  must_run({"ip", "addr", "add", "192.0.2.1/24", "dev", "up0"});
  must_run({"ip", "addr", "add", "2001:db8::1/64", "dev", "up0", "nodad"});
  must_run({"ip", "-n", "outside", "addr", "add", "192.0.2.9/24", "dev", "out0"});
  must_run({"ip", "-n", "outside", "addr", "add", "2001:db8::9/64", "dev", "out0", "nodad"});
  must_run({"ip", "link", "set", "up0", "up"});
  must_run({"ip", "-n", "outside", "link", "set", "out0", "up"});
  wait_for_carrier("up0");
}

void HostTest::wait_for_carrier(const std::string& name) { wait_for_local_route(name, "ff00::/8"); }

void HostTest::wait_for_local_route(const std::string& name, const std::string& destination) {
  for (int i = 0; i < 100; ++i) {
    if (must_run({"ip", "-6", "route", "show", "table", "local", "dev", name}).find(destination) !=
        std::string::npos) {
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  FAIL() << name << " has no route to " << destination;
}

void HostTest::wait_for_the_outside() {
  for (int i = 0; i < 10 && !ping("outside", "2001:db8::1"); ++i) {
  }
  for (int i = 0; i < 10 && !ping("", "2001:db8::9"); ++i) {
  }
}

std::string HostTest::links_of(const std::string& netns) {
  std::string text;
  for (const Json& link : ip(netns, {"link", "show"})) {
    text += concat(link_fact(link), " kind ",
                   link.value("linkinfo", Json::object()).value("info_kind", "-"), "\n");
  }
  return text;
}

Json HostTest::ip(const std::string& netns, std::vector<std::string> arguments) {
  std::vector<std::string> command = {"ip", "-j", "-d"};
  if (!netns.empty()) {
    command.insert(command.end(), {"-n", netns});
  }
  command.insert(command.end(), arguments.begin(), arguments.end());
  return parsed(run_program(command).standard_output);
}

bool HostTest::ping(const std::string& netns, const std::string& address) {
  std::vector<std::string> command = {"ping", "-n", "-c1", "-W1", address};
  if (!netns.empty()) {
    const std::vector<std::string> inside = {"ip", "netns", "exec", netns};
    command.insert(command.begin(), inside.begin(), inside.end());
  }
  return run_program(command).exit_code == 0;
}

std::string HostTest::reference_folder() {
  for (const char* folder : {"/usr/lib/cni", "/usr/libexec/cni"}) {
    if (::access(concat(folder, "/bridge").c_str(), X_OK) == 0) {
      return folder;
    }
  }
  return {};
}

}  // namespace linnet::test
