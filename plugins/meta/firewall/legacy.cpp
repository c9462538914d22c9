#include "plugins/meta/firewall/legacy.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/error.h"
#include "base/error_list.h"
#include "base/log.h"
#include "base/text.h"
#include "libcni/exec.h"
#include "netlink/iptables.h"

namespace linnet::firewall {

namespace {

using Words = std::vector<std::string>;

const std::string kForward = "FORWARD";
const std::string kContainers = "CNI-FORWARD";
// What another program may hold the lock of xtables for, in seconds, and how long all may take.
constexpr const char* kLockWait = "10";
constexpr std::chrono::seconds kLongestRun{30};
// Of the tool: no lock, or the kernel is short of something.
constexpr int kResourceProblem = 4;
// Of PluginOutput, for the end by a signal.
constexpr int kSignal = 128;
constexpr std::size_t kLongestQuote = 500;

Words jump_rule(const std::string& comment, const std::string& chain) {
  return {"-m", "comment", "--comment", comment, "-j", chain};
}

Words entry_rule() { return jump_rule("CNI firewall plugin rules", kContainers); }

Words admin_rule(const std::string& admin_chain) {
  return jump_rule("CNI firewall plugin admin overrides", admin_chain);
}

std::string host(const Cidr& address) { return Cidr::host(address.address()).text(); }

Words rule_to(const Cidr& address) {
  return {"-d", host(address), "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"};
}

Words rule_from(const Cidr& address) { return {"-s", host(address)}; }

Words join_words(Words first, const Words& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// Words in double quotes keep their blanks; a backslash takes the next character as it is.
Words cut(std::string_view line) {
  Words words;
  bool quoted = false;
  bool open = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == ' ' && !quoted) {
      open = false;
      continue;
    }
    if (!open) {
      words.emplace_back();
      open = true;
    }
    if (c == '"') {
      quoted = !quoted;
    } else {
      i += c == '\\' && i + 1 < line.size() ? 1 : 0;
      words.back().push_back(line[i]);
    }
  }
  return words;
}

LegacyRule rule_of(Words words) {
  LegacyRule rule{.words = std::move(words), .comment = {}};
  const auto comment = std::ranges::find(rule.words, "--comment");
  if (comment != rule.words.end() && comment + 1 != rule.words.end()) {
    rule.comment = *(comment + 1);
  }
  return rule;
}

bool contains(const std::vector<LegacyRule>& rules, const Words& words) {
  return std::ranges::find(rules, words, &LegacyRule::words) != rules.end();
}

// How the tool ended, when that was not with success, and what it said.
std::string ending(const cni::PluginOutput& output) {
  const std::string_view said = trim(output.standard_error).substr(0, kLongestQuote);
  return concat(output.exit_code > kSignal ? concat("ended by signal ", output.exit_code - kSignal)
                                           : concat("exit status ", output.exit_code),
                said.empty() ? "" : ": ", said);
}

// What it printed.
std::string execute(const std::string& tool, const Words& options, const Words& arguments) {
  const cni::PluginOutput output = cni::PluginProcess::start(tool, join_words(options, arguments),
                                                             {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"})
                                       .run({}, kLongestRun);
  if (output.exit_code != 0) {
    throw cni::Error(
        output.exit_code == kResourceProblem ? cni::Code::kTryAgainLater : cni::Code::kInternal,
        concat(tool, " ", join(arguments, " "), ": ", ending(output)));
  }
  return output.standard_output;
}

// The other variant of the tool has the same names and options, and says "(nf_tables)"; before there were two, there
// was no such word.
bool is_for_nftables(const std::string& tool) {
  return execute(tool, {}, {"-V"}).find("nf_tables") != std::string::npos;
}

}  // namespace

std::optional<LegacyListing> parse_legacy_listing(const std::string& text) {
  if (!text.ends_with('\n')) {
    return std::nullopt;
  }
  LegacyListing listing;
  bool has_policy = false;
  for (const std::string& line : split(text, '\n')) {
    Words words = cut(line);
    if (words.size() < 2) {
      continue;
    }
    const std::string chain = words[1];
    if (words[0] == "-P" && chain == kForward && words.size() > 2) {
      has_policy = true;
      listing.forward_drops = words[2] == "DROP";
    } else if (words[0] == "-N") {
      listing.chains.insert(chain);
    } else if (words[0] == "-A" && (chain == kForward || chain == kContainers)) {
      words.erase(words.begin(), words.begin() + 2);
      (chain == kForward ? listing.forward : listing.containers)
          .push_back(rule_of(std::move(words)));
    }
  }
  return has_policy ? std::optional(std::move(listing)) : std::nullopt;
}

bool is_rule_of(const LegacyRule& rule, const attach::Attachment& attachment) {
  return attach::key_in_comment(rule.comment) == attach::owner_key(attachment);
}

bool is_rule_of_reference(const LegacyRule& rule, const std::vector<Cidr>& addresses) {
  const Words verdict = {"-j", "ACCEPT"};
  return std::ranges::any_of(addresses, [&](const Cidr& address) {
    return rule.words == join_words(rule_to(address), verdict) ||
           rule.words == join_words(rule_from(address), verdict);
  });
}

std::optional<LegacyFilter> LegacyFilter::find(Family family) {
  const std::vector<std::string> tables = netlink::iptables::legacy_tables(family);
  if (std::ranges::find(tables, "filter") == tables.end()) {
    return std::nullopt;
  }
  const std::string name = family == Family::kIpv4 ? "iptables" : "ip6tables";
  for (const std::string& tool : {name + "-legacy", name}) {
    for (const char* const folder : {"/usr/sbin/", "/sbin/", "/usr/local/sbin/"}) {
      const std::string path = folder + tool;
      if (::access(path.c_str(), X_OK) == 0) {
        if (tool == name && is_for_nftables(path)) {
          continue;
        }
        return LegacyFilter(family, path);
      }
      if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
        throw SystemError(errno, concat("look for ", path));
      }
    }
  }
  log_warning(concat("there is no ", name,
                     "-legacy, but this host has its table filter: what that drops stays dropped"));
  return std::nullopt;
}

std::string LegacyFilter::run(const Words& arguments) const {
  return execute(tool_, {"-w", kLockWait, "-t", "filter"}, arguments);
}

LegacyListing LegacyFilter::list() const {
  const std::string text = run({"-S"});
  if (std::optional<LegacyListing> listing = parse_legacy_listing(text)) {
    return *std::move(listing);
  }
  throw cni::Error(cni::Code::kInternal,
                   concat(tool_, " -S: no listing of the table filter: ", linnet::quoted(text)));
}

bool LegacyFilter::drops() const { return list().forward_drops; }

void LegacyFilter::ensure_chain(const LegacyListing& before, const std::string& chain) const {
  if (before.chains.contains(chain)) {
    return;
  }
  try {
    run({"-N", chain});
  } catch (const cni::Error&) {
    // Another plugin may have made it meanwhile.
    if (!list().chains.contains(chain)) {
      throw;
    }
  }
}

void LegacyFilter::accept(const std::vector<Cidr>& addresses, const std::string& admin_chain,
                          const attach::Attachment& attachment) const {
  const LegacyListing before = list();
  ensure_chain(before, kContainers);
  ensure_chain(before, admin_chain);
  if (!contains(before.forward, entry_rule())) {
    run(join_words({"-I", kForward}, entry_rule()));
  }
  if (!contains(before.containers, admin_rule(admin_chain))) {
    run(join_words({"-I", kContainers}, admin_rule(admin_chain)));
  }
  for (const LegacyRule& rule : before.containers) {
    if (is_rule_of(rule, attachment)) {
      run(join_words({"-D", kContainers}, rule.words));
    }
  }
  const Words owner = {"-m", "comment", "--comment", attach::owner_comment(attachment),
                       "-j", "ACCEPT"};
  for (const Cidr& address : addresses) {
    if (address.family() != family_) {
      continue;
    }
    run(join_words(join_words({"-A", kContainers}, rule_to(address)), owner));
    run(join_words(join_words({"-A", kContainers}, rule_from(address)), owner));
  }
}

void LegacyFilter::remove(const std::function<bool(const LegacyRule&)>& wanted) const {
  ErrorList errors;
  for (const LegacyRule& rule : list().containers) {
    if (wanted(rule)) {
      errors.attempt([&] { run(join_words({"-D", kContainers}, rule.words)); });
    }
  }
  // Another plugin may have removed a rule meanwhile, or the tool had before it went wrong.
  if (!errors.empty() && std::ranges::any_of(list().containers, wanted)) {
    errors.throw_if_any();
  }
}

attach::Problems LegacyFilter::problems(const std::vector<Cidr>& addresses,
                                        const std::string& admin_chain,
                                        const attach::Attachment& attachment) const {
  attach::Problems problems;
  const LegacyListing listing = list();
  if (!contains(listing.forward, entry_rule())) {
    problems.push_back(concat(tool_, ": no rule of FORWARD jumps to ", kContainers));
  }
  if (!contains(listing.containers, admin_rule(admin_chain))) {
    problems.push_back(concat(tool_, ": no rule of ", kContainers, " jumps to ", admin_chain));
  }
  for (const Cidr& address : addresses) {
    if (address.family() != family_) {
      continue;
    }
    for (const Words& start : {rule_to(address), rule_from(address)}) {
      const bool found = std::ranges::any_of(listing.containers, [&](const LegacyRule& rule) {
        return is_rule_of(rule, attachment) && rule.words.size() > start.size() &&
               std::equal(start.begin(), start.end(), rule.words.begin());
      });
      if (!found) {
        problems.push_back(
            concat(tool_, ": chain ", kContainers, " lacks the rule \"", join(start, " "), '"'));
      }
    }
  }
  return problems;
}

}  // namespace linnet::firewall
