#include "plugins/ipam/host-local/verbs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>

#include "base/error.h"
#include "base/error_list.h"
#include "base/text.h"
#include "libcni/error.h"
#include "plugins/ipam/host-local/allocator.h"
#include "plugins/ipam/host-local/config.h"
#include "plugins/ipam/host-local/namespaces.h"
#include "plugins/ipam/host-local/resolv_conf.h"
#include "plugins/ipam/host-local/store.h"

namespace linnet::host_local {

namespace {

Owner owner_of(const cni::Request& request) { return {request.container_id, request.ifname}; }

std::string_view way_out(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "free space on that file system, or set \"ipam.dataDir\" to another one";
    case EROFS:
      return "the file system is read-only; set \"ipam.dataDir\" to a writable folder";
    case EACCES:
    case EPERM:
      return "run as root, or set \"ipam.dataDir\" to a folder this user may write";
    case ENOTDIR:
      return "a part of the path is not a folder; remove it or change \"ipam.dataDir\"";
    default:
      return {};
  }
}

// Runs `step` on the store at `location`; errors of system calls become errors of the protocol that
// name the folder and what can be done.
template <typename Step>
auto on_store(const StoreLocation& location, cni::Code code, Step&& step) {
  try {
    return step();
  } catch (const SystemError& error) {
    throw cni::Error(code, concat("store ", location.folder(), ": ", error.what()),
                     std::string(way_out(error.code())));
  }
}

// The folder that exists of `path`: itself or the nearest parent.
std::string nearest_existing(std::string path) {
  while (path.size() > 1 && ::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_EACCESS) != 0) {
    const std::size_t slash = path.find_last_of('/');
    path.resize(std::max<std::size_t>(slash == std::string::npos ? 1 : slash, 1));
  }
  return path;
}

// Whether a file could be made: an unnamed one is, where the file system has such, and is gone
// again.
void require_writable(const StoreLocation& location) {
  const std::string folder = nearest_existing(location.folder());
  const UniqueFd unnamed(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  const bool untold = !unnamed && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL);
  if (unnamed || (untold && ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0)) {
    return;
  }
  throw SystemError(errno, concat("write below ", folder));
}

bool in_ranges(const Config& config, const IpAddress& address) {
  return std::ranges::any_of(config.sets,
                             [&](const RangeSet& set) { return set.find(address) != nullptr; });
}

std::vector<IndexedLease> find_leases(const StoreLocation& location, const Owner& owner) {
  return on_store(location, cni::Code::kIoFailure, [&] {
    std::optional<Store> store = Store::open_existing(location, current_boot_id());
    return store ? store->leases_of(owner) : std::vector<IndexedLease>();
  });
}

std::vector<std::string> owner_texts(std::span<const cni::AttachmentKey> attachments) {
  std::vector<std::string> texts;
  for (const cni::AttachmentKey& attachment : attachments) {
    const Owner owner{attachment.container_id, attachment.ifname};
    texts.push_back(owner.text());
    texts.push_back(owner.legacy_text());
  }
  return texts;
}

// One GC, under the store's lock.
class Collector {
 public:
  explicit Collector(const cni::NetConf& conf)
      : location_(parse_location_leniently(conf)),
        valid_(owner_texts(conf.valid_attachments)),
        store_(on_store(location_, cni::Code::kIoFailure,
                        [&] { return Store::open_existing(location_, current_boot_id()); })) {}

  std::vector<ipam::LeaseHolder> find_holders() {
    return on_store(location_, cni::Code::kIoFailure, [&] {
      std::set<std::uint64_t> numbers;
      for (const IndexedLease& lease : stale_leases()) {
        if (lease.netns_inode != 0) {
          numbers.insert(lease.netns_inode);
        }
      }
      const std::map<std::uint64_t, UniqueFd> alive = open_namespaces(std::move(numbers));
      std::vector<ipam::LeaseHolder> holders;
      for (const IndexedLease& lease : stale_leases()) {
        const auto netns = alive.find(lease.netns_inode);
        const std::optional<Owner> owner =
            netns == alive.end() ? std::nullopt : store_->owner_of(lease);
        const auto is_owner = [&](const ipam::LeaseHolder& holder) {
          return holder.attachment.container_id == owner->container_id &&
                 holder.attachment.ifname == owner->ifname;
        };
        if (owner && std::ranges::none_of(holders, is_owner)) {
          holders.push_back({{owner->container_id, owner->ifname}, copy_of(netns->second)});
        }
      }
      return holders;
    });
  }

  void free_leases(std::span<const cni::AttachmentKey> kept) {
    on_store(location_, cni::Code::kIoFailure, [&] {
      std::set<std::uint64_t> hashes;
      for (const std::string& text : owner_texts(kept)) {
        hashes.insert(owner_hash(text));
      }
      ErrorList errors;
      for (const IndexedLease& lease : stale_leases()) {
        if (!hashes.contains(lease.owner_hash)) {
          errors.attempt([&] { store_->release(lease); });
        }
      }
      if (store_ && !store_->unreadable().empty()) {
        errors.attempt([&] {
          throw SystemError(EIO, concat("read the leases ", join(store_->unreadable(), ", "),
                                        ", which may belong to nobody"));
        });
      }
      errors.throw_if_any();
    });
  }

 private:
  static UniqueFd copy_of(const UniqueFd& fd) {
    UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy) {
      throw SystemError(errno, "keep a network namespace open");
    }
    return copy;
  }

  const std::vector<IndexedLease>& stale_leases() {
    if (!stale_) {
      stale_ = store_ ? store_->leases_except(valid_) : std::vector<IndexedLease>();
    }
    return *stale_;
  }

  StoreLocation location_;
  std::vector<std::string> valid_;
  std::optional<Store> store_;
  std::optional<std::vector<IndexedLease>> stale_;
};

}  // namespace

cni::Result add(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(conf, request.args);
  cni::Result result;
  result.routes = config.routes;
  if (!config.resolv_conf.empty()) {
    result.dns = read_resolv_conf(config.resolv_conf, "ipam.resolvConf");
  }
  const std::uint64_t netns = netns_inode(request.netns);
  on_store(config.location, cni::Code::kIoFailure, [&] {
    Store store = Store::open(config.location, current_boot_id());
    result.ips = Allocator(store, config).allocate(owner_of(request), netns);
  });
  return result;
}

void del(const cni::Request& request, const cni::NetConf& conf) {
  const StoreLocation location = parse_location_leniently(conf);
  on_store(location, cni::Code::kIoFailure, [&] {
    std::optional<Store> store = Store::open_existing(location, current_boot_id());
    if (!store) {
      return;
    }
    ErrorList errors;
    for (const IndexedLease& lease : store->leases_of(owner_of(request))) {
      errors.attempt([&] { store->release(lease); });
    }
    errors.throw_if_any();
  });
}

void check(const cni::Request& request, const cni::NetConf& conf) {
  const Config config = parse_config(conf, request.args);
  const std::vector<IndexedLease> leases = find_leases(config.location, owner_of(request));
  const auto is_leased = [&](const IpAddress& address) {
    return std::ranges::find(leases, to_number(address), &IndexedLease::address) != leases.end();
  };
  const std::string attachment =
      concat("container ", request.container_id, ", interface ", request.ifname);
  if (leases.empty()) {
    throw cni::Error(cni::Code::kInternal, concat("no address in ", config.location.folder(),
                                                  " is leased to ", attachment));
  }
  for (const cni::IpConfig& ip : conf.prev_result->ips) {
    const IpAddress& address = ip.address.address();
    if (in_ranges(config, address) && !is_leased(address)) {
      throw cni::Error(cni::Code::kInternal,
                       concat("prevResult has ", address.text(), ", which ",
                              config.location.folder(), " does not lease to ", attachment));
    }
  }
}

// No list is the empty list: the Go library leaves it out when no attachment is valid.
ipam::Collection begin_gc(const cni::Request& /*request*/, const cni::NetConf& conf) {
  const auto collector = std::make_shared<Collector>(conf);
  return {.find_holders = [collector] { return collector->find_holders(); },
          .free_leases = [collector](auto kept) { collector->free_leases(kept); }};
}

void gc(const cni::Request& request, const cni::NetConf& conf) {
  begin_gc(request, conf).free_leases({});
}

void status(const cni::Request& /*request*/, const cni::NetConf& conf) {
  const Config config = parse_config(conf, {});
  if (!config.resolv_conf.empty()) {
    (void)read_resolv_conf(config.resolv_conf, "ipam.resolvConf");
  }
  on_store(config.location, cni::Code::kPluginNotAvailable, [&] {
    require_writable(config.location);
    std::optional<Store> store = Store::open_existing(config.location, current_boot_id());
    if (!store) {
      return;
    }
    const std::vector<std::string> full = Allocator(*store, config).full_sets();
    if (!full.empty()) {
      throw cni::Error(cni::Code::kPluginNotAvailable,
                       concat("no IP addresses available: ", join(full, "; ")),
                       "delete containers, or give the network a larger range");
    }
  });
}

}  // namespace linnet::host_local
