#include "plugins/meta/tuning/verbs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "base/transaction.h"
#include "libcni/error.h"
#include "netlink/error.h"
#include "netlink/netns.h"
#include "plugins/attach/interface.h"
#include "plugins/attach/problems.h"
#include "plugins/attach/sysctls.h"
#include "plugins/meta/tuning/allow_list.h"
#include "plugins/meta/tuning/backup.h"
#include "plugins/meta/tuning/config.h"

namespace linnet::tuning {

namespace {

void require_allowed_sysctls(const Config& config) {
  if (config.sysctls.empty()) {
    return;
  }
  if (const auto list = find_allow_list(kAllowListPath)) {
    require_allowed(attach::sysctl_names(config.sysctls), *list);
  }
}

netlink::LinkChange plan_change(const Config& config, const netlink::Link& link) {
  return {.index = link.index,
          .name = link.name,
          .promiscuous = config.promiscuous,
          .all_multicast = config.all_multicast,
          .mtu = config.mtu != 0 ? std::optional(config.mtu) : std::nullopt,
          .tx_queue_length = config.tx_queue_length,
          .mac = config.mac};
}

// Each part in a message of its own: what the kernel refuses keeps nothing else from being restored.
void restore_link(netlink::RouteSocket& socket, const netlink::LinkChange& before) {
  netlink::Batch batch;
  const auto put = [&](auto member) {
    if (before.*member) {
      netlink::LinkChange part{.index = before.index, .name = before.name};
      part.*member = before.*member;
      netlink::change_link(batch, part);
    }
  };
  put(&netlink::LinkChange::mtu);
  put(&netlink::LinkChange::mac);
  put(&netlink::LinkChange::promiscuous);
  put(&netlink::LinkChange::all_multicast);
  put(&netlink::LinkChange::tx_queue_length);
  for (const netlink::Ack& ack : socket.exchange(batch)) {
    if (!ack.ok()) {
      log_warning(netlink::Error(ack, concat("restore a property of ", before.name)).what());
    }
  }
}

void restore_attachment(const cni::Request& request, const std::string& path) {
  const std::optional<std::string> text = find_backup(path);
  if (!text || request.netns.empty()) {
    return;
  }
  std::optional<netlink::LinkChange> before = parse_backup(*text, path);
  std::optional<netlink::Netns> netns = netlink::Netns::find(request.netns);
  if (!before || !netns) {
    return;
  }
  const netlink::Netns host = netlink::Netns::current();
  netlink::Sandbox sandbox(host, *std::move(netns));
  if (const std::optional<netlink::Link> link = sandbox.socket().find_link(request.ifname)) {
    before->index = link->index;
    before->name = link->name;
    restore_link(sandbox.socket(), *before);
  }
}

// The container's end, not a link of the same name on the host.
void update_result(cni::Result& result, const std::string& ifname, const Config& config) {
  for (cni::Interface& interface : result.interfaces) {
    if (interface.name != ifname || interface.sandbox.empty()) {
      continue;
    }
    if (config.mac) {
      interface.mac = config.mac->text();
    }
    if (config.mtu != 0) {
      interface.mtu = config.mtu;
    }
  }
}

void change_interface(const cni::Request& request, const cni::NetConf& conf, const Config& config,
                      netlink::RouteSocket& socket, Transaction& transaction) {
  const netlink::Link link = socket.get_link(request.ifname);
  const std::string path = backup_path(config.data_dir, request);
  write_backup(path, backup_text(plan_restoration(config, link), conf.name));
  transaction.undo_with(concat("remove ", path), [path] { remove_backup_if_present(path); });
  transaction.undo_with(concat("restore ", link.name),
                        [request, path] { restore_attachment(request, path); });
  netlink::Batch batch;
  netlink::change_link(batch, plan_change(config, link));
  socket.execute(batch);
}

std::vector<std::string> link_problems(const netlink::Link& link, const Config& config) {
  std::vector<std::string> problems;
  const auto expect = [&](bool as_wanted, const auto&... words) {
    if (!as_wanted) {
      problems.push_back(concat(link.name, words...));
    }
  };
  const auto on = [](bool value) { return std::string_view(value ? " is not" : " is"); };
  expect(!config.mac || *config.mac == link.mac, " has MAC address ", link.mac.text(), ", not ",
         config.mac.value_or(MacAddress()).text());
  expect(config.mtu == 0 || config.mtu == link.mtu, " has MTU ", link.mtu, ", not ", config.mtu);
  expect(!config.promiscuous || *config.promiscuous == link.promiscuous,
         on(config.promiscuous.value_or(false)), " in promiscuous mode");
  expect(!config.all_multicast || *config.all_multicast == link.all_multicast,
         on(config.all_multicast.value_or(false)), " in all-multicast mode");
  expect(!config.tx_queue_length || *config.tx_queue_length == link.tx_queue_length,
         " has a transmit queue of ", link.tx_queue_length, ", not ",
         config.tx_queue_length.value_or(0));
  return problems;
}

}  // namespace

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(request, conf);
  if (!conf.prev_result) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     "Required prevResult missing: tuning changes the interface of a plugin before "
                     "it in the list");
  }
  require_allowed_sysctls(config);
  const std::vector<attach::SysctlSetting> sysctls =
      attach::plan_sysctls(config.sysctls, request.ifname);
  cni::Result result = *conf.prev_result;
  update_result(result, request.ifname, config);
  const netlink::Netns host = netlink::Netns::current();
  Transaction transaction;
  netlink::Sandbox sandbox(host, attach::open_netns(request), [&] {
    attach::apply_sysctls(sysctls, host, request.netns, transaction);
  });
  if (config.changes_link()) {
    change_interface(request, conf, config, sandbox.socket(), transaction);
  }
  transaction.commit();
  return result;
}

void del(const cni::Request& request, const cni::NetConf& conf) {
  const std::string path = backup_path(parse_data_dir_leniently(conf), request);
  try {
    restore_attachment(request, path);
  } catch (const std::exception& error) {
    log_warning(concat(request.ifname, " is not restored: ", error.what()));
  }
  try {
    remove_backup_if_present(path);
  } catch (const SystemError& error) {
    log_warning(error.what());
  }
}

void check(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(request, conf);
  const std::vector<attach::SysctlSetting> sysctls =
      attach::plan_sysctls(config.sysctls, request.ifname);
  const netlink::Netns host = netlink::Netns::current();
  std::vector<std::string> problems;
  netlink::Sandbox sandbox(host, attach::open_netns(request),
                           [&] { problems = attach::sysctl_problems(sysctls); });
  if (const std::optional<netlink::Link> link = sandbox.socket().find_link(request.ifname)) {
    attach::append(problems, link_problems(*link, config));
  } else {
    problems.push_back(concat(request.ifname, " is not in the container"));
  }
  attach::throw_if_changed(request, conf, problems);
}

void gc(const cni::Request& /*request*/, const cni::NetConf& conf) {
  collect_backups(parse_data_dir_leniently(conf), conf.name, conf.valid_attachments);
}

void status(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(request, conf);
  try {
    require_allowed_sysctls(config);
  } catch (const cni::Error& error) {
    throw cni::Error(cni::Code::kPluginNotAvailable, error.message(), error.details());
  }
  std::string folder = config.data_dir;
  while (folder.size() > 1 && ::faccessat(AT_FDCWD, folder.c_str(), F_OK, AT_EACCESS) != 0) {
    folder.resize(std::max<std::size_t>(folder.find_last_of('/'), 1));
  }
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    throw cni::Error(
        cni::Code::kPluginNotAvailable,
        concat("\"dataDir\": ", config.data_dir, " cannot be written: ", errno_text(errno)));
  }
}

}  // namespace linnet::tuning
