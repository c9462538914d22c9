#include "netlink/internal/nft_build.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "netlink/internal/nft_expressions.h"
#include "netlink/internal/nft_objects.h"

namespace linnet::netlink::nft {

namespace {

static_assert(kLongestComment == NFTNL_UDATA_COMMENT_MAXLEN - 1);

// Numbers, headers and nests of any one message besides its expressions, elements and texts.
constexpr std::size_t kFixedParts = 512;
// Headers and padding of one element: its nest, key, data, and user data.
constexpr std::size_t kElementHeaders = 40;
// Two bytes before the text, and a zero after it.
constexpr std::size_t kUserDataRoom = kLongestComment + 3;
static_assert(kElementsPerMessage * (2 * kLongestValue + kUserDataRoom + kElementHeaders) < 65535);

// The number by which nft(8) knows that the keys of a set are in host order (BYTEORDER_HOST_ENDIAN).
constexpr std::uint32_t kHostByteOrder = 1;

std::size_t room_for(std::string_view text) { return MNL_ATTR_HDRLEN + MNL_ALIGN(text.size() + 1); }

std::uint8_t family_of(const Table& table) { return static_cast<std::uint8_t>(table.family); }

UserData user_data_room(std::size_t size) {
  return owned_or_throw<UserData>(nftnl_udata_buf_alloc(static_cast<std::uint32_t>(size)));
}

// A comment as nft(8) stores and prints it. The first type of user data is the comment's, for rules as for elements.
UserData comment_data(const std::string& comment) {
  static_assert(int{NFTNL_UDATA_RULE_COMMENT} == int{NFTNL_UDATA_SET_ELEM_COMMENT});
  UserData data = user_data_room(kUserDataRoom);
  const std::string text = comment.substr(0, kLongestComment);
  nftnl_udata_put_strz(data.get(), NFTNL_UDATA_RULE_COMMENT, text.c_str());
  return data;
}

std::uint32_t length_of(FieldType field) {
  switch (field) {
    case FieldType::kInetProtocol:
      return 1;
    case FieldType::kInetService:
      return 2;
    case FieldType::kIpv4Address:
    case FieldType::kMark:
      return 4;
    case FieldType::kEtherAddress:
      return 6;
    case FieldType::kIpv6Address:
    case FieldType::kIfname:
      return kIfnameLength;
  }
  return 0;
}

std::uint32_t length_of(const Fields& fields) {
  if (fields.size() == 1) {
    return length_of(fields.front());
  }
  std::uint32_t length = 0;
  for (const FieldType field : fields) {
    length += (length_of(field) + 3) & ~3U;
  }
  return length;
}

// nft(8) gives each field of a concatenation six bits.
std::uint32_t type_of(const Fields& fields) {
  std::uint32_t type = 0;
  for (const FieldType field : fields) {
    type = type << 6U | static_cast<std::uint32_t>(field);
  }
  return type;
}

MessageBuffer batch_border(nlmsghdr* (*write)(char*, std::uint32_t)) {
  std::vector<char> bytes(kFixedParts);
  write(bytes.data(), 0);
  return MessageBuffer(std::move(bytes));
}

ElementObject object_of(const Element& element, bool whole) {
  auto object = owned_or_throw<ElementObject>(nftnl_set_elem_alloc());
  const auto put = [&](std::uint16_t attribute, const std::vector<unsigned char>& value) {
    check_copied(nftnl_set_elem_set(object.get(), attribute, value.data(), length_of_value(value)));
  };
  put(NFTNL_SET_ELEM_KEY, element.key);
  if (whole && !element.data.empty()) {
    put(NFTNL_SET_ELEM_DATA, element.data);
  }
  if (whole && !element.comment.empty()) {
    const UserData comment = comment_data(element.comment);
    check_copied(nftnl_set_elem_set(object.get(), NFTNL_SET_ELEM_USERDATA,
                                    nftnl_udata_buf_data(comment.get()),
                                    nftnl_udata_buf_len(comment.get())));
  }
  return object;
}

}  // namespace

MessageBuffer::MessageBuffer(std::size_t room, int type, int flags, std::uint8_t family)
    : bytes_(kFixedParts + room) {
  nftnl_nlmsg_build_hdr(bytes_.data(), static_cast<std::uint16_t>(type), family,
                        static_cast<std::uint16_t>(flags), 0);
}

nlmsghdr* MessageBuffer::header() { return reinterpret_cast<nlmsghdr*>(bytes_.data()); }
const nlmsghdr* MessageBuffer::header() const {
  return reinterpret_cast<const nlmsghdr*>(bytes_.data());
}

MessageBuffer batch_begin() { return batch_border(nftnl_batch_begin); }
MessageBuffer batch_end() { return batch_border(nftnl_batch_end); }

MessageBuffer table_message(int type, int flags, const Table& table) {
  const auto object = owned_or_throw<TableObject>(nftnl_table_alloc());
  check_copied(nftnl_table_set_str(object.get(), NFTNL_TABLE_NAME, table.name.c_str()));
  MessageBuffer message(room_for(table.name), type, flags, family_of(table));
  nftnl_table_nlmsg_build_payload(message.header(), object.get());
  return message;
}

MessageBuffer new_chain(const Table& table, const NewChain& chain) {
  const auto object = owned_or_throw<ChainObject>(nftnl_chain_alloc());
  check_copied(nftnl_chain_set_str(object.get(), NFTNL_CHAIN_TABLE, table.name.c_str()));
  check_copied(nftnl_chain_set_str(object.get(), NFTNL_CHAIN_NAME, chain.name.c_str()));
  if (!chain.type.empty()) {
    nftnl_chain_set_u32(object.get(), NFTNL_CHAIN_HOOKNUM, static_cast<std::uint32_t>(chain.hook));
    nftnl_chain_set_s32(object.get(), NFTNL_CHAIN_PRIO, chain.priority);
    check_copied(nftnl_chain_set_str(object.get(), NFTNL_CHAIN_TYPE, chain.type.c_str()));
  }
  MessageBuffer message(room_for(table.name) + room_for(chain.name) + room_for(chain.type),
                        NFT_MSG_NEWCHAIN, NLM_F_CREATE | (chain.exclusive ? NLM_F_EXCL : 0),
                        family_of(table));
  nftnl_chain_nlmsg_build_payload(message.header(), object.get());
  return message;
}

MessageBuffer chain_message(int type, const Table& table, const std::string& chain) {
  const auto object = owned_or_throw<ChainObject>(nftnl_chain_alloc());
  check_copied(nftnl_chain_set_str(object.get(), NFTNL_CHAIN_TABLE, table.name.c_str()));
  check_copied(nftnl_chain_set_str(object.get(), NFTNL_CHAIN_NAME, chain.c_str()));
  MessageBuffer message(room_for(table.name) + room_for(chain), type, 0, family_of(table));
  nftnl_chain_nlmsg_build_payload(message.header(), object.get());
  return message;
}

MessageBuffer new_set(const Table& table, const NewSet& set, bool exclusive, std::uint32_t id) {
  const auto object = owned_or_throw<SetObject>(nftnl_set_alloc());
  check_copied(nftnl_set_set_str(object.get(), NFTNL_SET_TABLE, table.name.c_str()));
  check_copied(nftnl_set_set_str(object.get(), NFTNL_SET_NAME, set.name.c_str()));
  nftnl_set_set_u32(object.get(), NFTNL_SET_FLAGS, set.data.empty() ? 0 : NFT_SET_MAP);
  nftnl_set_set_u32(object.get(), NFTNL_SET_KEY_TYPE, type_of(set.key));
  nftnl_set_set_u32(object.get(), NFTNL_SET_KEY_LEN, length_of(set.key));
  nftnl_set_set_u32(object.get(), NFTNL_SET_ID, id);
  if (set.key == Fields{FieldType::kIfname} || set.key == Fields{FieldType::kMark}) {
    const UserData order = user_data_room(2 + sizeof kHostByteOrder);
    nftnl_udata_put_u32(order.get(), NFTNL_UDATA_SET_KEYBYTEORDER, kHostByteOrder);
    check_copied(nftnl_set_set_data(object.get(), NFTNL_SET_USERDATA,
                                    nftnl_udata_buf_data(order.get()),
                                    nftnl_udata_buf_len(order.get())));
  }
  if (!set.data.empty()) {
    nftnl_set_set_u32(object.get(), NFTNL_SET_DATA_TYPE, type_of(set.data));
    nftnl_set_set_u32(object.get(), NFTNL_SET_DATA_LEN, length_of(set.data));
  }
  MessageBuffer message(room_for(table.name) + room_for(set.name), NFT_MSG_NEWSET,
                        NLM_F_CREATE | (exclusive ? NLM_F_EXCL : 0), family_of(table));
  nftnl_set_nlmsg_build_payload(message.header(), object.get());
  return message;
}

MessageBuffer set_dump(const Table& table) {
  const auto object = owned_or_throw<SetObject>(nftnl_set_alloc());
  check_copied(nftnl_set_set_str(object.get(), NFTNL_SET_TABLE, table.name.c_str()));
  MessageBuffer message(room_for(table.name), NFT_MSG_GETSET, NLM_F_DUMP, family_of(table));
  nftnl_set_nlmsg_build_payload(message.header(), object.get());
  return message;
}

MessageBuffer new_rule(int flags, const Table& table, const NewRule& rule) {
  const auto object = owned_or_throw<RuleObject>(nftnl_rule_alloc());
  check_copied(nftnl_rule_set_str(object.get(), NFTNL_RULE_TABLE, table.name.c_str()));
  check_copied(nftnl_rule_set_str(object.get(), NFTNL_RULE_CHAIN, rule.chain.c_str()));
  std::size_t expressions_room = 0;
  for (const Expression& expression : rule.expressions) {
    nftnl_rule_add_expr(object.get(), object_of(expression).release());
    expressions_room += room_for_expression(expression);
  }
  if (expressions_room > UINT16_MAX) {
    throw SystemError(EMSGSIZE, concat("write a rule of nftables chain ", rule.chain));
  }
  if (!rule.comment.empty()) {
    const UserData comment = comment_data(rule.comment);
    check_copied(nftnl_rule_set_data(object.get(), NFTNL_RULE_USERDATA,
                                     nftnl_udata_buf_data(comment.get()),
                                     nftnl_udata_buf_len(comment.get())));
  }
  MessageBuffer message(
      room_for(table.name) + room_for(rule.chain) + kUserDataRoom + expressions_room,
      NFT_MSG_NEWRULE, flags, family_of(table));
  nftnl_rule_nlmsg_build_payload(message.header(), object.get());
  return message;
}

MessageBuffer rule_message(int type, int flags, const Table& table, const std::string& chain,
                           std::optional<std::uint64_t> handle) {
  const auto object = owned_or_throw<RuleObject>(nftnl_rule_alloc());
  check_copied(nftnl_rule_set_str(object.get(), NFTNL_RULE_TABLE, table.name.c_str()));
  check_copied(nftnl_rule_set_str(object.get(), NFTNL_RULE_CHAIN, chain.c_str()));
  if (handle) {
    nftnl_rule_set_u64(object.get(), NFTNL_RULE_HANDLE, *handle);
  }
  MessageBuffer message(room_for(table.name) + room_for(chain), type, flags, family_of(table));
  nftnl_rule_nlmsg_build_payload(message.header(), object.get());
  return message;
}

MessageBuffer element_message(int type, int flags, const Table& table, const std::string& set,
                              std::span<const Element* const> elements) {
  const auto object = owned_or_throw<SetObject>(nftnl_set_alloc());
  check_copied(nftnl_set_set_str(object.get(), NFTNL_SET_TABLE, table.name.c_str()));
  check_copied(nftnl_set_set_str(object.get(), NFTNL_SET_NAME, set.c_str()));
  std::size_t room = room_for(table.name) + room_for(set);
  for (const Element* element : elements) {
    nftnl_set_elem_add(object.get(), object_of(*element, type == NFT_MSG_NEWSETELEM).release());
    room += kElementHeaders + MNL_ALIGN(element->key.size()) + MNL_ALIGN(element->data.size()) +
            kUserDataRoom;
  }
  MessageBuffer message(room, type, flags, family_of(table));
  nftnl_set_elems_nlmsg_build_payload(message.header(), object.get());
  return message;
}

}  // namespace linnet::netlink::nft
