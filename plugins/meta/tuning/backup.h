// What an interface was like before ADD, in the files of the reference plugin: either one's DEL restores
// what the other one's ADD changed.
// Source: the reference plugin's <dataDir>/<container id>_<ifname>.json.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "libcni/request.h"
#include "netlink/link.h"
#include "plugins/meta/tuning/config.h"

namespace linnet::tuning {

[[nodiscard]] std::string backup_path(const std::string& data_dir, const cni::Request& request);

// What undoes the changes that `config` asks for on `link`.
[[nodiscard]] netlink::LinkChange plan_restoration(const Config& config, const netlink::Link& link);

// JSON with "mac", "mtu", "promisc", "allmulti", "txQLen" as far as they are changed, and "network", which
// the reference neither writes nor minds.
[[nodiscard]] std::string backup_text(const netlink::LinkChange& before,
                                      const std::string& network);
// Absent with a warning for text that is no such object; a member of another type is left out.
[[nodiscard]] std::optional<netlink::LinkChange> parse_backup(const std::string& text,
                                                              const std::string& path);

// Makes the folder when it is missing. Mode 0600, replaced at once. Throws cni::Error(kIoFailure).
void write_backup(const std::string& path, const std::string& text);
[[nodiscard]] std::optional<std::string> find_backup(const std::string& path);
// With what an ADD that was killed while it replaced the file may have left.
void remove_backup_if_present(const std::string& path);

// Removes the files of attachments of `network` that are not among `valid`. A file without "network",
// which the reference made, may be another network's and stays. Goes on after errors, throws at the end.
void collect_backups(const std::string& data_dir, const std::string& network,
                     std::span<const cni::AttachmentKey> valid);

}  // namespace linnet::tuning
