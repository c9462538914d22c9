#include "netlink/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/text.h"
#include "netlink/message.h"
#include "netlink/parse.h"

namespace linnet::netlink {

namespace {

// Bits of CTA_FILTER_ORIG_FLAGS and CTA_FILTER_REPLY_FLAGS, which the kernel's headers do not export.
// Source: net/netfilter/nf_conntrack_netlink.c.
constexpr std::uint32_t kMatchSource = 1U << 0U;
constexpr std::uint32_t kMatchDestination = 1U << 1U;
constexpr std::uint32_t kMatchProtocol = 1U << 3U;
constexpr std::uint32_t kMatchDestinationPort = 1U << 5U;

Message conntrack_message(int type, int flags, Family family) {
  nfgenmsg header{};
  header.nfgen_family = family == Family::kIpv4 ? AF_INET : AF_INET6;
  header.version = NFNETLINK_V0;
  Message message(NFNL_SUBSYS_CTNETLINK << 8 | type, flags);
  message.header(header);
  return message;
}

void put_port(Message& message, int attribute, std::uint16_t port) {
  const unsigned char bytes[] = {static_cast<unsigned char>(port >> 8U),
                                 static_cast<unsigned char>(port)};
  message.bytes(attribute, bytes);
}

void put_tuple(Message& message, int attribute, const FlowTuple& tuple) {
  const bool ipv4 = tuple.source.is_ipv4();
  message.nest(attribute | NLA_F_NESTED, [&] {
    message.nest(CTA_TUPLE_IP | NLA_F_NESTED, [&] {
      message.address(ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, tuple.source);
      message.address(ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, tuple.destination);
    });
    message.nest(CTA_TUPLE_PROTO | NLA_F_NESTED, [&] {
      message.u8(CTA_PROTO_NUM, tuple.protocol);
      put_port(message, CTA_PROTO_SRC_PORT, tuple.source_port);
      put_port(message, CTA_PROTO_DST_PORT, tuple.destination_port);
    });
  });
}

// The kernel compares what the flags name; the rest of the tuples only has to be well-formed.
void put_filter(Message& message, const FlowFilter& filter) {
  const IpAddress any = IpAddress::unspecified(filter.family);
  const FlowTuple original{.source = any,
                           .destination = filter.original_destination.value_or(any),
                           .protocol = filter.protocol.value_or(0),
                           .source_port = 0,
                           .destination_port = filter.original_destination_port.value_or(0)};
  const FlowTuple reply{.source = filter.reply_source.value_or(any),
                        .destination = any,
                        .protocol = filter.protocol.value_or(0),
                        .source_port = 0,
                        .destination_port = 0};
  // A port means something only together with its protocol.
  const std::uint32_t original_flags =
      (filter.original_destination ? kMatchDestination : 0) |
      (filter.protocol ? kMatchProtocol : 0) |
      (filter.protocol && filter.original_destination_port ? kMatchDestinationPort : 0);
  const std::uint32_t reply_flags = filter.reply_source ? kMatchSource : 0;
  if ((original_flags | reply_flags) == 0) {
    return;
  }
  put_tuple(message, CTA_TUPLE_ORIG, original);
  put_tuple(message, CTA_TUPLE_REPLY, reply);
  message.nest(CTA_FILTER | NLA_F_NESTED, [&] {
    message.u32(CTA_FILTER_ORIG_FLAGS, original_flags);
    message.u32(CTA_FILTER_REPLY_FLAGS, reply_flags);
  });
}

std::uint16_t port_in(const Attributes<CTA_PROTO_MAX>& protocol, int attribute) {
  return ntohs(protocol.number<std::uint16_t>(attribute).value_or(0));
}

std::optional<FlowTuple> parse_tuple(std::span<const unsigned char> nest, Family family) {
  const bool ipv4 = family == Family::kIpv4;
  const Attributes<CTA_TUPLE_MAX> tuple(nest);
  const Attributes<CTA_IP_MAX> ip(tuple.bytes(CTA_TUPLE_IP));
  const Attributes<CTA_PROTO_MAX> protocol(tuple.bytes(CTA_TUPLE_PROTO));
  const auto source = IpAddress::from_bytes(ip.bytes(ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC));
  const auto destination = IpAddress::from_bytes(ip.bytes(ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST));
  if (!source || !destination) {
    return std::nullopt;
  }
  return FlowTuple{.source = *source,
                   .destination = *destination,
                   .protocol = protocol.number<std::uint8_t>(CTA_PROTO_NUM).value_or(0),
                   .source_port = port_in(protocol, CTA_PROTO_SRC_PORT),
                   .destination_port = port_in(protocol, CTA_PROTO_DST_PORT)};
}

template <typename T>
bool allows(const std::optional<T>& wanted, const T& value) {
  return !wanted || *wanted == value;
}

bool matches(const Flow& flow, const FlowFilter& filter) {
  return allows(filter.protocol, flow.original.protocol) &&
         allows(filter.original_destination, flow.original.destination) &&
         allows(filter.original_destination_port, flow.original.destination_port) &&
         allows(filter.reply_source, flow.reply.source);
}

}  // namespace

std::optional<Flow> parse_flow(const nlmsghdr* message, Family family) {
  if (header_of<nfgenmsg>(message, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) == nullptr) {
    return std::nullopt;
  }
  const Attributes<CTA_MAX> attributes(message, sizeof(nfgenmsg));
  const auto original = parse_tuple(attributes.bytes(CTA_TUPLE_ORIG), family);
  const auto reply = parse_tuple(attributes.bytes(CTA_TUPLE_REPLY), family);
  if (!original || !reply) {
    return std::nullopt;
  }
  return Flow{.original = *original,
              .reply = *reply,
              .id = ntohl(attributes.number<std::uint32_t>(CTA_ID).value_or(0)),
              .zone = ntohs(attributes.number<std::uint16_t>(CTA_ZONE).value_or(0))};
}

ConntrackSocket::ConntrackSocket() : socket_(NETLINK_NETFILTER) {}

std::vector<ConntrackSocket::Entry> ConntrackSocket::list_entries(const FlowFilter& filter) {
  Message question = conntrack_message(IPCTNL_MSG_CT_GET, NLM_F_DUMP, filter.family);
  put_filter(question, filter);
  Batch batch;
  batch.append(question, "list tracked connections", Batch::Answer::kDump);
  std::vector<Entry> entries;
  try {
    socket_.dump(
        batch, [&] { entries.clear(); },
        [&](std::size_t, const nlmsghdr* message) {
          // Older kernels ignore the filter.
          if (const auto flow = parse_flow(message, filter.family);
              flow && matches(*flow, filter)) {
            const Attributes<CTA_MAX> attributes(message, sizeof(nfgenmsg));
            const auto original = attributes.bytes(CTA_TUPLE_ORIG);
            entries.push_back({*flow, {original.begin(), original.end()}});
          }
        });
  } catch (const Error& error) {
    // What a kernel without nf_conntrack_netlink says.
    if (error.code() != EINVAL || !error.extack().empty()) {
      throw;
    }
    entries.clear();
  }
  return entries;
}

std::vector<Flow> ConntrackSocket::list_flows(const FlowFilter& filter) {
  std::vector<Flow> flows;
  for (const Entry& entry : list_entries(filter)) {
    flows.push_back(entry.flow);
  }
  return flows;
}

std::size_t ConntrackSocket::remove_flows(const FlowFilter& filter) {
  return remove_flows(filter, [](const Flow&) { return true; });
}

std::size_t ConntrackSocket::remove_flows(const FlowFilter& filter,
                                          const std::function<bool(const Flow&)>& wanted) {
  Batch batch;
  for (const auto& [flow, original] : list_entries(filter)) {
    if (!wanted(flow)) {
      continue;
    }
    Message message = conntrack_message(IPCTNL_MSG_CT_DELETE, 0, filter.family);
    message.bytes(CTA_TUPLE_ORIG | NLA_F_NESTED, original);
    message.be32(CTA_ID, flow.id);
    if (flow.zone != 0) {
      put_port(message, CTA_ZONE, flow.zone);
    }
    batch.append(message, concat("forget a connection to ", flow.original.destination.text()));
  }
  if (batch.empty()) {
    return 0;
  }
  std::size_t removed = 0;
  const std::vector<Ack> acks = socket_.exchange(batch);
  for (std::size_t i = 0; i < acks.size(); ++i) {
    if (!acks[i].ok() && acks[i].error != ENOENT) {
      throw Error(acks[i], batch.what(i));
    }
    removed += acks[i].ok() ? 1 : 0;
  }
  return removed;
}

}  // namespace linnet::netlink
