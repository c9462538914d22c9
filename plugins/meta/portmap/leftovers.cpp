#include "plugins/meta/portmap/leftovers.h"

#include <algorithm>
#include <array>

#include "base/sha512.h"
#include "base/text.h"
#include "plugins/attach/leftovers.h"

namespace linnet::portmap {

namespace nft = netlink::nft;

namespace {

const std::array kNatTables = {nft::Table{nft::TableFamily::kIp, "nat"},
                               nft::Table{nft::TableFamily::kIp6, "nat"}};
const std::array kHostportTables = {nft::Table{nft::TableFamily::kIp, "cni_hostport"},
                                    nft::Table{nft::TableFamily::kIp6, "cni_hostport"}};
constexpr std::string_view kEntries = "CNI-HOSTPORT-DNAT";
constexpr std::size_t kChainDigits = 21;

std::vector<attach::OwnChain> own_chains(const std::string& network,
                                         const std::string& container_id) {
  const std::string digits = sha512_hex(network + container_id, kChainDigits);
  std::vector<attach::OwnChain> chains;
  for (const nft::Table& table : kNatTables) {
    chains.push_back({table, "CNI-DN-" + digits, {std::string(kEntries)}});
    // Versions before 0.7 had a second chain, for the source.
    chains.push_back({table, "CNI-SN-" + digits, {"CNI-HOSTPORT-SNAT", "POSTROUTING"}});
  }
  return chains;
}

}  // namespace

void remove_reference_rules_if_present(nft::NftSocket& socket, const attach::Attachment& attachment,
                                       const std::vector<Cidr>& addresses) {
  const auto is_own = [&](const nft::Rule& rule) {
    return rule.comment == attachment.container_id &&
           (addresses.empty() || std::ranges::any_of(addresses, [&](const Cidr& address) {
              const auto bytes = address.address().bytes();
              return std::ranges::any_of(
                  rule.values, [&](const auto& value) { return std::ranges::equal(value, bytes); });
            }));
  };
  std::vector<attach::CommentedRules> rules;
  for (const nft::Table& table : kHostportTables) {
    for (const char* const chain : {"hostports", "hostip_hostports", "masquerading"}) {
      rules.push_back({table, chain, is_own});
    }
  }
  attach::remove_leftovers_if_present(
      socket, own_chains(attachment.network, attachment.container_id), rules);
}

void collect_reference_rules(nft::NftSocket& socket, const std::string& network,
                             const std::vector<cni::AttachmentKey>& valid) {
  const std::pair<nft::Table, std::string> entries[] = {{kNatTables[0], std::string(kEntries)},
                                                        {kNatTables[1], std::string(kEntries)}};
  for (const std::string& container :
       attach::find_gone_containers(socket, entries, "dnat ", network, valid)) {
    attach::remove_leftovers_if_present(socket, own_chains(network, container), {});
  }
}

}  // namespace linnet::portmap
