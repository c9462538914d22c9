#include "plugins/meta/portmap/conditions.h"

#include <algorithm>
#include <optional>

#include "base/sha512.h"
#include "base/text.h"
#include "libcni/error.h"
#include "netlink/match.h"

namespace linnet::portmap {

namespace nft = netlink::nft;

namespace {

using Subject = Condition::Subject;

constexpr std::size_t kDigestDigits = 12;
constexpr std::size_t kLongestInterface = 15;

// 32-bit numbers as both tools write them: decimal or hexadecimal.
std::optional<std::uint32_t> parse_mark(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) {
    return parse_number<std::uint32_t>(text.substr(2), 16);
  }
  return parse_number<std::uint32_t>(text);
}

// Reads the tokens one after another.
class TokenReader {
 public:
  TokenReader(std::string_view key, Family family, std::vector<std::string> tokens)
      : key_(key), family_(family), tokens_(std::move(tokens)) {}

  [[nodiscard]] bool at_end() const { return next_ == tokens_.size(); }
  [[nodiscard]] std::string_view peek() const {
    return at_end() ? std::string_view() : tokens_[next_];
  }
  bool take(std::string_view token) {
    const bool there = !at_end() && tokens_[next_] == token;
    next_ += there ? 1 : 0;
    return there;
  }
  bool take_any(std::initializer_list<std::string_view> tokens) {
    return std::ranges::any_of(tokens, [&](std::string_view token) { return take(token); });
  }
  std::string take_value(std::string_view after) {
    if (at_end()) {
      fail(concat(linnet::quoted(after), " lacks a value"));
    }
    return tokens_[next_++];
  }
  [[nodiscard]] Family family() const { return family_; }

  Cidr take_network(std::string_view after) {
    const std::string text = take_value(after);
    const std::optional<IpAddress> address = IpAddress::parse(text);
    const std::optional<Cidr> network =
        address ? std::optional(Cidr::host(*address)) : Cidr::parse(text);
    if (!network || network->family() != family_) {
      fail(concat(linnet::quoted(text), " is not an ", family_ == Family::kIpv4 ? "IPv4" : "IPv6",
                  " address or prefix"));
    }
    return network->network();
  }
  std::string take_interface(std::string_view after) {
    std::string name = take_value(after);
    if (name.size() >= 2 && name.front() == '"' && name.back() == '"') {
      name = name.substr(1, name.size() - 2);
    }
    if (name.empty() || name.size() > kLongestInterface || name == "*" || name == "+" ||
        name.find('/') != std::string::npos) {
      fail(concat(linnet::quoted(name), " is not an interface name"));
    }
    return name;
  }

  [[noreturn]] void fail(std::string_view problem) const {
    throw cni::Error(
        cni::Code::kInvalidNetworkConfig, concat('"', key_, "\": ", problem),
        "a condition compares the source or destination address, the input interface or the mark, "
        "in the words of iptables or nft");
  }
  [[noreturn]] void fail_token() const {
    fail(concat(linnet::quoted(peek()), " cannot be used as a condition"));
  }

 private:
  std::string_view key_;
  Family family_;
  std::vector<std::string> tokens_;
  std::size_t next_ = 0;
};

// VALUE or VALUE/MASK of iptables' mark match.
void take_iptables_mark(TokenReader& reader, Condition& condition) {
  const std::string text = reader.take_value("--mark");
  const std::size_t slash = text.find('/');
  const auto mark = parse_mark(std::string_view(text).substr(0, slash));
  const auto mask = slash == std::string::npos
                        ? std::optional<std::uint32_t>(0xffffffff)
                        : parse_mark(std::string_view(text).substr(slash + 1));
  if (!mark || !mask) {
    reader.fail(concat(linnet::quoted(text), " is not a mark"));
  }
  condition.subject = Subject::kMark;
  condition.mark = *mark & *mask;
  condition.mask = *mask;
}

void parse_iptables(TokenReader& reader, Conditions& conditions) {
  // What loads a match says nothing by itself.
  if (reader.take_any({"-m", "--match"})) {
    const std::string_view match = reader.peek();
    if (!reader.take_any({"mark", "comment"})) {
      reader.fail(concat("the match ", linnet::quoted(match), " cannot be used as a condition"));
    }
    return;
  }
  if (reader.take("--comment")) {
    static_cast<void>(reader.take_value("--comment"));
    return;
  }
  Condition condition;
  condition.equal = !reader.take("!");
  if (reader.take_any({"-s", "--source", "--src"})) {
    condition.subject = Subject::kSource;
    condition.network = reader.take_network("-s");
  } else if (reader.take_any({"-d", "--destination", "--dst"})) {
    condition.subject = Subject::kDestination;
    condition.network = reader.take_network("-d");
  } else if (reader.take_any({"-i", "--in-interface"})) {
    condition.subject = Subject::kInputInterface;
    condition.interface = reader.take_interface("-i");
    if (condition.interface.ends_with('+')) {
      condition.interface.back() = '*';
    }
  } else if (reader.take("--mark")) {
    take_iptables_mark(reader, condition);
  } else {
    reader.fail_token();
  }
  conditions.push_back(std::move(condition));
}

// "[& MASK] [==|!=] VALUE" behind "meta mark".
void take_nft_mark(TokenReader& reader, Condition& condition) {
  condition.subject = Subject::kMark;
  if (reader.take_any({"&", "and"})) {
    const std::string text = reader.take_value("&");
    const std::optional<std::uint32_t> mask = parse_mark(text);
    if (!mask) {
      reader.fail(concat(linnet::quoted(text), " is not a mask"));
    }
    condition.mask = *mask;
  }
  condition.equal = !reader.take("!=");
  if (condition.equal) {
    reader.take("==");
  }
  const std::string text = reader.take_value("mark");
  const std::optional<std::uint32_t> mark = parse_mark(text);
  if (!mark) {
    reader.fail(concat(linnet::quoted(text), " is not a mark"));
  }
  condition.mark = *mark;
}

void parse_nft(TokenReader& reader, Conditions& conditions) {
  const bool ipv4 = reader.family() == Family::kIpv4;
  Condition condition;
  if (reader.take(ipv4 ? "ip" : "ip6")) {
    const bool source = reader.take("saddr");
    if (!source && !reader.take("daddr")) {
      reader.fail_token();
    }
    condition.subject = source ? Subject::kSource : Subject::kDestination;
    condition.equal = !reader.take("!=");
    reader.take("==");
    condition.network = reader.take_network(source ? "saddr" : "daddr");
  } else {
    const bool meta = reader.take("meta");
    if (reader.take("mark")) {
      take_nft_mark(reader, condition);
    } else if (reader.take_any({"iifname", "iif"})) {
      condition.subject = Subject::kInputInterface;
      condition.equal = !reader.take("!=");
      reader.take("==");
      condition.interface = reader.take_interface("iifname");
    } else if (meta || !reader.at_end()) {
      reader.fail_token();
    }
  }
  conditions.push_back(std::move(condition));
}

}  // namespace

std::string Condition::text() const {
  const std::string_view compare = equal ? " = " : " != ";
  switch (subject) {
    case Subject::kSource:
      return concat("source", compare, network.text());
    case Subject::kDestination:
      return concat("destination", compare, network.text());
    case Subject::kInputInterface:
      return concat("interface", compare, interface);
    case Subject::kMark:
      return concat("mark & ", mask, compare, mark);
  }
  return {};
}

Conditions parse_conditions(std::string_view key, Family family,
                            const std::vector<std::string>& tokens) {
  const bool iptables =
      !tokens.empty() && (tokens[0].starts_with('-') || tokens[0].starts_with('!'));
  std::vector<std::string> words = tokens;
  if (!iptables) {
    // An entry may hold several words of nft.
    words = split(join(tokens, " "), ' ');
    std::erase(words, "");
  }
  TokenReader reader(key, family, std::move(words));
  Conditions conditions;
  while (!reader.at_end()) {
    iptables ? parse_iptables(reader, conditions) : parse_nft(reader, conditions);
  }
  std::ranges::sort(conditions, {}, &Condition::text);
  const auto same =
      std::unique(conditions.begin(), conditions.end(),
                  [](const Condition& a, const Condition& b) { return a.text() == b.text(); });
  conditions.erase(same, conditions.end());
  return conditions;
}

std::string digest(const Conditions& conditions) {
  std::string all;
  for (const Condition& condition : conditions) {
    all += condition.text() + "\n";
  }
  return all.empty() ? all : sha512_hex(all, kDigestDigits);
}

nft::Expressions matches_of(const Conditions& conditions) {
  nft::Expressions all;
  for (const Condition& condition : conditions) {
    const nft::Relation relation = condition.equal ? nft::Relation::kIs : nft::Relation::kIsNot;
    nft::Expressions match;
    switch (condition.subject) {
      case Subject::kSource:
        match = nft::match::source(relation, condition.network);
        break;
      case Subject::kDestination:
        match = nft::match::destination(relation, condition.network);
        break;
      case Subject::kInputInterface:
        match = nft::match::input_interface(relation, condition.interface);
        break;
      case Subject::kMark:
        match = nft::match::mark(relation, condition.mark, condition.mask);
        break;
    }
    all.insert(all.end(), match.begin(), match.end());
  }
  return all;
}

}  // namespace linnet::portmap
