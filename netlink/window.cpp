#include "netlink/internal/window.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "netlink/internal/attributes.h"

namespace linnet::netlink {

namespace {

constexpr std::size_t kObjectWeight = 4;

// `fixed` bytes of the payload precede the attributes.
Ack parse_ack(const nlmsghdr* message, std::size_t fixed) {
  Ack ack;
  int code = 0;
  if (mnl_nlmsg_get_payload_len(message) < sizeof code) {
    ack.error = EBADMSG;
    return ack;
  }
  std::memcpy(&code, mnl_nlmsg_get_payload(message), sizeof code);
  ack.error = -code;
  if ((message->nlmsg_flags & NLM_F_ACK_TLVS) != 0) {
    ack.extack = Attributes<NLMSGERR_ATTR_MAX>(message, fixed).text(NLMSGERR_ATTR_MSG);
  }
  return ack;
}

Ack parse_refusal(const nlmsghdr* message) {
  // Without NETLINK_CAP_ACK (old kernels) a refusal quotes the whole request before the attributes.
  std::size_t quoted = 0;
  if (mnl_nlmsg_get_payload_len(message) >= sizeof(nlmsgerr) &&
      (message->nlmsg_flags & NLM_F_CAPPED) == 0) {
    const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
    if (error->error != 0 && error->msg.nlmsg_len >= NLMSG_HDRLEN) {
      quoted = error->msg.nlmsg_len - NLMSG_HDRLEN;
    }
  }
  return parse_ack(message, sizeof(nlmsgerr) + quoted);
}

}  // namespace

Window::Window(const Batch& batch, const Socket::Receiver& receiver, std::vector<Ack>& acks,
               std::size_t first, int protocol)
    : batch_(batch),
      receiver_(receiver),
      acks_(acks),
      first_(first),
      end_(first),
      last_(first),
      protocol_(protocol),
      is_transaction_(answer(first) == Batch::Answer::kNone) {
  using Answer = Batch::Answer;
  std::size_t weight = 0;
  while (end_ < batch_.size() && (is_transaction_ || weight < kWindowRequests)) {
    const Answer wanted = answer(end_);
    last_ = wanted == Answer::kNone ? last_ : end_;
    weight += wanted == Answer::kObject ? kObjectWeight : 1;
    ++end_;
    if (wanted == Answer::kDump) {
      break;
    }
  }
  states_.resize(end_ - first_);
}

const std::string& Window::what() const {
  for (std::size_t i = first_; i < end_; ++i) {
    if (answer(i) == Batch::Answer::kAck) {
      return batch_.what(i);
    }
  }
  return batch_.what(first_);
}

std::vector<unsigned char> Window::datagram(std::uint32_t first_sequence) {
  const auto offset = [&](std::size_t request) {
    return request < batch_.size() ? batch_.requests_[request].offset : batch_.bytes_.size();
  };
  const std::size_t begin = offset(first_);
  const auto source = batch_.bytes_.begin();
  std::vector<unsigned char> bytes(source + static_cast<std::ptrdiff_t>(begin),
                                   source + static_cast<std::ptrdiff_t>(offset(end_)));
  first_sequence_ = first_sequence;
  for (std::size_t i = first_; i < end_; ++i) {
    auto* header = reinterpret_cast<nlmsghdr*>(bytes.data() + offset(i) - begin);
    header->nlmsg_seq = first_sequence + static_cast<std::uint32_t>(i - first_);
    if (i == last_ && answer(i) == Batch::Answer::kAck) {
      header->nlmsg_flags |= NLM_F_ACK;
    }
  }
  return bytes;
}

std::optional<std::size_t> Window::request_of(const nlmsghdr* message) const {
  const std::uint32_t number = message->nlmsg_seq - first_sequence_;
  return number < states_.size() ? std::optional(first_ + number) : std::nullopt;
}

void Window::settle(std::size_t request, State state) {
  states_[request - first_] = state;
  done_ = done_ || request == last_;
}

// An answer to the header of a transaction, which asks for none, refuses the whole; so does the one answer that a
// sender without the privilege gets from nfnetlink to a whole datagram. The requests inside get no answer then.
void Window::refuse_all(const Ack& ack) {
  for (std::size_t i = first_; i < end_; ++i) {
    if (state(i) == State::kWaiting) {
      acks_[i] = ack;
      settle(i, State::kAnswered);
    }
  }
  done_ = true;
}

void Window::pass_on(std::size_t request, const nlmsghdr* message) const {
  if (receiver_) {
    receiver_(request, message);
  }
}

void Window::take(const nlmsghdr* message) {
  const std::optional<std::size_t> request = request_of(message);
  if (!request || state(*request) != State::kWaiting) {
    return;
  }
  Ack& ack = acks_[*request];
  if (message->nlmsg_type == NLMSG_ERROR) {
    const Ack refusal = parse_refusal(message);
    const bool is_for_all = answer(*request) == Batch::Answer::kNone ||
                            (refusal.error == EPERM && protocol_ == NETLINK_NETFILTER);
    if (is_for_all && !refusal.ok()) {
      refuse_all(refusal);
    } else {
      ack = refusal;
      settle(*request, State::kAnswered);
    }
    return;
  }
  if (message->nlmsg_type == NLMSG_DONE) {
    const Ack done = parse_ack(message, sizeof(int));
    if (ack.ok()) {
      ack = done;
    }
    settle(*request, State::kAnswered);
    return;
  }
  if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) {
    ack.error = EINTR;
  }
  pass_on(*request, message);
  if (answer(*request) == Batch::Answer::kObject) {
    settle(*request, State::kAnswered);
  }
}

void Window::take_cut_off(std::span<const unsigned char> datagram) {
  const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
  const std::optional<std::size_t> request = request_of(message);
  if (!request) {
    return;
  }
  if (message->nlmsg_type == NLMSG_ERROR && datagram.size() >= NLMSG_HDRLEN + sizeof(int)) {
    // A kernel that quotes a long request. The number stands in front of it.
    int code = 0;
    std::memcpy(&code, datagram.data() + NLMSG_HDRLEN, sizeof code);
    acks_[*request] = {-code, {}};
    settle(*request, State::kAnswered);
  } else if (answer(*request) == Batch::Answer::kDump) {
    acks_[*request].error = EMSGSIZE;
  } else {
    settle(*request, State::kCutOff);
  }
}

bool Window::has_refusal() const {
  return std::any_of(acks_.begin() + static_cast<std::ptrdiff_t>(first_),
                     acks_.begin() + static_cast<std::ptrdiff_t>(end_),
                     [](const Ack& ack) { return !ack.ok(); });
}

bool Window::settle_after_loss() {
  if (done_ || (is_transaction_ && has_refusal())) {
    return true;
  }
  for (std::size_t i = first_; i < end_; ++i) {
    if (answer(i) == Batch::Answer::kAck) {
      return false;
    }
    if (state(i) == State::kWaiting && answer(i) == Batch::Answer::kDump) {
      // What has been passed on has to be forgotten first, as with an interrupted dump.
      acks_[i].error = EINTR;
      states_[i - first_] = State::kAnswered;
    } else if (state(i) == State::kWaiting) {
      states_[i - first_] = State::kCutOff;
    }
  }
  return true;
}

std::vector<std::size_t> Window::cut_off() const {
  std::vector<std::size_t> found;
  for (std::size_t i = first_; i < end_; ++i) {
    if (state(i) == State::kCutOff) {
      found.push_back(i);
    }
  }
  return found;
}

}  // namespace linnet::netlink
