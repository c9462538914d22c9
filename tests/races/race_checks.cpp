// What must hold while plugins race.
#include <fstream>
#include <iterator>

#include "base/text.h"
#include "tests/races/race_world.h"

namespace linnet::test {

namespace {

using cni::Json;

constexpr std::size_t kEnough = 20;

}  // namespace

std::set<std::string> RaceWorld::told_addresses(const RacedAttachment& attachment) {
  std::set<std::string> addresses;
  for (const Json& ip : attachment.result.value_or(Json::object()).value("ips", Json::array())) {
    const std::string text = ip["address"];
    addresses.insert(text.substr(0, text.find('/')));
  }
  return addresses;
}

std::set<std::string> RaceWorld::kernel_addresses(const std::string& container) {
  std::set<std::string> addresses;
  for (const Json& link : ip(container, {"-4", "addr", "show", "dev", "eth0"})) {
    for (const Json& address : link.value("addr_info", Json::array())) {
      addresses.insert(address["local"]);
    }
  }
  return addresses;
}

bool RaceWorld::is_leased(const RacedAttachment& attachment, const std::string& address) {
  std::ifstream lease(concat("/var/lib/cni/networks/", attachment.network->name, "/", address));
  const std::string content((std::istreambuf_iterator<char>(lease)), {});
  return content == concat(attachment.name, "\r\neth0");
}

// An attachment that every GC knows is as ADD told, and nobody else has its address.
void RaceWorld::verify(RacedAttachment& attachment) {
  const std::set<std::string> told = told_addresses(attachment);
  const std::set<std::string> found = kernel_addresses(attachment.name);
  bool leased = !told.empty();
  for (const std::string& address : told) {
    leased = leased && is_leased(attachment, address);
  }
  if (attachment.disowned) {
    verify_disowned(attachment);
    return;
  }
  if (found != told) {
    violation(attachment, "the kernel has other addresses than ADD told");
  }
  if (!leased) {
    violation(attachment, "its address is not leased to it");
  }
  claim(attachment);
}

// One that a GC was told to remove, or did not know of: an address that it has, it has a lease of.
void RaceWorld::verify_disowned(RacedAttachment& attachment) {
  const std::set<std::string> first = kernel_addresses(attachment.name);
  for (const std::string& address : first) {
    if (!is_leased(attachment, address) && kernel_addresses(attachment.name).contains(address)) {
      violation(attachment, concat("still has ", address, ", which is not leased to it"));
    }
  }
  if (order_ == GcOrder::kExclusive && !first.empty()) {
    violation(attachment, "is still attached, and GC was told to remove it");
  }
  count(first.empty() ? "removed by GC" : "left alone by GC");
}

void RaceWorld::claim(RacedAttachment& attachment) {
  Register& known = register_of(attachment);
  const std::lock_guard<std::mutex> lock(known.mutex);
  for (const std::string& address : told_addresses(attachment)) {
    const auto [entry, fresh] = known.owners.emplace(address, attachment.name);
    if (!fresh && entry->second != attachment.name) {
      violation(attachment, concat("has ", address, ", and so has ", entry->second));
    }
  }
}

void RaceWorld::disclaim(RacedAttachment& attachment) {
  Register& known = register_of(attachment);
  const std::lock_guard<std::mutex> lock(known.mutex);
  std::erase_if(known.owners, [&](const auto& entry) { return entry.second == attachment.name; });
}

void RaceWorld::violation(const RacedAttachment& attachment, const std::string& text) {
  const std::lock_guard<std::mutex> lock(notes_);
  violations_.push_back(concat(attachment.network->name, " ", attachment.network->path, " ",
                               attachment.name, ": ", text));
  stop_ = stop_ || violations_.size() >= kEnough;
}

void RaceWorld::count(const std::string& what) {
  const std::lock_guard<std::mutex> lock(notes_);
  ++counts_[what];
}

RaceWorld::Register& RaceWorld::register_of(const RacedAttachment& attachment) {
  return registers_[attachment.network->name];
}

}  // namespace linnet::test
