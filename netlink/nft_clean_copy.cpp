#include "netlink/internal/nft_clean_copy.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <cstring>
#include <set>

namespace linnet::netlink::nft {

namespace {

using Kind = KnownAttribute::Kind;

// Calls `each` with every attribute whose length is within `size` bytes from `first` on. The iterators of libmnl for
// whole messages look at up to three bytes after the message's end.
template <typename Each>
void for_each_attribute(const void* first, std::size_t size, Each&& each) {
  const auto* position = static_cast<const char*>(first);
  const char* const end = position + size;
  while (mnl_attr_ok(reinterpret_cast<const nlattr*>(position), static_cast<int>(end - position))) {
    const auto* attribute = reinterpret_cast<const nlattr*>(position);
    each(attribute);
    position += std::min<std::ptrdiff_t>(MNL_ALIGN(mnl_attr_get_len(attribute)), end - position);
  }
}

template <typename Each>
void for_each_nested(const nlattr* nest, Each&& each) {
  for_each_attribute(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), each);
}

bool is_text(const nlattr* attribute) {
  return mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0;
}

class Copy {
 public:
  Copy(const nlmsghdr* message, std::span<const KnownExpression> expressions)
      // Attributes keep their size, and the last one may get its padding.
      : copy_(std::vector<char>(MNL_ALIGN(message->nlmsg_len) + MNL_ALIGNTO)),
        expressions_(expressions) {
    constexpr std::size_t kHeaders = MNL_NLMSG_HDRLEN + sizeof(nfgenmsg);
    std::memcpy(copy_.header(), message, kHeaders);
    copy_.header()->nlmsg_len = kHeaders;
  }

  // The one of `known` that it was copied as; null when it was not.
  const KnownAttribute* put(const nlattr* attribute, std::span<const KnownAttribute> known) {
    const auto found =
        std::ranges::find(known, mnl_attr_get_type(attribute), &KnownAttribute::type);
    return found != known.end() && put_as(*found, attribute) ? &*found : nullptr;
  }

  MessageBuffer take() && { return std::move(copy_); }

 private:
  bool put_as(const KnownAttribute& known, const nlattr* attribute) {
    const std::size_t length = mnl_attr_get_payload_len(attribute);
    switch (known.kind) {
      case Kind::kNest:
      case Kind::kWholeNest:
        return put_nest(attribute, known);
      case Kind::kExpressions:
        put_expressions(attribute);
        return true;
      case Kind::kText:
        return put_if(is_text(attribute), attribute);
      case Kind::kU32:
        return put_if(length == sizeof(std::uint32_t), attribute);
      case Kind::kU64:
        return put_if(length == sizeof(std::uint64_t), attribute);
      case Kind::kBytes:
        return put_if(length > 0, attribute);
    }
    return false;
  }

  bool put_if(bool well_formed, const nlattr* attribute) {
    if (well_formed) {
      mnl_attr_put(copy_.header(), mnl_attr_get_type(attribute),
                   mnl_attr_get_payload_len(attribute), mnl_attr_get_payload(attribute));
    }
    return well_formed;
  }

  bool put_nest(const nlattr* attribute, const KnownAttribute& known) {
    nlattr* const nest = mnl_attr_nest_start(copy_.header(), mnl_attr_get_type(attribute));
    std::set<const KnownAttribute*> copied;
    for_each_nested(attribute,
                    [&](const nlattr* inner) { copied.insert(put(inner, known.inner)); });
    copied.erase(nullptr);
    const bool keep =
        known.kind == Kind::kWholeNest ? copied.size() == known.inner.size() : !copied.empty();
    keep ? mnl_attr_nest_end(copy_.header(), nest) : mnl_attr_nest_cancel(copy_.header(), nest);
    return keep;
  }

  void put_expressions(const nlattr* list) {
    nlattr* const nest = mnl_attr_nest_start(copy_.header(), mnl_attr_get_type(list));
    for_each_nested(list, [&](const nlattr* item) {
      const KnownExpression* const known =
          mnl_attr_get_type(item) == NFTA_LIST_ELEM ? find_known(item) : nullptr;
      if (known != nullptr) {
        const KnownAttribute parts[] = {{NFTA_EXPR_NAME, Kind::kText},
                                        {NFTA_EXPR_DATA, Kind::kNest, known->data}};
        put_nest(item, {NFTA_LIST_ELEM, Kind::kNest, parts});
      }
    });
    mnl_attr_nest_end(copy_.header(), nest);
  }

  // By the last name, which is the one that libnftnl takes.
  const KnownExpression* find_known(const nlattr* item) {
    const char* name = nullptr;
    for_each_nested(item, [&](const nlattr* part) {
      if (mnl_attr_get_type(part) == NFTA_EXPR_NAME && is_text(part)) {
        name = mnl_attr_get_str(part);
      }
    });
    if (name == nullptr) {
      return nullptr;
    }
    const auto found =
        std::ranges::find(expressions_, std::string_view(name), &KnownExpression::name);
    return found == expressions_.end() ? nullptr : &*found;
  }

  MessageBuffer copy_;
  std::span<const KnownExpression> expressions_;
};

}  // namespace

MessageBuffer clean_copy(const nlmsghdr* message, std::span<const KnownAttribute> attributes,
                         std::span<const KnownExpression> expressions) {
  Copy copy(message, expressions);
  for_each_attribute(mnl_nlmsg_get_payload_offset(message, sizeof(nfgenmsg)),
                     message->nlmsg_len - MNL_NLMSG_HDRLEN - sizeof(nfgenmsg),
                     [&](const nlattr* attribute) { copy.put(attribute, attributes); });
  return std::move(copy).take();
}

}  // namespace linnet::netlink::nft
