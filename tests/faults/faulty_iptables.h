// The legacy iptables as a plugin finds it in /usr/sbin, one execution of which, or each from one on, can go wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace linnet::test {

// What becomes of an execution of the tool. Those that are "done" do their work first.
enum class ToolFault {
  kNone,
  kExit1,
  kExit2,
  kExit4,
  kDoneExit1,
  kKilled,  // by a signal
  kDoneKilled,
  kEndless,
  kDoneEndless,
  kSilentEndless,  // both outputs are closed
  kNonsense,       // instead of a listing, or behind the work; exit status 0
  kSilent,         // the same without a byte
  kCut,            // a listing that ends in a line; exit status 0
  kHuge,           // 20 MiB behind the work; exit status 0
  kHugeError,      // 1 MiB of bytes that are no text on standard error; exit status 1
  kLocked,         // the lock of xtables is held for longer than the tool waits
  kLockedAWhile,
  kGone,  // all tools are removed behind it
};

// Covers /usr/sbin: the tools of the legacy iptables become fake_iptables.cpp, which executes the real ones, and all
// other programs are what they were.
class FaultyIptables {
 public:
  FaultyIptables();
  FaultyIptables(const FaultyIptables&) = delete;
  FaultyIptables& operator=(const FaultyIptables&) = delete;
  ~FaultyIptables();

  // Execution number `nth` from now on, from 1; 0: none. Brings back tools that are gone.
  void disturb(std::size_t nth, ToolFault fault) { disturb(nth, nth, fault); }
  void disturb_from(std::size_t nth, ToolFault fault) { disturb(nth, SIZE_MAX, fault); }
  void disturb(std::size_t first, std::size_t last, ToolFault fault);
  // How many there were since disturb().
  [[nodiscard]] std::size_t executions() const;

  static void remove_tools_of_ipv6();
  static void remove_tools();
  // No tools but these, without "-legacy" in their name, which are that program.
  static void name_plainly(const std::string& program, const std::vector<std::string>& tools);
};

// What the program and the class agree upon.
namespace faulty_iptables {
inline constexpr const char* kFolder = "/usr/sbin/";
inline constexpr const char* kRealFolder = "/usr/sbin/real/";
inline constexpr const char* kExecutions = "/usr/sbin/executions";  // a line each
inline constexpr const char* kPlan = "/usr/sbin/plan";              // first, last, fault
inline constexpr const char* kTools[] = {"iptables-legacy", "iptables", "ip6tables-legacy",
                                         "ip6tables"};
}  // namespace faulty_iptables

}  // namespace linnet::test
