// The results of successful ADDs on disk, from which DEL, CHECK and GC learn what was attached.
// Place and format are the reference library's, so that either reads what the other wrote:
// <folder>/results/<network>-<container id>-<ifname>, JSON of kind "cniCacheV1".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libcni/json.h"

namespace linnet::cni {

struct CachedAttachment {
  std::string network = {};
  std::string container_id = {};
  std::string ifname = {};
  std::string netns = {};   // path, empty when it was not known
  std::string config = {};  // text of the network list; empty in legacy content
  std::vector<std::pair<std::string, std::string>> args = {};
  Json capability_args = Json::object();
  Json result = {};  // as the last plugin printed it; null when there is none
};

class ResultCache {
 public:
  // `folder` is made when something is saved (mode 0700).
  explicit ResultCache(std::string folder) : folder_(std::move(folder)) {}

  // Replaces the attachment's file (mode 0600) in one step: a reader sees the old or the new one.
  // Throws SystemError, and Error(kInvalidEnvironment) when the names make no file name.
  void save(const CachedAttachment& attachment) const;
  // With capability arguments and result as JSON text, instead of those of `attachment`; empty: none.
  void save(const CachedAttachment& attachment, const MemberTexts& capability_args,
            std::string_view result) const;

  // Absent when there is none. A bare result, as older libraries wrote it, has only the names it
  // was asked for and a result. A file that names another attachment is not this one's: network
  // "a-b" and container "c" share their file name with network "a" and container "b-c". Throws
  // SystemError, and Error(kDecodingFailure) for a file that is no such content.
  [[nodiscard]] std::optional<CachedAttachment> find(std::string_view network,
                                                     std::string_view container_id,
                                                     std::string_view ifname) const;

  // Leaves the file of another attachment alone; removes one that cannot be read. Throws
  // SystemError.
  void remove_if_present(std::string_view network, std::string_view container_id,
                         std::string_view ifname) const;

  struct Listing {
    std::vector<CachedAttachment> attachments;  // sorted by file name
    std::vector<std::string> problems;          // one sentence a file that cannot be used
  };
  // All attachments. Bare results are left out, since a file name does not tell where one name in
  // it ends. Throws SystemError when the folder cannot be read; a missing one is empty.
  [[nodiscard]] Listing list() const;

  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  [[nodiscard]] std::string path_of(std::string_view network, std::string_view container_id,
                                    std::string_view ifname) const;
  std::string folder_;
};

}  // namespace linnet::cni
