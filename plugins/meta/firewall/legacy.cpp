#include "plugins/meta/firewall/legacy.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/error_list.h"
#include "base/file.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "netlink/iptables.h"

namespace linnet::firewall {

namespace {

using Words = std::vector<std::string>;

const std::string kForward = "FORWARD";
const std::string kContainers = "CNI-FORWARD";
constexpr std::size_t kLongestOutput = std::size_t{16} << 20U;

Words entry_rule() {
  return {kForward, "-m", "comment", "--comment", "CNI firewall plugin rules", "-j", kContainers};
}

Words admin_rule(const std::string& admin_chain) {
  return {kContainers, "-m",       "comment", "--comment", "CNI firewall plugin admin overrides",
          "-j",        admin_chain};
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

}  // namespace

std::vector<LegacyRule> parse_legacy_rules(const std::string& listing) {
  std::vector<LegacyRule> rules;
  for (const std::string& line : split(listing, '\n')) {
    Words words = cut(line);
    if (words.size() < 3 || words[0] != "-A" || words[1] != kContainers) {
      continue;
    }
    LegacyRule rule{.words = {words.begin() + 2, words.end()}, .comment = {}};
    const auto comment = std::ranges::find(rule.words, "--comment");
    if (comment != rule.words.end() && comment + 1 != rule.words.end()) {
      rule.comment = *(comment + 1);
    }
    rules.push_back(std::move(rule));
  }
  return rules;
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
  // Where there is no tool of the longer name, the legacy tool is the only one.
  for (const std::string& tool : {name + "-legacy", name}) {
    for (const char* const folder : {"/usr/sbin/", "/sbin/", "/usr/local/sbin/"}) {
      if (::access(concat(folder, tool).c_str(), X_OK) == 0) {
        return LegacyFilter(family, concat(folder, tool));
      }
    }
  }
  throw SystemError(ENOENT, concat("look for ", name, "-legacy, whose table filter this host has"));
}

LegacyFilter::Output LegacyFilter::run(const Words& arguments) const {
  // Another program may hold the lock of xtables for a while.
  Words words = join_words({tool_, "-w", "10", "-t", "filter"}, arguments);
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw SystemError(errno, "make a pipe");
  }
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDERR_FILENO);
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* environment[] = {path, nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, tool_.c_str(), &actions, nullptr, argv.data(), environment);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw SystemError(error, concat("execute ", tool_));
  }
  writer.reset();
  Output output;
  output.text = read_all(reader.get(), kLongestOutput, tool_);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return output;
}

void LegacyFilter::must_run(const Words& arguments) const {
  const Output output = run(arguments);
  if (output.exit_code != 0) {
    throw std::runtime_error(concat(tool_, " ", join(arguments, " "), ": ", trim(output.text)));
  }
}

bool LegacyFilter::drops() const {
  return run({"-S", kForward}).text.starts_with("-P FORWARD DROP");
}

void LegacyFilter::ensure_chain(const std::string& chain) const {
  // Another plugin may make it meanwhile.
  if (run({"-n", "-L", chain}).exit_code != 0 && run({"-N", chain}).exit_code != 0) {
    must_run({"-n", "-L", chain});
  }
}

void LegacyFilter::ensure_jump(const Words& rule) const {
  if (run(join_words({"-C"}, rule)).exit_code != 0) {
    must_run(join_words({"-I"}, rule));
  }
}

void LegacyFilter::accept(const std::vector<Cidr>& addresses, const std::string& admin_chain,
                          const attach::Attachment& attachment) const {
  ensure_chain(kContainers);
  ensure_chain(admin_chain);
  ensure_jump(entry_rule());
  ensure_jump(admin_rule(admin_chain));
  remove([&](const LegacyRule& rule) {
    return attach::key_in_comment(rule.comment) == attach::owner_key(attachment);
  });
  const Words owner = {"-m", "comment", "--comment", attach::owner_comment(attachment),
                       "-j", "ACCEPT"};
  for (const Cidr& address : addresses) {
    if (address.family() != family_) {
      continue;
    }
    must_run(join_words(join_words({"-A", kContainers}, rule_to(address)), owner));
    must_run(join_words(join_words({"-A", kContainers}, rule_from(address)), owner));
  }
}

void LegacyFilter::remove(const std::function<bool(const LegacyRule&)>& wanted) const {
  ErrorList errors;
  for (const LegacyRule& rule : parse_legacy_rules(run({"-S", kContainers}).text)) {
    if (wanted(rule)) {
      errors.attempt([&] { must_run(join_words({"-D", kContainers}, rule.words)); });
    }
  }
  errors.throw_if_any();
}

attach::Problems LegacyFilter::problems(const std::vector<Cidr>& addresses,
                                        const std::string& admin_chain,
                                        const attach::Attachment& attachment) const {
  attach::Problems problems;
  if (run(join_words({"-C"}, entry_rule())).exit_code != 0) {
    problems.push_back(concat(tool_, ": no rule of FORWARD jumps to ", kContainers));
  }
  if (run(join_words({"-C"}, admin_rule(admin_chain))).exit_code != 0) {
    problems.push_back(concat(tool_, ": no rule of ", kContainers, " jumps to ", admin_chain));
  }
  const std::vector<LegacyRule> rules = parse_legacy_rules(run({"-S", kContainers}).text);
  for (const Cidr& address : addresses) {
    if (address.family() != family_) {
      continue;
    }
    for (const Words& start : {rule_to(address), rule_from(address)}) {
      const bool found = std::ranges::any_of(rules, [&](const LegacyRule& rule) {
        return attach::key_in_comment(rule.comment) == attach::owner_key(attachment) &&
               rule.words.size() > start.size() &&
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
