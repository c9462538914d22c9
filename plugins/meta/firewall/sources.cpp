#include "plugins/meta/firewall/sources.h"

#include <algorithm>

#include "base/error.h"
#include "base/error_list.h"
#include "base/log.h"
#include "base/text.h"
#include "libcni/error.h"

namespace linnet::firewall {

namespace nft = netlink::nft;
namespace owned = attach::owned;

namespace {

std::vector<ZoneSource> recorded_sources(const owned::Elements& elements) {
  std::vector<ZoneSource> sources;
  for (const owned::Element& element : elements) {
    if (std::optional<ZoneSource> source = recorded_source(element)) {
      sources.push_back(*std::move(source));
    }
  }
  return sources;
}

}  // namespace

std::optional<Firewalld> find_firewalld(const Config& config) {
  if (config.backend == Backend::kFirewalld) {
    std::optional<Firewalld> firewalld;
    std::string reason = "it does not run (its name has no owner on the system bus)";
    try {
      firewalld = Firewalld::find();
    } catch (const SystemError& error) {
      reason = error.what();
    }
    if (!firewalld) {
      throw cni::Error(cni::Code::kPluginNotAvailable,
                       concat("\"backend\": \"firewalld\": ", reason,
                              ": start firewalld, or leave the key out"));
    }
    return firewalld;
  }
  if (config.backend == Backend::kAutomatic) {
    try {
      return Firewalld::find();
    } catch (const std::exception& error) {
      log_warning(concat("whether firewalld runs is not known, it is left alone: ", error.what()));
    }
  }
  return std::nullopt;
}

void leave_other_zones(std::optional<Firewalld>& firewalld, const owned::Elements& elements,
                       const std::string& zone) {
  std::vector<ZoneSource> sources = recorded_sources(elements);
  std::erase_if(sources, [&](const ZoneSource& source) { return source.zone == zone; });
  if (!firewalld) {
    remove_sources(sources);
    return;
  }
  for (const ZoneSource& source : sources) {
    firewalld->remove_if_present(source);
  }
}

void join_zone(Firewalld& firewalld, const Subject& subject, const std::string& zone) {
  for (const Cidr& address : subject.addresses) {
    firewalld.add({zone, address.address()});
  }
}

std::vector<ZoneSource> unrecorded_sources(nft::NftSocket& socket, const Subject& subject,
                                           const std::string& zone) {
  std::vector<ZoneSource> sources;
  if (subject.addresses.empty()) {
    return sources;
  }
  const owned::Elements taken = find_address_elements(socket, subject);
  for (const Cidr& address : subject.addresses) {
    const bool is_taken = std::ranges::any_of(taken, [&](const owned::Element& element) {
      return std::ranges::equal(element.element.key, address.address().bytes());
    });
    if (!is_taken) {
      sources.push_back({zone, address.address()});
    }
  }
  return sources;
}

void remove_with_sources(nft::NftSocket& socket, owned::Elements elements) {
  const std::vector<ZoneSource> sources = recorded_sources(elements);
  ErrorList errors;
  errors.attempt([&] { remove_sources(sources); });
  if (!errors.empty()) {
    std::erase_if(elements, [](const owned::Element& element) {
      return recorded_source(element).has_value();
    });
  }
  errors.attempt([&] { owned::remove(socket, elements); });
  errors.throw_if_any();
}

void restore_with_sources(nft::NftSocket& socket, const owned::Elements& elements) {
  if (elements.empty()) {
    return;
  }
  ErrorList errors;
  // The sets are there: the elements come from them.
  errors.attempt([&] {
    owned::put(socket, elements, {.what = "add elements to nftables table linnet_firewall"});
  });
  const std::vector<ZoneSource> sources = recorded_sources(elements);
  std::optional<Firewalld> firewalld = sources.empty() ? std::nullopt : Firewalld::find();
  for (const ZoneSource& source : sources) {
    if (firewalld) {
      errors.attempt([&] { firewalld->add(source); });
    }
  }
  errors.throw_if_any();
}

void remove_sources(std::span<const ZoneSource> sources) {
  if (sources.empty()) {
    return;
  }
  std::optional<Firewalld> firewalld = Firewalld::find();
  if (!firewalld) {
    return;
  }
  ErrorList errors;
  for (const ZoneSource& source : sources) {
    errors.attempt([&] { firewalld->remove_if_present(source); });
  }
  errors.throw_if_any();
}

attach::Problems source_problems(Firewalld& firewalld, const Subject& subject,
                                 const std::string& zone) {
  attach::Problems problems;
  for (const Cidr& address : subject.addresses) {
    if (!firewalld.has({zone, address.address()})) {
      const std::string source = Cidr::host(address.address()).text();
      problems.push_back(concat("zone ", zone, " of firewalld lacks source ", source,
                                " (a reload forgets runtime configuration; firewall-cmd --zone=",
                                zone, " --add-source=", source, " brings it back)"));
    }
  }
  return problems;
}

}  // namespace linnet::firewall
