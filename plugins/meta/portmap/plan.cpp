#include "plugins/meta/portmap/plan.h"

#include <algorithm>

#include "base/sha512.h"
#include "base/text.h"
#include "libcni/error.h"
#include "netlink/match.h"

namespace linnet::portmap {

namespace nft = netlink::nft;

namespace {

using Bytes = std::vector<unsigned char>;

constexpr std::size_t kPadded = 4;         // a protocol or a port in a key
constexpr std::size_t kRecordDigits = 15;  // with the zero after them an interface name's 16 bytes

std::string_view digit_of(Family family) { return family == Family::kIpv4 ? "4" : "6"; }

std::uint16_t port_at(const Bytes& bytes, std::size_t offset) {
  return static_cast<std::uint16_t>(bytes[offset] << 8U | bytes[offset + 1]);
}

std::string suffix_of(const Conditions& conditions) {
  return conditions.empty() ? std::string() : concat('_', digest(conditions));
}

nft::Element redirect_element(const PortMapping& mapping, std::uint16_t offset,
                              const IpAddress& container, const std::string& comment) {
  const bool single = mapping.host_ip && !mapping.host_ip->is_unspecified();
  const auto host_port = static_cast<std::uint16_t>(mapping.host_port + offset);
  const auto container_port = static_cast<std::uint16_t>(mapping.container_port + offset);
  return {
      .key =
          nft::key::concatenated({single ? nft::key::address(*mapping.host_ip) : Bytes{},
                                  nft::key::protocol(mapping.protocol), nft::key::port(host_port)}),
      .data =
          nft::key::concatenated({nft::key::address(container), nft::key::port(container_port)}),
      .comment = comment};
}

// The same mapping twice is one; the same port to two places is an error.
void remove_duplicates(SetElements& list) {
  if (!std::ranges::is_sorted(list.elements, {}, &nft::Element::key)) {
    std::ranges::stable_sort(list.elements, {}, &nft::Element::key);
  }
  const auto same =
      std::unique(list.elements.begin(), list.elements.end(), [&](const auto& a, const auto& b) {
        if (a.key != b.key) {
          return false;
        }
        if (a.data != b.data) {
          throw cni::Error(
              cni::Code::kInvalidNetworkConfig,
              concat("\"runtimeConfig.portMappings\": ", redirect_of(list.set, a)->text(),
                     " is mapped twice, to container ports ",
                     redirect_of(list.set, a)->container_port, " and ",
                     redirect_of(list.set, b)->container_port, ": choose another hostPort"));
        }
        return true;
      });
  list.elements.erase(same, list.elements.end());
}

void plan_ports(const Config& config, const IpAddress& container, const std::string& comment,
                Plan& plan) {
  const Scope scope{container.family(), config.conditions(container.family())};
  SetElements any{scope.ports_map(), {}};
  SetElements single{scope.host_ports_map(), {}};
  for (const PortMapping& mapping : config.mappings) {
    if (mapping.host_ip && mapping.host_ip->family() != container.family()) {
      continue;
    }
    const bool for_any = !mapping.host_ip || mapping.host_ip->is_unspecified();
    for (std::uint16_t i = 0; i < mapping.count; ++i) {
      (for_any ? any : single).elements.push_back(redirect_element(mapping, i, container, comment));
    }
  }
  for (SetElements* list : {&any, &single}) {
    remove_duplicates(*list);
    if (!list->elements.empty()) {
      plan.ports.push_back(std::move(*list));
    }
  }
  plan.scopes.push_back(scope);
}

void plan_sources(const Config& config, const Cidr& address, const std::string& comment,
                  Plan& plan) {
  const IpAddress& container = address.address();
  std::vector<IpAddress> sources = {container};
  if (container.is_ipv4()) {
    sources.push_back(*IpAddress::parse("127.0.0.1"));
  }
  SetElements loops{loops_set(container.family()), {}};
  for (const IpAddress& source : sources) {
    loops.elements.push_back(
        {.key = nft::key::concatenated({nft::key::address(source), nft::key::address(container)}),
         .comment = comment});
  }
  plan.sources.push_back(std::move(loops));
  const Cidr from = config.masquerade_all ? Cidr(IpAddress::unspecified(container.family()), 0)
                                          : address.network();
  // An address without neighbours has only itself to be told from.
  if (from.prefix_length() < container.bits()) {
    const Hairpin hairpin{from, config.mark_bit};
    plan.sources.push_back(
        {hairpin.set(), {{.key = nft::key::address(container), .comment = comment}}});
    plan.hairpins.push_back(hairpin);
  }
}

}  // namespace

std::string Scope::ports_map() const {
  return concat("ports", digit_of(family), suffix_of(conditions));
}

std::string Scope::host_ports_map() const {
  return concat("host_ports", digit_of(family), suffix_of(conditions));
}

std::string Hairpin::set() const {
  const std::string address =
      source.is_ipv4() ? source.first().text() : to_hex(source.first().bytes());
  return concat("hairpin_", address, '_', source.prefix_length(), '_', mark_bit);
}

std::string loops_set(Family family) { return concat("loops", digit_of(family)); }

std::size_t Plan::size() const {
  std::size_t size = 0;
  for (const auto* lists : {&ports, &sources}) {
    for (const SetElements& list : *lists) {
      size += list.elements.size();
    }
  }
  return size;
}

std::vector<Cidr> container_addresses(const cni::Result& result, const std::string& ifname) {
  std::vector<Cidr> addresses;
  for (const cni::IpConfig& ip : result.ips) {
    if (ip.interface) {
      const cni::Interface& interface = result.interfaces[*ip.interface];
      if (interface.name != ifname || interface.sandbox.empty()) {
        continue;
      }
    }
    if (std::ranges::find(addresses, ip.address.family(), &Cidr::family) == addresses.end()) {
      addresses.push_back(ip.address);
    }
  }
  return addresses;
}

Plan make_plan(const Config& config, const std::vector<Cidr>& addresses,
               const attach::Attachment& attachment) {
  const std::string comment = attach::owner_comment(attachment);
  Plan plan;
  for (const Cidr& address : addresses) {
    const std::size_t before = plan.ports.size();
    plan_ports(config, address.address(), comment, plan);
    if (plan.ports.size() == before) {
      plan.scopes.pop_back();
    } else if (config.snat) {
      plan_sources(config, address, comment, plan);
    }
  }
  plan.record = record_of(attachment, static_cast<std::uint32_t>(plan.size()));
  return plan;
}

nft::Element record_of(const attach::Attachment& attachment, std::uint32_t elements) {
  nft::Element record{
      .key = nft::key::concatenated(
          {nft::key::ifname(sha512_hex(attachment.network, kRecordDigits)),
           nft::key::ifname(sha512_hex(concat(attachment.ifname, ':', attachment.container_id),
                                       kRecordDigits))}),
      .data = {},
      .comment = attach::owner_comment(attachment)};
  // In network order, which is how nft(8) prints the data of a map.
  for (unsigned shift = 32; shift != 0;) {
    shift -= 8;
    record.data.push_back(static_cast<unsigned char>(elements >> shift));
  }
  return record;
}

std::uint32_t count_in(const nft::Element& record) {
  std::uint32_t count = 0;
  for (const unsigned char byte : record.data) {
    count = count << 8U | byte;
  }
  return count;
}

std::string Redirect::text() const {
  return concat(protocol_name(protocol), " port ", host_port, " of ",
                host_ip ? host_ip->text() : std::string("the host"));
}

std::optional<Redirect> redirect_of(const std::string& set, const nft::Element& element) {
  const bool single = set.starts_with("host_ports");
  if (!single && !set.starts_with("ports")) {
    return std::nullopt;
  }
  const std::size_t digit = single ? sizeof "host_ports" - 1 : sizeof "ports" - 1;
  const Family family = set.substr(digit, 1) == "4" ? Family::kIpv4 : Family::kIpv6;
  const std::size_t length = family == Family::kIpv4 ? 4 : 16;
  const std::size_t before = single ? length : 0;
  if (element.key.size() != before + 2 * kPadded || element.data.size() != length + kPadded) {
    return std::nullopt;
  }
  Redirect redirect;
  redirect.family = family;
  if (single) {
    redirect.host_ip = IpAddress::from_bytes(std::span(element.key).first(length));
  }
  redirect.protocol = element.key[before];
  redirect.host_port = port_at(element.key, before + kPadded);
  redirect.container = *IpAddress::from_bytes(std::span(element.data).first(length));
  redirect.container_port = port_at(element.data, length);
  return redirect;
}

}  // namespace linnet::portmap
