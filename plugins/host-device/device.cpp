#include "plugins/host-device/device.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "netlink/sysfs.h"

namespace linnet::host_device {

namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

// Sorted; empty for a folder that is not there.
std::vector<std::string> names_in(int root, const std::string& path) {
  std::vector<std::string> names;
  UniqueFd fd(::openat(root, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return names;
    }
    throw SystemError(errno, concat("read folder /sys/", path));
  }
  const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(fd.release()));
  if (!folder) {
    throw SystemError(errno, concat("read folder /sys/", path));
  }
  while (const dirent* entry = ::readdir(folder.get())) {
    if (entry->d_name[0] != '.') {
      names.emplace_back(entry->d_name);
    }
  }
  std::ranges::sort(names);
  return names;
}

std::string pci_folder(const std::string& id) { return concat("bus/pci/devices/", id); }

std::string device_folder(const DeviceKeys& keys) {
  if (!keys.kernel_path.empty()) {
    return keys.kernel_path;
  }
  return keys.pci_id.empty() ? concat("bus/auxiliary/devices/", keys.auxiliary_id)
                             : pci_folder(keys.pci_id);
}

// Names of the links of a device, or of the virtio device that it carries.
std::vector<std::string> link_names(const DeviceKeys& keys) {
  const UniqueFd root = netlink::open_sysfs_here();
  const std::string folder = device_folder(keys);
  std::vector<std::string> names = names_in(root.get(), concat(folder, "/net"));
  if (!names.empty() || keys.pci_id.empty()) {
    return names;
  }
  for (const std::string& entry : names_in(root.get(), folder)) {
    if (entry.starts_with("virtio")) {
      names = names_in(root.get(), concat(folder, '/', entry, "/net"));
    }
    if (!names.empty()) {
      break;
    }
  }
  return names;
}

std::optional<netlink::Link> find_by_mac(netlink::RouteSocket& socket, const MacAddress& mac) {
  std::vector<netlink::Link> links = socket.links();
  std::erase_if(links, [&](const netlink::Link& link) { return link.mac != mac; });
  std::ranges::stable_sort(links, {}, [](const netlink::Link& link) { return !link.kind.empty(); });
  return links.empty() ? std::nullopt : std::optional(links.front());
}

}  // namespace

std::optional<netlink::Link> find_device(netlink::RouteSocket& socket, const DeviceKeys& keys) {
  if (!keys.device.empty()) {
    return socket.find_link(keys.device);
  }
  if (keys.hwaddr) {
    return find_by_mac(socket, *keys.hwaddr);
  }
  for (const std::string& name : link_names(keys)) {
    if (std::optional<netlink::Link> link = socket.find_link(name)) {
      return link;
    }
  }
  return std::nullopt;
}

bool is_driven_by_user_space(const DeviceKeys& keys) {
  constexpr std::array<std::string_view, 3> kDrivers = {"vfio-pci", "uio_pci_generic", "igb_uio"};
  if (!keys.device.empty() || keys.hwaddr || !keys.kernel_path.empty() || keys.pci_id.empty()) {
    return false;
  }
  const UniqueFd root = netlink::open_sysfs_here();
  std::array<char, 256> target{};
  const ssize_t size = ::readlinkat(root.get(), concat(pci_folder(keys.pci_id), "/driver").c_str(),
                                    target.data(), target.size());
  if (size <= 0) {
    return false;
  }
  const std::string_view path(target.data(), static_cast<std::size_t>(size));
  return std::ranges::find(kDrivers, path.substr(path.rfind('/') + 1)) != kDrivers.end();
}

}  // namespace linnet::host_device
