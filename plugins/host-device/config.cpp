#include "plugins/host-device/config.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "libcni/error.h"
#include "plugins/attach/mac_request.h"

namespace linnet::host_device {

namespace {

using cni::ObjectReader;

constexpr std::string_view kDevices = "/sys/devices/";

bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

// "0000:00:1f.6": domain (four digits or more), bus, slot, function.
bool is_pci_id(const std::string& text) {
  const std::vector<std::string> parts = split(text, ':');
  if (parts.size() != 3) {
    return false;
  }
  const std::vector<std::string> slot = split(parts[2], '.');
  return slot.size() == 2 && parts[0].size() >= 4 && parts[0].size() <= 8 &&
         is_hex(parts[0], parts[0].size()) && is_hex(parts[1], 2) && is_hex(slot[0], 2) &&
         slot[1].size() == 1 && slot[1][0] >= '0' && slot[1][0] <= '7';
}

// "mlx5_core.sf.2"; becomes a part of a path.
bool is_auxiliary_id(const std::string& text) {
  return text.size() <= 64 && text.find('.') != std::string::npos && text[0] != '.' &&
         std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '_' || c == '-' || c == '.';
         });
}

std::string read_kernel_path(ObjectReader& reader) {
  const std::string path = reader.text("kernelpath").value_or("");
  if (path.empty()) {
    return {};
  }
  const std::vector<std::string> parts = split(path, '/');
  if (!path.starts_with(kDevices) || std::ranges::find(parts, "..") != parts.end() ||
      path.find('\0') != std::string::npos) {
    reader.fail("kernelpath", concat(linnet::quoted(path), " is no path below ", kDevices));
  }
  return path.substr(std::string_view("/sys/").size());
}

// The device that the runtime chose, on one of the two buses.
void read_device_id(const cni::NetConf& conf, DeviceKeys& keys) {
  const cni::Json* dynamic = cni::find_key(conf.json, "runtimeConfig");
  if (dynamic == nullptr) {
    return;
  }
  ObjectReader reader(*dynamic, "runtimeConfig");
  const std::string id = reader.text("deviceID").value_or("");
  if (is_pci_id(id)) {
    keys.pci_id = id;
  } else if (is_auxiliary_id(id)) {
    keys.pci_id.clear();
    keys.auxiliary_id = id;
  } else if (!id.empty()) {
    reader.fail("deviceID", concat(linnet::quoted(id),
                                   " is neither a PCI device such as 0000:00:1f.6 nor one of the "
                                   "auxiliary bus such as mlx5_core.sf.2"));
  }
}

DeviceKeys parse_keys(const cni::NetConf& conf) {
  ObjectReader reader(conf.json, "");
  DeviceKeys keys;
  keys.device = reader.text("device").value_or("");
  if (!keys.device.empty()) {
    if (const std::string problem = cni::problem_with_ifname(keys.device); !problem.empty()) {
      reader.fail("device", problem);
    }
  }
  if (const std::string text = reader.text("hwaddr").value_or(""); !text.empty()) {
    keys.hwaddr = attach::parse_mac("\"hwaddr\"", text, cni::Code::kInvalidNetworkConfig);
  }
  keys.kernel_path = read_kernel_path(reader);
  keys.pci_id = reader.text("pciBusID").value_or("");
  if (!keys.pci_id.empty() && !is_pci_id(keys.pci_id)) {
    reader.fail("pciBusID",
                concat(linnet::quoted(keys.pci_id), " is no PCI device such as 0000:00:1f.6"));
  }
  read_device_id(conf, keys);
  return keys;
}

}  // namespace

Config parse_config(const cni::Request& request, const cni::NetConf& conf) {
  Config config{.keys = parse_keys(conf), .sysctls = attach::parse_sysctls(conf)};
  if (config.keys.empty() && request.verb != cni::Verb::kStatus) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     "no device: specify either \"device\", \"hwaddr\", \"kernelpath\" or "
                     "\"pciBusID\", or let the runtime name one (capability deviceID)");
  }
  if (conf.ipam_type.empty() && !cni::can_show_layer2(conf.cni_version)) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat("\"cniVersion\": ", linnet::quoted(conf.cni_version),
                            " has no result without an address: add \"ipam\", or use "
                            "cniVersion 0.3.0 or newer"));
  }
  return config;
}

DeviceKeys parse_keys_leniently(const cni::NetConf& conf) {
  try {
    return parse_keys(conf);
  } catch (const cni::Error& error) {
    log_warning(concat(error.what(), "; going by what is marked"));
    return {};
  }
}

std::string describe(const DeviceKeys& keys) {
  if (!keys.device.empty()) {
    return concat("device ", linnet::quoted(keys.device));
  }
  if (keys.hwaddr) {
    return concat("hwaddr ", keys.hwaddr->text());
  }
  if (!keys.kernel_path.empty()) {
    return concat("kernelpath /sys/", keys.kernel_path);
  }
  return keys.pci_id.empty() ? concat("auxiliary device ", keys.auxiliary_id)
                             : concat("pciBusID ", keys.pci_id);
}

}  // namespace linnet::host_device
