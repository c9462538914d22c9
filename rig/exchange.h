// Requests and answers of one byte, one after the other.
#pragma once

#include <functional>
#include <memory>

#include "rig/histogram.h"
#include "rig/sockets.h"

namespace linnet::rig {

enum class Protocol {
  kTcp,
  kTcpConnect,  // a connection for each request, closed by the client
  kUdp,
};

// A client, which is the calling thread, with a process that answers at the path's other end until the object goes.
// This process has no other thread when an exchange is opened.
class Exchange {
 public:
  virtual ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Mean time of a transaction, in microseconds. `latencies` gets each one. Throws SystemError.
  double block(int transactions, Histogram* latencies = nullptr);
  // The client's end; -1 when no connection outlives its transaction.
  [[nodiscard]] virtual int client_socket() const { return -1; }

 protected:
  Exchange() = default;
  virtual void transact() = 0;
  // Around a block.
  virtual void inside_client(const std::function<void()>& action) { action(); }
};

// Answers run on `server_cpu`. Host and path outlive the exchange. Throws SystemError.
[[nodiscard]] std::unique_ptr<Exchange> open_exchange(Protocol protocol, const Host& host,
                                                      const Path& path, unsigned server_cpu);

}  // namespace linnet::rig
