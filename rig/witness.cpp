#include "rig/witness.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "rig/exchange.h"
#include "rig/namespaces.h"
#include "rig/setup/process.h"

namespace linnet::rig {

namespace {

constexpr const char* kPort = "12865";  // netperf's own; the namespaces are netrig's
constexpr std::chrono::seconds kPatience(2);

using Arguments = std::vector<std::string>;

// The program's path; empty when it is not installed.
std::string find_program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  for (const std::string& folder : split(path == nullptr ? "/usr/bin:/bin" : path, ':')) {
    std::string file = concat(folder, "/", name);
    if (folder.starts_with('/') && ::access(file.c_str(), X_OK) == 0) {
      return file;
    }
  }
  return "";
}

// In a child: becomes the program, which does not outlive this process. `output` is its stdout and stderr.
int execute(Arguments& arguments, int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) {
    pointers.push_back(argument.data());
  }
  pointers.push_back(nullptr);
  ::execv(pointers.front(), pointers.data());
  return 127;
}

std::string output_of(Arguments arguments) {
  return setup::run_timed({.executable = {},
                           .environment = {},
                           .configuration = {},
                           .action = [&] { return execute(arguments, STDOUT_FILENO); }})
      .output;
}

// A program that serves until the object goes, in the namespace that the calling thread is in.
class Daemon {
 public:
  explicit Daemon(Arguments arguments) : pid_(::fork()) {
    require(pid_ >= 0, "fork");
    if (pid_ == 0) {
      // A group of its own, since it forks for each client.
      ::setpgid(0, 0);
      const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
      ::dup2(nowhere, STDIN_FILENO);
      ::_exit(execute(arguments, nowhere));
    }
    ::setpgid(pid_, pid_);
  }
  ~Daemon() {
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

 private:
  pid_t pid_;
};

// Whether anything in the calling thread's namespace listens on kPort.
bool is_listening() {
  char port[8];
  static_cast<void>(
      std::snprintf(port, sizeof port, ":%04X ", parse_number<unsigned>(kPort).value_or(0)));
  for (const char* const file : {"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"}) {
    for (const std::string& line : split(find_file(file, 1 << 20).value_or(""), '\n')) {
      if (line.find(port) != std::string::npos && line.find(" 0A ") != std::string::npos) {
        return true;
      }
    }
  }
  return false;
}

// One program: what serves, what asks, and what netrig does in its turn.
struct Rival {
  std::string server;  // programs
  std::string client;
  Arguments server_arguments;
  Arguments client_arguments;
  std::function<std::optional<double>(const std::string&)> parse;
  std::function<double()> own;
  int rounds = 0;
};

void take_turns_with(const Rival& rival, const Host& host, const Path& path, Witness& witness) {
  const std::string server = find_program(rival.server);
  const std::string client = find_program(rival.client);
  if (server.empty() || client.empty()) {
    witness.unavailable = concat(server.empty() ? rival.server : rival.client, " is not installed");
    return;
  }
  Arguments serve = rival.server_arguments;
  serve.insert(serve.begin(), server);
  Arguments ask = rival.client_arguments;
  ask.insert(ask.begin(), client);
  std::optional<Daemon> daemon;
  bool listening = false;
  host.inside(path.server, [&] {
    daemon.emplace(serve);
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!(listening = is_listening()) && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  if (!listening) {
    witness.unavailable = concat(rival.server, " does not listen");
    return;
  }
  for (int round = 0; round < rival.rounds; ++round) {
    std::string output;
    const auto theirs = [&] { host.inside(path.client, [&] { output = output_of(ask); }); };
    if (round % 2 == 0) {
      theirs();
    }
    witness.own.push_back(rival.own());
    if (round % 2 == 1) {
      theirs();
    }
    const std::optional<double> rate = rival.parse(output);
    if (!rate) {
      witness.unavailable = concat(rival.client, " said ", linnet::quoted(trim(output)));
      witness.own.clear();
      witness.theirs.clear();
      return;
    }
    witness.theirs.push_back(*rate);
  }
}

}  // namespace

std::optional<double> parse_netperf(std::string_view text) {
  const std::string number(trim(text));
  char* end = nullptr;
  const double rate = std::strtod(number.c_str(), &end);
  if (number.empty() || *end != '\0' || !std::isfinite(rate) || rate <= 0) {
    return std::nullopt;
  }
  return rate;
}

std::optional<double> parse_iperf3(const std::string& text) {
  try {
    const double rate =
        cni::Json::parse(text).at("end").at("sum_received").at("bits_per_second").get<double>();
    return std::isfinite(rate) && rate > 0 ? std::optional(rate) : std::nullopt;
  } catch (const cni::Json::exception&) {
    return std::nullopt;
  }
}

std::vector<Witness> ask_witnesses(const Host& host, const Path& path, const std::string& label,
                                   const WitnessOptions& options) {
  const std::string address = path.address.text();
  const std::string family = path.address.is_ipv4() ? "-4" : "-6";
  const auto cpus = [](const Placement& placement) {
    return concat(placement.client, ",", placement.server);
  };
  std::vector<Witness> witnesses = {{.program = "netperf",
                                     .label = label,
                                     .workload = "tcp_rr",
                                     .unavailable = {},
                                     .own = {},
                                     .theirs = {}},
                                    {.program = "iperf3",
                                     .label = label,
                                     .workload = "bulk_1",
                                     .unavailable = {},
                                     .own = {},
                                     .theirs = {}}};
  pin_to(options.one_cpu.client);
  take_turns_with({.server = "netserver",
                   .client = "netperf",
                   .server_arguments = {"-D", family, "-p", kPort},
                   .client_arguments = {family, "-H", address, "-p", kPort, "-t", "TCP_RR", "-T",
                                        cpus(options.one_cpu), "-P", "0", "-v", "0", "-l",
                                        concat("-", options.transactions), "--", "-r", "1,1"},
                   .parse = [](const std::string& output) { return parse_netperf(output); },
                   .own =
                       [&] {
                         const auto exchange =
                             open_exchange(Protocol::kTcp, host, path, options.one_cpu.server);
                         // Each is timed, as in the rows.
                         Histogram latencies;
                         return 1e6 / exchange->block(options.transactions, &latencies);
                       },
                   .rounds = options.rounds},
                  host, path, witnesses[0]);
  unpin(options.all_cpus);
  take_turns_with(
      {.server = "iperf3",
       .client = "iperf3",
       .server_arguments = {"-s", family, "-p", kPort},
       .client_arguments = {"-c", address, family, "-p", kPort, "-t", concat(options.bulk.count()),
                            "-A", cpus(options.two_cpus), "-J"},
       .parse = parse_iperf3,
       .own =
           [&] {
             return send_bulk(host, path,
                              {.flows = 1,
                               .duration = options.bulk,
                               .sender = Sender::kStill,
                               .placement = options.two_cpus})
                 .bits_per_second;
           },
       .rounds = options.bulk_rounds},
      host, path, witnesses[1]);
  return witnesses;
}

}  // namespace linnet::rig
