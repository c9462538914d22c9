// nftables requests, built with libnftnl. Throws std::bad_alloc, and SystemError(EMSGSIZE) for what no message can
// carry.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "netlink/internal/message_buffer.h"
#include "netlink/nftables.h"

namespace linnet::netlink::nft {

// What one message of elements holds at most: its list is one attribute, whose length is a 16-bit number.
inline constexpr std::size_t kElementsPerMessage = 200;

[[nodiscard]] MessageBuffer batch_begin();
[[nodiscard]] MessageBuffer batch_end();
// `type` is NFT_MSG_* and `flags` are NLM_F_*, here and below. About the table alone.
[[nodiscard]] MessageBuffer table_message(int type, int flags, const Table& table);
[[nodiscard]] MessageBuffer new_chain(const Table& table, const NewChain& chain);
// About a chain by its name.
[[nodiscard]] MessageBuffer chain_message(int type, const Table& table, const std::string& chain);
[[nodiscard]] MessageBuffer new_set(const Table& table, const NewSet& set, bool exclusive,
                                    std::uint32_t id);
// All sets of the table.
[[nodiscard]] MessageBuffer set_dump(const Table& table);
[[nodiscard]] MessageBuffer new_rule(int flags, const Table& table, const NewRule& rule);
// About one rule of a chain, or all of them.
[[nodiscard]] MessageBuffer rule_message(int type, int flags, const Table& table,
                                         const std::string& chain,
                                         std::optional<std::uint64_t> handle);
// About at most kElementsPerMessage elements, or (none) all of the set. Data and comments go into NFT_MSG_NEWSETELEM
// only.
[[nodiscard]] MessageBuffer element_message(int type, int flags, const Table& table,
                                            const std::string& set,
                                            std::span<const Element* const> elements);

}  // namespace linnet::netlink::nft
