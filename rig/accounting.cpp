#include "rig/accounting.h"

#include <algorithm>

namespace linnet::rig {

namespace {

void add(Counters& sum, const Counters& more) {
  for (const auto& [name, value] : more) {
    sum[name] += value;
  }
}

}  // namespace

void add(Accounting& sum, const Accounting& more) {
  sum.seconds += more.seconds;
  add(sum.client, more.client);
  add(sum.server, more.server);
  add(sum.machine, more.machine);
  sum.cpu = sum.cpu + more.cpu;
}

std::int64_t spurious_retransmits(const Counters& sender) {
  return std::max(count_of(sender, "TcpExtTCPDSACKRecvSegs"),
                  count_of(sender, "TcpExtTCPDSACKRecv"));
}

Account::Account(const Host& host, const Path& path)
    : host_(host), path_(path), before_(read()), start_(std::chrono::steady_clock::now()) {}

Accounting Account::read() const {
  Accounting now;
  host_.inside(path_.client, [&] { now.client = read_counters(); });
  host_.inside(path_.server, [&] { now.server = read_counters(); });
  now.machine = read_machine_counters();
  now.cpu = read_cpu_time();
  return now;
}

Accounting Account::close() const {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  const Accounting now = read();
  return {.seconds = elapsed.count(),
          .client = difference(now.client, before_.client),
          .server = difference(now.server, before_.server),
          .machine = difference(now.machine, before_.machine),
          .cpu = now.cpu - before_.cpu};
}

}  // namespace linnet::rig
