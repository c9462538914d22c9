// The key of everything that a plugin owns on the host, and the names derived from it.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mac_address.h"
#include "libcni/request.h"

namespace linnet::attach {

// (network, container id, ifname). All three are validated by libcni before they come here.
struct Attachment {
  std::string network;
  std::string container_id;
  std::string ifname;
};

[[nodiscard]] Attachment attachment_of(const cni::Request& request, const cni::NetConf& conf);

// Sixteen hexadecimal digits of the network's hash and a hyphen: what the keys of all attachments of one
// network start with. The same hash as in the rule comments of the reference plugins.
[[nodiscard]] std::string network_key(std::string_view network);

// network_key() and sixteen digits of the hash of "ifname:container id".
[[nodiscard]] std::string owner_key(const Attachment& attachment);

// owner_key() with the plain names behind it, for people; at most 127 bytes. nftables elements carry it
// as their comment.
[[nodiscard]] std::string owner_comment(const Attachment& attachment);

// "linnet:" and owner_comment(): the alias of a link on the host.
[[nodiscard]] std::string owner_alias(const Attachment& attachment);

// The owner key in an alias or comment; empty for one that is not ours.
[[nodiscard]] std::string_view key_in_comment(std::string_view comment);
[[nodiscard]] std::string_view key_in_alias(std::string_view alias);
// Whether the comment is that of an attachment of the same container, be it in another network.
[[nodiscard]] bool is_of_container(std::string_view comment, std::string_view container_id);

// "veth" and eleven hexadecimal digits: DEL finds the link without namespace, prevResult or state file.
// NetworkManager leaves names with this prefix alone.
[[nodiscard]] std::string host_link_name(const Attachment& attachment);

// Ethernet addresses of the two ends, the same at every ADD of one attachment.
[[nodiscard]] MacAddress host_mac(const Attachment& attachment);
[[nodiscard]] MacAddress container_mac(const Attachment& attachment);

// The keys of the attachments that a GC configuration calls valid.
[[nodiscard]] std::set<std::string, std::less<>> valid_keys(
    const std::string& network, std::span<const cni::AttachmentKey> valid);

}  // namespace linnet::attach
