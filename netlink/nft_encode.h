// Encoding of nftables messages. Private to this folder.
#pragma once

#include <string>

#include "netlink/message.h"
#include "netlink/nftables.h"

namespace linnet::netlink::nft {

// A message of the nf_tables subsystem about objects of `table`'s family.
[[nodiscard]] Message nft_message(int type, int flags, const Table& table);
void put_expressions(Message& message, const std::vector<Expression>& expressions);
// A comment as nft(8) stores and prints it; nothing for an empty one.
void put_comment(Message& message, int attribute, const std::string& comment);
// The comment in such data, empty when there is none.
[[nodiscard]] std::string comment_in(std::span<const unsigned char> user_data);

}  // namespace linnet::netlink::nft
