#include "plugins/meta/tuning/backup.h"

#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/error_list.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "libcni/error.h"

namespace linnet::tuning {

namespace {

using cni::Json;

constexpr std::size_t kMaxBackup = std::size_t{64} << 10U;

std::string file_name(const std::string& container_id, const std::string& ifname) {
  return concat(container_id, '_', ifname, ".json");
}

std::optional<std::uint32_t> number_in(const Json& json, const char* key) {
  const Json* value = cni::find_key(json, key);
  if (value == nullptr || !value->is_number_unsigned() || value->get<std::uint64_t>() > INT32_MAX) {
    return std::nullopt;
  }
  return value->get<std::uint32_t>();
}

std::optional<bool> flag_in(const Json& json, const char* key) {
  const Json* value = cni::find_key(json, key);
  return value != nullptr && value->is_boolean() ? std::optional(value->get<bool>()) : std::nullopt;
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
  if (!folder) {
    if (errno == ENOENT) {
      return names;
    }
    throw SystemError(errno, concat("read folder ", path));
  }
  while (const dirent* entry = ::readdir(folder.get())) {
    names.emplace_back(entry->d_name);
  }
  return names;
}

bool belongs_to(const std::string& path, const std::string& network) {
  const std::optional<std::string> text = find_backup(path);
  const Json json = Json::parse(text.value_or(""), nullptr, false);
  const Json* owner = cni::find_key(json, "network");
  return owner != nullptr && owner->is_string() && owner->get_ref<const std::string&>() == network;
}

}  // namespace

std::string backup_path(const std::string& data_dir, const cni::Request& request) {
  return concat(data_dir, '/', file_name(request.container_id, request.ifname));
}

netlink::LinkChange plan_restoration(const Config& config, const netlink::Link& link) {
  netlink::LinkChange before{.name = link.name};
  if (config.mac) {
    before.mac = link.mac;
  }
  if (config.mtu != 0) {
    before.mtu = link.mtu;
  }
  if (config.promiscuous) {
    before.promiscuous = link.promiscuous;
  }
  if (config.all_multicast) {
    before.all_multicast = link.all_multicast;
  }
  if (config.tx_queue_length) {
    before.tx_queue_length = link.tx_queue_length;
  }
  return before;
}

std::string backup_text(const netlink::LinkChange& before, const std::string& network) {
  Json json = {{"network", network}};
  if (before.mac) {
    json["mac"] = before.mac->text();
  }
  if (before.mtu) {
    json["mtu"] = *before.mtu;
  }
  if (before.promiscuous) {
    json["promisc"] = *before.promiscuous;
  }
  if (before.all_multicast) {
    json["allmulti"] = *before.all_multicast;
  }
  if (before.tx_queue_length) {
    json["txQLen"] = *before.tx_queue_length;
  }
  return cni::dump(json);
}

std::optional<netlink::LinkChange> parse_backup(const std::string& text, const std::string& path) {
  Json json;
  try {
    json = cni::parse_json(text, path);
  } catch (const cni::Error& error) {
    log_warning(concat("nothing to restore: ", error.what()));
    return std::nullopt;
  }
  netlink::LinkChange before;
  if (const Json* mac = cni::find_key(json, "mac"); mac != nullptr && mac->is_string()) {
    before.mac = MacAddress::parse(mac->get_ref<const std::string&>());
  }
  before.mtu = number_in(json, "mtu");
  before.promiscuous = flag_in(json, "promisc");
  before.all_multicast = flag_in(json, "allmulti");
  before.tx_queue_length = number_in(json, "txQLen");
  return before;
}

void write_backup(const std::string& path, const std::string& text) {
  try {
    ensure_directory(path.substr(0, path.find_last_of('/')), 0700);
    write_file_atomically(path, text, 0600);
  } catch (const SystemError& error) {
    throw cni::Error(cni::Code::kIoFailure,
                     concat("remember the interface for DEL: ", error.what()),
                     "make the folder writable, or set \"dataDir\" to another one");
  }
}

std::optional<std::string> find_backup(const std::string& path) {
  return find_file(path, kMaxBackup);
}

void remove_backup_if_present(const std::string& path) {
  for (const std::string& name : {path, temporary_name(path)}) {
    if (::unlink(name.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) {
      throw SystemError(errno, concat("remove ", name));
    }
  }
}

void collect_backups(const std::string& data_dir, const std::string& network,
                     std::span<const cni::AttachmentKey> valid) {
  std::set<std::string> keep;
  for (const cni::AttachmentKey& attachment : valid) {
    const std::string name = file_name(attachment.container_id, attachment.ifname);
    keep.insert({name, temporary_name(name)});
  }
  ErrorList errors;
  for (const std::string& name : names_in(data_dir)) {
    const bool ours = name.ends_with(".json") || name.ends_with(temporary_name(".json"));
    if (!ours || keep.contains(name)) {
      continue;
    }
    errors.attempt([&] {
      const std::string path = concat(data_dir, '/', name);
      if (belongs_to(path, network) && ::unlink(path.c_str()) != 0 && errno != ENOENT) {
        throw SystemError(errno, concat("remove ", path));
      }
    });
  }
  errors.throw_if_any();
}

}  // namespace linnet::tuning
