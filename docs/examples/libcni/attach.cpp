// Attaches a network namespace to a network, prints its addresses, and detaches it again.

#include <cstdio>
#include <exception>

#include "base/text.h"
#include "libcni/error.h"
#include "libcni/network_list.h"
#include "libcni/runtime.h"

namespace cni = linnet::cni;

namespace {

void attach_and_detach(const char* conf_dir, const char* plugin_path, const char* cache_folder,
                       const char* network, const char* netns) {
  const cni::NetworkList list = cni::load_network(conf_dir, network);
  const cni::Runtime runtime({.plugin_path = linnet::split(plugin_path, ':'),
                              .cache_folder = cache_folder,
                              .timeout = std::chrono::seconds(60)});
  cni::RuntimeConf conf{.container_id = "example", .netns = netns, .ifname = "eth0"};
  conf.capability_args = {
      {"portMappings", {{{"hostPort", 8080}, {"containerPort", 80}, {"protocol", "tcp"}}}}};

  const cni::Result result = runtime.add(list, conf);
  for (const cni::IpConfig& ip : result.ips) {
    std::puts(ip.address.text().c_str());
  }
  runtime.del(list, conf);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) {
    std::fputs("usage: attach CONF_DIR PLUGIN_PATH CACHE_FOLDER NETWORK NETNS\n", stderr);
    return 2;
  }
  try {
    attach_and_detach(arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
    return 0;
  } catch (const cni::Error& error) {
    std::fprintf(stderr, "attach: %s (code %d)\n", error.what(), error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "attach: %s\n", error.what());
  }
  return 1;
}
