#include "base/text.h"
#include "cnitool/commands.h"
#include "libcni/error.h"
#include "libcni/network_list.h"

namespace linnet::cnitool {

namespace {

cni::NetworkList network_of(const Options& options) {
  return cni::load_network(options.conf_dir, options.network);
}

cni::RuntimeConf conf_of(const Options& options) {
  return {.container_id = options.container_id,
          .netns = options.netns,
          .ifname = options.ifname,
          .args = options.args,
          .capability_args = options.capability_args};
}

}  // namespace

cni::Runtime runtime_of(const Options& options) {
  // Like the reference's tool, a failed ADD leaves what it did to be looked at; `cnitool del` takes
  // it back.
  return cni::Runtime({.plugin_path = options.plugin_path,
                       .cache_folder = options.cache_dir,
                       .timeout = options.timeout,
                       .failed_add = cni::FailedAdd::kLeaveToCaller});
}

void add(const Options& options, Output& output) {
  const cni::NetworkList network = network_of(options);
  const cni::Result result = runtime_of(options).add(network, conf_of(options));
  output.out =
      to_json(result, network.cni_version).dump(4, ' ', false, cni::Json::error_handler_t::replace);
  output.out += '\n';
}

void del(const Options& options) { runtime_of(options).del(network_of(options), conf_of(options)); }

void check(const Options& options) {
  runtime_of(options).check(network_of(options), conf_of(options));
}

void gc(const Options& options) { runtime_of(options).gc(network_of(options), options.keep); }

void status(const Options& options) { runtime_of(options).status(network_of(options)); }

}  // namespace linnet::cnitool
