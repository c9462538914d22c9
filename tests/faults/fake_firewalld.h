// The system bus with firewalld on it, as a plugin meets them, one message of which can go wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace linnet::test {

// What becomes of a message of the plugin.
enum class MessageFault {
  kNone,
  kRefused,        // answered with an error
  kLost,           // neither carried out nor answered
  kUnanswered,     // carried out
  kHungUp,         // the connection ends instead
  kAnswerHungUp,   // carried out, the connection ends before the answer
  kSlow,           // the answer comes byte by byte
  kReloaded,       // before it firewalld forgets its sources
  kFirewalldGone,  // before it firewalld ends, and with it its sources
  kBusGone         // before it the bus ends, and firewalld with it
};

// Listens at /run/dbus/system_bus_socket. It has no thread: it works within serve(), so that a test decides what
// comes before what. Its sources stand in /run/firewalld-sources, a line each, where a snapshot finds them.
class FakeFirewalld {
 public:
  FakeFirewalld();

  // Reads what the plugins sent, and answers.
  void serve();
  // Whether a plugin waits for an answer that never comes; says so once.
  [[nodiscard]] bool keeps_silent() { return std::exchange(silent_, false); }

  // Message number `nth` from now on, from 1: the greeting of a connection, or a call. Starts again what had gone.
  void disturb(std::size_t nth, MessageFault fault);
  // How many there were since disturb().
  [[nodiscard]] std::size_t messages() const { return messages_; }

 private:
  struct Client {
    UniqueFd socket;
    std::string received;
    std::string answers;
    bool greeted = false;
    bool slow = false;
  };
  struct Request {
    std::uint32_t serial = 0;
    std::string member;
    std::vector<std::string> arguments;
  };

  void listen();
  void end_firewalld();
  void end_bus();
  void forget_sources();
  void write_sources() const;
  // Carries out what stands before the message; false when nothing of it is left to be answered.
  bool survives(Client& client, MessageFault fault);
  // One message of the client, if a whole one has come.
  bool take_message(Client& client);
  void greet(Client& client, MessageFault fault);
  void handle(Client& client, const Request& request, MessageFault fault);
  [[nodiscard]] std::string answer_of_bus(const Request& request) const;
  [[nodiscard]] std::string answer_of_firewalld(const Request& request);
  static void read_from(Client& client);
  static void write_to(Client& client);

  UniqueFd listening_;
  std::list<Client> clients_;
  bool running_ = true;  // firewalld
  bool silent_ = false;
  std::set<std::pair<std::string, std::string>> sources_;  // source, zone
  std::size_t messages_ = 0;
  std::size_t disturbed_ = 0;
  MessageFault fault_ = MessageFault::kNone;
};

}  // namespace linnet::test
