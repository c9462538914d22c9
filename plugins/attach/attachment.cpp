#include "plugins/attach/attachment.h"

#include "base/sha512.h"
#include "base/text.h"
#include "netlink/nftables.h"

namespace linnet::attach {

namespace {

constexpr std::string_view kAliasPrefix = "linnet:";
constexpr std::size_t kHashDigits = 16;
// Two hashes and the hyphen between them.
constexpr std::size_t kKeyLength = 2 * kHashDigits + 1;
constexpr std::size_t kHostNameDigits = 11;

// `role` keeps the names that are derived from one attachment apart.
std::string seed(const Attachment& attachment, std::string_view role) {
  return concat(role, '\n', attachment.network, '\n', attachment.container_id, '\n',
                attachment.ifname);
}

MacAddress derived_mac(const Attachment& attachment, std::string_view role) {
  const std::array<unsigned char, 64> hash = sha512(seed(attachment, role));
  return MacAddress::local_from(std::span(hash).first<6>());
}

}  // namespace

Attachment attachment_of(const cni::Request& request, const cni::NetConf& conf) {
  return {.network = conf.name, .container_id = request.container_id, .ifname = request.ifname};
}

std::string network_key(std::string_view network) {
  return concat(sha512_hex(network, kHashDigits), '-');
}

std::string owner_key(const Attachment& attachment) {
  return network_key(attachment.network) +
         sha512_hex(concat(attachment.ifname, ':', attachment.container_id), kHashDigits);
}

std::string owner_comment(const Attachment& attachment) {
  return concat(owner_key(attachment), ", net: ", attachment.network, ", if: ", attachment.ifname,
                ", id: ", attachment.container_id)
      .substr(0, netlink::nft::kLongestComment);
}

std::string owner_alias(const Attachment& attachment) {
  return concat(kAliasPrefix, owner_comment(attachment));
}

std::string_view key_in_comment(std::string_view comment) {
  return comment.size() >= kKeyLength && comment[kHashDigits] == '-' ? comment.substr(0, kKeyLength)
                                                                     : std::string_view{};
}

// The names behind the key may be cut off, the key is not: it proves what they say.
bool is_of_container(std::string_view comment, std::string_view container_id) {
  constexpr std::string_view kBefore = ", if: ";
  const std::string_view key = key_in_comment(comment);
  const std::size_t start = comment.find(kBefore);
  if (key.empty() || start == std::string_view::npos) {
    return false;
  }
  const std::string_view rest = comment.substr(start + kBefore.size());
  const std::string_view ifname = rest.substr(0, rest.find(", id: "));
  return key.substr(kHashDigits + 1) == sha512_hex(concat(ifname, ':', container_id), kHashDigits);
}

std::string_view key_in_alias(std::string_view alias) {
  if (!alias.starts_with(kAliasPrefix)) {
    return {};
  }
  return key_in_comment(alias.substr(kAliasPrefix.size()));
}

std::string host_link_name(const Attachment& attachment) {
  return concat("veth", sha512_hex(seed(attachment, "host link"), kHostNameDigits));
}

MacAddress host_mac(const Attachment& attachment) { return derived_mac(attachment, "host mac"); }

MacAddress container_mac(const Attachment& attachment) {
  return derived_mac(attachment, "container mac");
}

std::set<std::string, std::less<>> valid_keys(const std::string& network,
                                              std::span<const cni::AttachmentKey> valid) {
  std::set<std::string, std::less<>> keys;
  for (const cni::AttachmentKey& key : valid) {
    keys.insert(owner_key({network, key.container_id, key.ifname}));
  }
  return keys;
}

}  // namespace linnet::attach
