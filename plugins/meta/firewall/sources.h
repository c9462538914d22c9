// The back end "firewalld": the container's addresses as sources of a zone. The address's element in the set of
// containers (isolation.h) names the zone, so that what ADD made is found without prevResult and configuration.
#pragma once

#include <optional>
#include <span>

#include "netlink/nftables.h"
#include "plugins/attach/owned_elements.h"
#include "plugins/attach/problems.h"
#include "plugins/meta/firewall/config.h"
#include "plugins/meta/firewall/firewalld.h"
#include "plugins/meta/firewall/isolation.h"

namespace linnet::firewall {

// firewalld, where the configuration takes it: asked for, or running and nothing else is asked for. Throws
// cni::Error(kPluginNotAvailable) when it is asked for and does not run. A bus that does not answer is a
// warning if nothing is asked for.
[[nodiscard]] std::optional<Firewalld> find_firewalld(const Config& config);

// Takes addresses out of the zones that their elements record, but for `zone`; "" is none. To be done while the
// elements are there: a record that is gone is a source that nobody removes. `firewalld` is absent where another
// back end was chosen.
void leave_other_zones(std::optional<Firewalld>& firewalld, const attach::owned::Elements& elements,
                       const std::string& zone);
// When it throws some addresses may be in the zone.
void join_zone(Firewalld& firewalld, const Subject& subject, const std::string& zone);

// What prevResult says of a container of which the sets do not: the reference made its sources, or somebody flushed
// the ruleset. Addresses that another attachment has meanwhile are not among them.
[[nodiscard]] std::vector<ZoneSource> unrecorded_sources(netlink::nft::NftSocket& nft,
                                                         const Subject& subject,
                                                         const std::string& zone);

// Removes elements, and before them the sources that they record. Where firewalld does not run there are no
// sources. An element whose source cannot be removed stays, for the next attempt; the error is thrown at the end.
void remove_with_sources(netlink::nft::NftSocket& nft, attach::owned::Elements elements);

// Puts elements back that an ADD replaced, whatever is in their place now, and their addresses into the zones that they
// record. Goes on after errors, throws at the end.
void restore_with_sources(netlink::nft::NftSocket& nft, const attach::owned::Elements& elements);

// Goes on after errors, throws at the end.
void remove_sources(std::span<const ZoneSource> sources);

[[nodiscard]] attach::Problems source_problems(Firewalld& firewalld, const Subject& subject,
                                               const std::string& zone);

}  // namespace linnet::firewall
