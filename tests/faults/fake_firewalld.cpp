#include "tests/faults/fake_firewalld.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace linnet::test {

namespace {

constexpr const char* kSocket = "/run/dbus/system_bus_socket";
constexpr const char* kSources = "/run/firewalld-sources";
const std::set<std::string> kZones = {"public", "trusted"};

// Messages in the byte order of this processor, which marks them with 'l'. D-Bus specification, "Message Protocol".
enum MessageType : char { kCall = 1, kReturn = 2, kError = 3 };
enum HeaderField : char { kMember = 3, kErrorName = 4, kReplySerial = 5, kSignature = 8 };
constexpr std::size_t kFixedHeader = 16;

std::size_t aligned(std::size_t at, std::size_t to) { return (at + to - 1) / to * to; }

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.substr(at, sizeof value).data(), sizeof value);
  return value;
}

std::string text_at(const std::string& bytes, std::size_t& at) {
  at = aligned(at, 4);
  const std::size_t length = number_at(bytes, at);
  std::string text = bytes.substr(at + 4, length);
  at += 4 + length + 1;
  return text;
}

void append_number(std::string& bytes, std::size_t value) {
  bytes.resize(aligned(bytes.size(), 4));
  const auto number = static_cast<std::uint32_t>(value);
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void append_text(std::string& bytes, std::string_view text) {
  append_number(bytes, text.size());
  bytes.append(text).push_back('\0');
}

void append_field(std::string& bytes, HeaderField field, char type) {
  bytes.resize(aligned(bytes.size(), 8));
  bytes.append({static_cast<char>(field), 1, type, '\0'});
}

// The body has one value of the type that `signature` says, or none.
std::string answer(MessageType type, std::uint32_t serial, std::string_view error_name,
                   std::string_view signature, const std::string& body) {
  std::string fields;
  append_field(fields, kReplySerial, 'u');
  append_number(fields, serial);
  if (!error_name.empty()) {
    append_field(fields, kErrorName, 's');
    append_text(fields, error_name);
  }
  if (!signature.empty()) {
    append_field(fields, kSignature, 'g');
    fields.push_back(static_cast<char>(signature.size()));
    fields.append(signature).push_back('\0');
  }
  std::string message = {'l', static_cast<char>(type), 1, 1};
  append_number(message, body.size());
  append_number(message, 1);
  append_number(message, fields.size());
  message += fields;
  message.resize(aligned(message.size(), 8));
  return message + body;
}

std::string truth_answer(std::uint32_t serial, bool truth) {
  std::string body;
  append_number(body, truth ? 1 : 0);
  return answer(kReturn, serial, {}, "b", body);
}

std::string text_answer(std::uint32_t serial, std::string_view text) {
  std::string body;
  append_text(body, text);
  return answer(kReturn, serial, {}, "s", body);
}

std::string error_answer(std::uint32_t serial, std::string_view name, std::string_view text) {
  std::string body;
  append_text(body, text);
  return answer(kError, serial, name, "s", body);
}

std::string firewalld_error(std::uint32_t serial, std::string_view text) {
  return error_answer(serial, "org.fedoraproject.FirewallD1.Exception", text);
}

}  // namespace

FakeFirewalld::FakeFirewalld() {
  std::filesystem::create_directories("/run/dbus");
  listen();
  write_sources();
}

void FakeFirewalld::listen() {
  static_cast<void>(::unlink(kSocket));
  listening_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, kSocket);
  if (::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listening_.get(), 8) != 0) {
    throw SystemError(errno, "listen as the system bus");
  }
}

void FakeFirewalld::forget_sources() {
  sources_.clear();
  write_sources();
}

void FakeFirewalld::write_sources() const {
  std::ofstream file(kSources);
  for (const auto& [source, zone] : sources_) {
    file << zone << " " << source << "\n";
  }
}

void FakeFirewalld::end_firewalld() {
  running_ = false;
  forget_sources();
}

void FakeFirewalld::end_bus() {
  end_firewalld();
  listening_.reset();
  for (Client& client : clients_) {
    client.socket.reset();
  }
}

void FakeFirewalld::disturb(std::size_t nth, MessageFault fault) {
  serve();
  clients_.clear();
  if (!listening_) {
    listen();
  }
  running_ = true;
  silent_ = false;
  messages_ = 0;
  disturbed_ = nth;
  fault_ = fault;
}

void FakeFirewalld::read_from(Client& client) {
  char bytes[4096];
  for (ssize_t count = 1; count > 0;) {
    count = ::recv(client.socket.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    client.received.append(bytes, count > 0 ? static_cast<std::size_t>(count) : 0);
  }
}

void FakeFirewalld::write_to(Client& client) {
  const std::size_t size =
      client.slow ? std::min<std::size_t>(client.answers.size(), 1) : client.answers.size();
  if (client.socket && size != 0) {
    static_cast<void>(
        ::send(client.socket.get(), client.answers.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT));
    client.answers.erase(0, size);
  }
}

void FakeFirewalld::serve() {
  while (listening_) {
    UniqueFd socket(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) {
      break;
    }
    clients_.push_back({.socket = std::move(socket), .received = {}, .answers = {}});
  }
  for (Client& client : clients_) {
    read_from(client);
    while (client.socket && take_message(client)) {
    }
    write_to(client);
  }
}

bool FakeFirewalld::take_message(Client& client) {
  std::string& bytes = client.received;
  if (const std::size_t end = bytes.find("\r\n"); !client.greeted && end != std::string::npos) {
    client.greeted = bytes.starts_with("BEGIN");
    bytes.erase(0, end + 2);
    if (!client.greeted) {
      greet(client, ++messages_ == disturbed_ ? fault_ : MessageFault::kNone);
    }
    return true;
  }
  if (!client.greeted || bytes.size() < kFixedHeader) {
    return false;
  }
  const std::size_t header = kFixedHeader + number_at(bytes, 12);
  const std::size_t body = aligned(header, 8);
  const std::size_t size = body + number_at(bytes, 4);
  if (bytes.size() < size) {
    return false;
  }
  Request request{.serial = number_at(bytes, 8), .member = {}, .arguments = {}};
  for (std::size_t at = kFixedHeader; at < header;) {
    at = aligned(at, 8);
    const char field = bytes[at];
    const bool is_signature = bytes[at + 2] == 'g';
    at += 4;
    if (is_signature) {
      at += static_cast<std::size_t>(bytes[at]) + 2;
    } else if (std::string value = text_at(bytes, at); field == kMember) {
      request.member = std::move(value);
    }
  }
  for (std::size_t at = body; at < size;) {
    request.arguments.push_back(text_at(bytes, at));
  }
  bytes.erase(0, size);
  handle(client, request, ++messages_ == disturbed_ ? fault_ : MessageFault::kNone);
  return true;
}

bool FakeFirewalld::survives(Client& client, MessageFault fault) {
  switch (fault) {
    case MessageFault::kReloaded:
      forget_sources();
      return true;
    case MessageFault::kFirewalldGone:
      end_firewalld();
      return true;
    case MessageFault::kSlow:
      client.slow = true;
      return true;
    case MessageFault::kLost:
      silent_ = true;
      return false;
    case MessageFault::kHungUp:
      client.socket.reset();
      return false;
    case MessageFault::kBusGone:
      end_bus();
      return false;
    default:
      return true;
  }
}

void FakeFirewalld::greet(Client& client, MessageFault fault) {
  if (!survives(client, fault)) {
    return;
  }
  if (fault == MessageFault::kUnanswered) {
    silent_ = true;
  } else if (fault == MessageFault::kAnswerHungUp) {
    client.socket.reset();
  } else {
    client.answers +=
        fault == MessageFault::kRefused ? "REJECTED EXTERNAL\r\n" : "OK 0123456789abcdef\r\n";
  }
}

void FakeFirewalld::handle(Client& client, const Request& request, MessageFault fault) {
  const bool is_hello = request.member == "Hello";
  const bool is_of_bus = is_hello || request.member == "NameHasOwner";
  const bool was_running = running_;
  if (!survives(client, fault)) {
    // Nobody waits for the answer to a Hello.
    silent_ = silent_ && !is_hello;
    return;
  }
  std::string text;
  if (fault == MessageFault::kRefused) {
    text = is_of_bus ? error_answer(request.serial, "org.freedesktop.DBus.Error.AccessDenied", "no")
                     : firewalld_error(request.serial, "COMMAND_FAILED: nft failed");
  } else if (is_of_bus) {
    text = answer_of_bus(request);
  } else if (!running_) {
    text = was_running
               ? error_answer(request.serial, "org.freedesktop.DBus.Error.NoReply", "it is gone")
               : error_answer(request.serial, "org.freedesktop.DBus.Error.NameHasNoOwner", "none");
  } else {
    text = answer_of_firewalld(request);
  }
  if (fault == MessageFault::kUnanswered) {
    silent_ = !is_hello;
  } else if (fault == MessageFault::kAnswerHungUp) {
    client.socket.reset();
  } else {
    client.answers += text;
  }
}

std::string FakeFirewalld::answer_of_bus(const Request& request) const {
  return request.member == "Hello" ? text_answer(request.serial, ":1.7")
                                   : truth_answer(request.serial, running_);
}

// As firewalld 1.3 answers.
std::string FakeFirewalld::answer_of_firewalld(const Request& request) {
  const std::string& zone = request.arguments.front();
  const std::string& source = request.arguments.back();
  const auto found =
      std::ranges::find(sources_, source, &std::pair<std::string, std::string>::first);
  const bool is_there = found != sources_.end();
  if (request.member == "getZoneOfSource") {
    return text_answer(request.serial, is_there ? found->second : "");
  }
  if (!kZones.contains(zone)) {
    return firewalld_error(request.serial, "INVALID_ZONE: " + zone);
  }
  if (request.member == "querySource") {
    return truth_answer(request.serial, is_there && found->second == zone);
  }
  if (is_there && found->second != zone) {
    return firewalld_error(request.serial, "ZONE_CONFLICT: " + source);
  }
  const bool adds = request.member == "addSource";
  if (adds == is_there) {
    return firewalld_error(request.serial,
                           (adds ? "ZONE_ALREADY_SET: " : "UNKNOWN_SOURCE: ") + source);
  }
  if (adds) {
    sources_.emplace(source, zone);
  } else {
    sources_.erase(found);
  }
  write_sources();
  return text_answer(request.serial, zone);
}

}  // namespace linnet::test
