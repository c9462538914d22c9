#include "plugins/ipam/host-local/store.h"

#include <fcntl.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "base/error.h"
#include "base/error_list.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace linnet::host_local {

namespace {

constexpr std::string_view kBootIdPath = "/proc/sys/kernel/random/boot_id";
constexpr std::size_t kBootIdSize = 36;

std::string last_reserved_name(std::size_t set) { return concat("last_reserved_ip.", set); }

// An mtime that the clock will not produce again: whoever changes the folder changes it.
Timestamp random_stamp() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::uint32_t random = 0;
  if (::getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
    random = static_cast<std::uint32_t>(now.tv_nsec);
  }
  now.tv_nsec = static_cast<long>(random % 1'000'000'000U);
  return Timestamp(now);
}

// The lease that the index has of this very file, whoever owns it where that cannot be read.
std::optional<IndexedLease> find_same_file(const Index& index, Number address,
                                           const LeaseFile& file) {
  std::optional<IndexedLease> found;
  const auto look_at = [&](const IndexedLease& known) {
    if (known.address == address && known.file_inode == file.inode &&
        known.file_changed == file.changed) {
      found = known;
    }
  };
  try {
    if (file.owner.empty()) {
      index.for_each(look_at);
    } else {
      std::ranges::for_each(index.leases_of(owner_hash(file.owner)), look_at);
    }
  } catch (const CorruptIndex&) {
    return std::nullopt;
  }
  return found;
}

}  // namespace

std::string current_boot_id() {
  std::array<char, kBootIdSize> id{};
  const UniqueFd fd(::open(kBootIdPath.data(), O_RDONLY | O_CLOEXEC));
  if (!fd && (errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == EPERM)) {
    return {};
  }
  const ssize_t size = fd ? ::read(fd.get(), id.data(), id.size()) : -1;
  // Without it every lease would pass for one of an unknown boot.
  if (size < 0) {
    throw SystemError(errno, concat("read ", kBootIdPath));
  }
  return size == static_cast<ssize_t>(id.size()) ? std::string(id.data(), id.size()) : "";
}

Store::Store(LockedFolder folder, const std::string& boot_id)
    : folder_(std::move(folder)), boot_id_(boot_id), index_(Index::open(folder_.fd())) {
  if (!index_ || index_->boot_id() != boot_id_ || index_->stamp() != folder_.modified()) {
    rebuild();
  }
}

Store Store::open(const StoreLocation& location, const std::string& boot_id) {
  return {LockedFolder::ensure(location), boot_id};
}

std::optional<Store> Store::open_existing(const StoreLocation& location,
                                          const std::string& boot_id) {
  std::optional<LockedFolder> folder = LockedFolder::find(location);
  return folder ? std::optional(Store(*std::move(folder), boot_id)) : std::nullopt;
}

Store::~Store() {
  if (folder_ && changed_) {
    save_index();
  }
}

template <typename Query>
auto Store::query(Query&& ask) {
  try {
    return ask(*index_);
  } catch (const CorruptIndex&) {
    rebuild();
  }
  return ask(*index_);
}

// The folder is changed first, so a rebuilt index has the change already.
template <typename Change>
void Store::change(Change&& apply) {
  changed_ = true;
  try {
    apply(*index_);
  } catch (const CorruptIndex&) {
    rebuild();
  }
}

std::optional<Index> Store::previous_boot_index() const {
  std::optional<Index> found = Index::open(folder_.fd());
  if (!found || boot_id_.empty() || found->boot_id().empty() || found->boot_id() == boot_id_) {
    return std::nullopt;
  }
  return found;
}

bool Store::is_of_earlier_boot(Number address, const LeaseFile& file,
                               const std::optional<Index>& previous) const {
  if (boot_id_.empty() || file.owner.empty()) {
    return false;
  }
  if (file.mark) {
    return !file.mark->boot_id.empty() && file.mark->boot_id != boot_id_;
  }
  return previous && find_same_file(*previous, address, file);
}

IndexedLease Store::describe(Number address, const LeaseFile& file) const {
  IndexedLease lease;
  lease.address = address;
  lease.owner_hash = owner_hash(file.owner);
  if (!file.mark) {
    lease.file_inode = file.inode;
    lease.file_changed = file.changed;
    const std::optional<IndexedLease> known = remembered(address, file);
    lease.netns_inode = known ? known->netns_inode : 0;
  } else if (!boot_id_.empty() && file.mark->boot_id == boot_id_) {
    lease.netns_inode = file.mark->netns_inode;
  }
  return lease;
}

// What only the index knows of a lease without a mark.
std::optional<IndexedLease> Store::remembered(Number address, const LeaseFile& file) const {
  const bool of_this_boot = index_ && !boot_id_.empty() && index_->boot_id() == boot_id_;
  return of_this_boot ? find_same_file(*index_, address, file) : std::nullopt;
}

std::size_t Store::rebuild() {
  const std::optional<Index> previous = previous_boot_index();
  const std::vector<Number> addresses = folder_.addresses();
  ::unlinkat(folder_.fd(), kTemporaryName, 0);
  std::size_t foreign = 0;
  unreadable_.clear();
  Index fresh(boot_id_, addresses.size());
  for (const Number address : addresses) {
    const std::string name = lease_name(address);
    const std::optional<LeaseFile> file = find_lease_file(folder_.fd(), name);
    if (!file || file->is_free()) {
      continue;
    }
    if (is_of_earlier_boot(address, *file, previous) &&
        ::unlinkat(folder_.fd(), name.c_str(), 0) == 0) {
      continue;
    }
    if (!file->foreign) {
      fresh.add(describe(address, *file));
    } else if (const auto known = file->unreadable ? remembered(address, *file) : std::nullopt) {
      fresh.add(*known);
    } else {
      fresh.occupy(address);
      ++foreign;
      if (file->unreadable) {
        unreadable_.push_back(name);
      }
    }
  }
  index_ = std::move(fresh);
  changed_ = true;
  return foreign;
}

// A lease that cannot be looked at is still this owner's: then only the next boot does not recognise it.
std::optional<LeaseFile> Store::find_unmarked_lease(Number address) const {
  try {
    return find_lease_file(folder_.fd(), lease_name(address));
  } catch (const SystemError&) {
    return std::nullopt;
  }
}

IndexedLease Store::written_lease(Number address, const Owner& owner, const LeaseMark& mark,
                                  const WrittenLease& written) const {
  LeaseFile file;
  file.owner = owner.text();
  if (written.marked) {
    file.mark = mark;
  } else if (const auto present = find_unmarked_lease(address)) {
    file.inode = present->inode;
    file.changed = present->changed;
  }
  IndexedLease lease = describe(address, file);
  // Without a mark the index alone remembers the namespace.
  lease.netns_inode = mark.netns_inode;
  return lease;
}

std::vector<IndexedLease> Store::leases_of(const Owner& owner) {
  std::vector<IndexedLease> leases = leases_with(owner.text());
  return leases.empty() ? leases_with(owner.legacy_text()) : leases;
}

// The index finds candidates by hash; the file says whose lease it is. A file that says something
// else than the index was changed in place, which the folder's mtime does not show.
std::vector<IndexedLease> Store::leases_with(std::string_view owner) {
  const std::uint64_t hash = owner_hash(owner);
  const auto candidates = [&] {
    return query([&](const Index& index) { return index.leases_of(hash); });
  };
  const auto differs = [&](const IndexedLease& lease) {
    const auto file = find_lease_file(folder_.fd(), lease_name(lease.address));
    return !file || file->owner != owner;
  };
  std::vector<IndexedLease> leases = candidates();
  if (std::ranges::any_of(leases, differs)) {
    rebuild();
    leases = candidates();
    std::erase_if(leases, differs);
  }
  return leases;
}

bool Store::is_taken(Number address) {
  return query([&](const Index& index) { return index.is_taken(address); });
}

std::optional<Number> Store::first_free(Interval interval) {
  return query([&](const Index& index) { return index.first_free(interval); });
}

std::uint64_t Store::count_taken(Interval interval) {
  return query([&](const Index& index) { return index.count_taken(interval); });
}

bool Store::reserve(Number address, const Owner& owner, std::uint64_t netns_inode) {
  const std::string name = lease_name(address);
  const LeaseMark mark{boot_id_, netns_inode};
  const std::string content = owner.text();
  WrittenLease written = write_lease_file(folder_.fd(), name, content, mark, OnExisting::kKeep);
  if (!written.created) {
    const std::optional<LeaseFile> existing = find_lease_file(folder_.fd(), name);
    if (existing && !existing->is_free()) {
      if (!is_taken(address)) {
        rebuild();
      }
      return false;
    }
    written = write_lease_file(folder_.fd(), name, content, mark, OnExisting::kReplace);
  }
  change([&](Index& index) { index.add(written_lease(address, owner, mark, written)); });
  return true;
}

void Store::renew(const IndexedLease& lease, const Owner& owner, std::uint64_t netns_inode) {
  const std::string name = lease_name(lease.address);
  const LeaseMark mark{boot_id_, netns_inode};
  if (lease.owner_hash == owner_hash(owner.text())) {
    if (lease.netns_inode != netns_inode) {
      update_mark(folder_.fd(), name, mark);
      change([&](Index& index) { index.set_netns(lease, netns_inode); });
    }
    return;
  }
  const WrittenLease written =
      write_lease_file(folder_.fd(), name, owner.text(), mark, OnExisting::kReplace);
  change([&](Index& index) {
    index.remove(lease);
    index.add(written_lease(lease.address, owner, mark, written));
  });
}

void Store::release(const IndexedLease& lease) {
  const std::string name = lease_name(lease.address);
  if (::unlinkat(folder_.fd(), name.c_str(), 0) != 0 && errno != ENOENT) {
    throw SystemError(errno, concat("remove lease ", name));
  }
  change([&](Index& index) { index.remove(lease); });
}

std::vector<IndexedLease> Store::leases_outside(const std::vector<std::uint64_t>& alive) {
  std::vector<IndexedLease> leases = query([&](const Index& index) {
    std::vector<IndexedLease> found;
    index.for_each([&](const IndexedLease& lease) {
      if (lease.netns_inode != 0 && !std::ranges::binary_search(alive, lease.netns_inode)) {
        found.push_back(lease);
      }
    });
    return found;
  });
  // A mark is changed without a trace in the folder's mtime; what it says counts.
  std::erase_if(leases, [&](const IndexedLease& lease) {
    const auto file = find_lease_file(folder_.fd(), lease_name(lease.address));
    return !file || owner_hash(file->owner) != lease.owner_hash ||
           (file->mark && file->mark->netns_inode != lease.netns_inode);
  });
  return leases;
}

std::vector<IndexedLease> Store::leases_except(const std::vector<std::string>& owners) {
  std::vector<std::uint64_t> hashes;
  hashes.reserve(owners.size());
  for (const std::string& owner : owners) {
    hashes.push_back(owner_hash(owner));
  }
  std::ranges::sort(hashes);
  if (const std::size_t foreign = rebuild(); foreign != 0) {
    log_warning(concat(foreign, " addresses are taken by files that name no owner; left alone"));
  }
  std::vector<IndexedLease> others;
  index_->for_each([&](const IndexedLease& lease) {
    if (!std::ranges::binary_search(hashes, lease.owner_hash)) {
      others.push_back(lease);
    }
  });
  return others;
}

std::optional<Owner> Store::owner_of(const IndexedLease& lease) const {
  const std::string name = lease_name(lease.address);
  const std::optional<LeaseFile> file = find_lease_file(folder_.fd(), name);
  if (file && file->unreadable) {
    throw SystemError(EIO, concat("read lease ", name));
  }
  return file ? parse_owner(file->owner) : std::nullopt;
}

void Store::open_cursor(std::size_t set) {
  if (cursor_ && cursor_->set == set) {
    return;
  }
  Cursor cursor;
  cursor.set = set;
  cursor.file = UniqueFd(::openat(folder_.fd(), last_reserved_name(set).c_str(),
                                  O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  std::array<char, 64> text{};
  const ssize_t size = cursor.file ? ::read(cursor.file.get(), text.data(), text.size()) : -1;
  if (size > 0) {
    cursor.text.assign(text.data(), static_cast<std::size_t>(size));
  }
  cursor_ = std::move(cursor);
}

std::optional<IpAddress> Store::last_reserved(std::size_t set) {
  open_cursor(set);
  return IpAddress::parse(cursor_->text);
}

void Store::set_last_reserved(std::size_t set, const IpAddress& address) {
  open_cursor(set);
  const std::string text = address.text();
  // One write over text that is not longer leaves no moment at which the file is empty or torn.
  const bool in_place = cursor_->file && !cursor_->text.empty() &&
                        cursor_->text.size() <= text.size() &&
                        ::pwrite(cursor_->file.get(), text.data(), text.size(), 0) ==
                            static_cast<ssize_t>(text.size());
  if (!in_place) {
    changed_ = true;
    replace_file(folder_.fd(), last_reserved_name(set), text);
  }
  cursor_.reset();
}

void Store::save_index() {
  try {
    const Timestamp stamp = random_stamp();
    index_->save(folder_.fd(), stamp);
    folder_.set_modified(stamp);
  } catch (const std::exception& error) {
    log_warning(concat("index of the leases: ", error.what(), "; the next call reads them all"));
  }
}

}  // namespace linnet::host_local
