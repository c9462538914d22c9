// What the tests of host-local share: a folder that goes away, configurations, and the files of a
// store.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libcni/json.h"
#include "libcni/request.h"
#include "plugins/ipam/host-local/allocator.h"
#include "plugins/ipam/host-local/config.h"
#include "plugins/ipam/host-local/store.h"
#include "tests/support/temp_folder.h"

namespace linnet::host_local::test {

inline constexpr std::string_view kBoot = "11111111-1111-4111-8111-111111111111";
inline constexpr std::string_view kNextBoot = "22222222-2222-4222-8222-222222222222";

// A network "net" whose dataDir is a temporary folder.
class Network {
 public:
  [[nodiscard]] StoreLocation location() const { return {folder_.path(), "net"}; }
  [[nodiscard]] std::string folder() const { return location().folder(); }
  [[nodiscard]] std::string file(std::string_view name) const;

  // A configuration with `ipam` keys besides type and dataDir, and others at the top.
  [[nodiscard]] cni::Json conf(const cni::Json& ipam,
                               const cni::Json& top = cni::Json::object()) const;
  [[nodiscard]] Config parse(const cni::Json& ipam, const cni::Json& top = cni::Json::object(),
                             std::string_view cni_args = {}) const;

  [[nodiscard]] Store open(std::string_view boot = kBoot) const {
    return Store::open(location(), std::string(boot));
  }
  // Addresses with a lease file, and each one's content.
  [[nodiscard]] std::map<std::string, std::string> leases() const;
  void make_folder() const;
  void write(std::string_view name, std::string_view content) const;
  void remove(std::string_view name) const;
  [[nodiscard]] bool exists(std::string_view name) const;
  [[nodiscard]] std::string read(std::string_view name) const;

 private:
  linnet::test::TempFolder folder_;
};

// Addresses as text that an ADD of `owner` gets, in the sets' order.
[[nodiscard]] std::vector<std::string> allocate(
    const Network& network, const Config& config, const Owner& owner, std::string_view boot = kBoot,
    std::uint64_t netns_inode = 0, const LiveNamespaces& live = [] { return std::nullopt; });

// Frees all leases of `owner`; returns how many.
std::size_t release(const Network& network, const Owner& owner, std::string_view boot = kBoot);

[[nodiscard]] inline Owner owner(std::string id, std::string ifname = "eth0") {
  return {std::move(id), std::move(ifname)};
}

// What one execution of a plugin says.
struct Answer {
  int exit_code = 0;
  cni::Json json;
};
[[nodiscard]] Answer run_plugin(const std::string& executable, std::string_view verb,
                                const Owner& owner, const cni::Json& conf);

// Path of the reference's host-local, empty when it is not installed.
[[nodiscard]] std::string reference_plugin();

}  // namespace linnet::host_local::test
