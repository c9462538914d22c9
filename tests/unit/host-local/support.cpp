#include "tests/unit/host-local/support.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "libcni/exec.h"
#include "libcni/version.h"

namespace linnet::host_local::test {

std::string Network::file(std::string_view name) const { return concat(folder(), "/", name); }

cni::Json Network::conf(const cni::Json& ipam, const cni::Json& top) const {
  cni::Json conf = {{"cniVersion", "1.1.0"}, {"name", "net"}, {"type", "bridge"}};
  conf["ipam"] = {{"type", "host-local"}, {"dataDir", folder_.path()}};
  conf["ipam"].update(ipam);
  conf.update(top);
  return conf;
}

Config Network::parse(const cni::Json& ipam, const cni::Json& top,
                      std::string_view cni_args) const {
  return parse_config(
      cni::parse_net_conf(cni::dump(conf(ipam, top)), cni::Verb::kAdd, cni::kAllVersions),
      cni_args);
}

std::map<std::string, std::string> Network::leases() const {
  std::map<std::string, std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    const std::string name = entry.path().filename().string();
    if (IpAddress::parse(name)) {
      found[name] = read_file(entry.path().string(), 1 << 20);
    }
  }
  return found;
}

void Network::make_folder() const { ensure_directory(folder(), 0755); }

void Network::write(std::string_view name, std::string_view content) const {
  make_folder();
  ::unlink(file(name).c_str());
  const UniqueFd fd = open_file(file(name), O_WRONLY | O_CREAT | O_EXCL, 0600);
  write_all(fd.get(), content, name);
}

void Network::remove(std::string_view name) const { ASSERT_EQ(::unlink(file(name).c_str()), 0); }

bool Network::exists(std::string_view name) const {
  return ::access(file(name).c_str(), F_OK) == 0;
}

std::string Network::read(std::string_view name) const { return read_file(file(name), 1 << 24); }

std::vector<std::string> allocate(const Network& network, const Config& config, const Owner& owner,
                                  std::string_view boot, std::uint64_t netns_inode,
                                  const LiveNamespaces& live) {
  Store store = network.open(boot);
  std::vector<std::string> addresses;
  for (const cni::IpConfig& ip : Allocator(store, config, live).allocate(owner, netns_inode)) {
    addresses.push_back(ip.address.address().text());
  }
  return addresses;
}

std::size_t release(const Network& network, const Owner& owner, std::string_view boot) {
  Store store = network.open(boot);
  const std::vector<IndexedLease> leases = store.leases_of(owner);
  for (const IndexedLease& lease : leases) {
    store.release(lease);
  }
  return leases.size();
}

Answer run_plugin(const std::string& executable, std::string_view verb, const Owner& owner,
                  const cni::Json& conf) {
  cni::PluginProcess process =
      cni::PluginProcess::start(executable, {{"CNI_COMMAND", std::string(verb)},
                                             {"CNI_CONTAINERID", owner.container_id},
                                             {"CNI_IFNAME", owner.ifname},
                                             {"CNI_NETNS", "/nonexistent/netns"},
                                             {"CNI_ARGS", ""},
                                             {"CNI_PATH", "/nonexistent"}});
  const cni::PluginOutput output = process.run(cni::dump(conf));
  Answer answer;
  answer.exit_code = output.exit_code;
  answer.json = cni::Json::parse(output.standard_output, nullptr, false);
  return answer;
}

std::string reference_plugin() {
  for (const char* const path : {"/usr/lib/cni/host-local", "/opt/cni/bin/host-local"}) {
    if (::access(path, X_OK) == 0) {
      return path;
    }
  }
  return {};
}

}  // namespace linnet::host_local::test
