// What a runtime reads from files that others write: a list of plugins, a single plugin, a cached result. Each is
// accepted or refused with a cni::Error.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/text.h"
#include "libcni/cache.h"
#include "libcni/error.h"
#include "libcni/network_list.h"

using namespace linnet;

namespace {

// A cache of this process's own, removed at its end.
class Folder {
 public:
  Folder() {
    if (::mkdtemp(path_) == nullptr || ::mkdir(concat(path_, "/results").c_str(), 0700) != 0) {
      std::abort();
    }
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    ::unlink(file().c_str());
    ::rmdir(concat(path_, "/results").c_str());
    ::rmdir(path_);
  }
  [[nodiscard]] std::string path() const { return path_; }
  [[nodiscard]] std::string file() const { return concat(path_, "/results/net1-c1-eth0"); }

 private:
  char path_[32] = "/dev/shm/linnet-fuzz-XXXXXX";
};

void read_cache(const std::string& text) {
  static const Folder folder;
  const int file = ::open(folder.file().c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    std::abort();
  }
  ::close(file);
  const cni::ResultCache cache(folder.path());
  const cni::ResultCache::Listing listing = cache.list();
  if (listing.attachments.size() + listing.problems.size() > 1) {
    std::abort();
  }
  try {
    if (const auto attachment = cache.find("net1", "c1", "eth0")) {
      cache.save(*attachment);
    }
  } catch (const cni::Error&) {
  }
  cache.remove_if_present("net1", "c1", "eth0");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto parse = [&](auto function) {
    try {
      static_cast<void>(function(text, "input"));
    } catch (const cni::Error&) {
    }
  };
  parse(cni::parse_network_list);
  parse(cni::parse_single_network);
  read_cache(text);
  return 0;
}
