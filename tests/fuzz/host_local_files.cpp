// What host-local reads from files that others write: a resolv.conf, and a lease (the first line its mark,
// the rest its content).
#include <fcntl.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "plugins/ipam/host-local/lease_file.h"
#include "plugins/ipam/host-local/resolv_conf.h"

using namespace linnet;

namespace {

// A folder of this process's own, removed at its end.
class Folder {
 public:
  Folder() {
    if (::mkdtemp(path_) == nullptr) {
      std::abort();
    }
    fd_ = ::open(path_, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    ::unlinkat(fd_, kLease, 0);
    ::rmdir(path_);
    ::close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }

  static constexpr const char* kLease = "10.0.0.2";

 private:
  char path_[32] = "/dev/shm/linnet-fuzz-XXXXXX";
  int fd_ = -1;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  static_cast<void>(host_local::parse_resolv_conf(input));

  static const Folder folder;
  const std::size_t end = std::min(input.find('\n'), input.size());
  const int file =
      ::openat(folder.fd(), Folder::kLease, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  // A file system without user attributes leaves the mark out.
  static_cast<void>(::fsetxattr(file, "user.linnet", input.data(), end, 0));
  const std::string content = input.substr(std::min(end + 1, input.size()));
  if (::write(file, content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    std::abort();
  }
  ::close(file);
  if (!host_local::find_lease_file(folder.fd(), Folder::kLease)) {
    std::abort();
  }
  return 0;
}
