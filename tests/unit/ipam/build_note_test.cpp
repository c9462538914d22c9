#include "plugins/ipam/build_note.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "base/file.h"
#include "tests/support/temp_folder.h"

LINNET_IPAM_NOTE("unit-test");

namespace linnet::ipam {
namespace {

const std::string kHostLocal = LINNET_BIN_DIR "/host-local";
constexpr std::streamsize kStart = std::streamsize{64} << 10U;

TEST(BuildNote, IsInTheIpamPluginsOfThisBuildAndNamesTheirType) {
  EXPECT_TRUE(has_build_note(kHostLocal, "host-local"));
  EXPECT_TRUE(has_build_note("/proc/self/exe", "unit-test"));
  EXPECT_TRUE(has_build_note(LINNET_BIN_DIR "/static", "static"));
  EXPECT_FALSE(has_build_note(kHostLocal, "dhcp"));
  EXPECT_FALSE(has_build_note(kHostLocal, "host-loca"));
  EXPECT_FALSE(has_build_note(LINNET_BIN_DIR "/cnitool", "host-local"));
}

TEST(BuildNote, IsNotInWhatCannotBeRead) {
  EXPECT_FALSE(has_build_note("/nonexistent", "host-local"));
  EXPECT_FALSE(has_build_note("/", "host-local"));
  EXPECT_FALSE(has_build_note("/dev/null", "host-local"));
}

class ChangedPlugin : public ::testing::Test {
 protected:
  // host-local, changed by `change`, as a new file.
  template <typename Change>
  std::string changed(const Change& change) {
    // Headers and notes stand at the start; the rest is hundreds of megabytes of a debug build.
    std::string content(kStart, '\0');
    std::ifstream(kHostLocal).read(content.data(), kStart);
    change(content);
    std::string path = folder_.path() + "/host-local";
    write_file_atomically(path, content, 0755);
    return path;
  }

  test::TempFolder folder_;
};

TEST_F(ChangedPlugin, OfAnotherVersionIsNotOfThisBuild) {
  const std::string note = "host-local " LINNET_VERSION;
  EXPECT_FALSE(has_build_note(changed([&](std::string& content) {
                                const std::size_t at = content.find(note);
                                ASSERT_NE(at, std::string::npos);
                                content[at + note.size() - 1] = '~';
                              }),
                              "host-local"));
}

// Whatever an executable says about itself is read within bounds; the sanitizers watch.
TEST_F(ChangedPlugin, WithABrokenHeaderIsNotOfThisBuild) {
  const auto break_header = [&](auto member, auto value) {
    return changed([&](std::string& content) {
      Elf64_Ehdr header;
      std::memcpy(&header, content.data(), sizeof header);
      header.*member = value;
      std::memcpy(content.data(), &header, sizeof header);
    });
  };
  EXPECT_FALSE(has_build_note(break_header(&Elf64_Ehdr::e_phoff, ~Elf64_Off{0}), "host-local"));
  EXPECT_FALSE(has_build_note(break_header(&Elf64_Ehdr::e_phoff, Elf64_Off{4095}), "host-local"));
  EXPECT_FALSE(has_build_note(break_header(&Elf64_Ehdr::e_phnum, Elf64_Half{0}), "host-local"));
  EXPECT_TRUE(has_build_note(break_header(&Elf64_Ehdr::e_phnum, Elf64_Half{0xffff}), "host-local"));
}

TEST_F(ChangedPlugin, WithBrokenSegmentsIsNotOfThisBuild) {
  const auto break_segments = [&](auto member, auto value) {
    return changed([&](std::string& content) {
      Elf64_Ehdr header;
      std::memcpy(&header, content.data(), sizeof header);
      for (std::size_t i = 0; i < header.e_phnum; ++i) {
        char* const at = content.data() + header.e_phoff + i * sizeof(Elf64_Phdr);
        Elf64_Phdr segment;
        std::memcpy(&segment, at, sizeof segment);
        segment.*member = value;
        std::memcpy(at, &segment, sizeof segment);
      }
    });
  };
  EXPECT_FALSE(has_build_note(break_segments(&Elf64_Phdr::p_offset, ~Elf64_Off{0}), "host-local"));
  EXPECT_FALSE(
      has_build_note(break_segments(&Elf64_Phdr::p_filesz, ~Elf64_Xword{0}), "host-local"));
  EXPECT_FALSE(
      has_build_note(break_segments(&Elf64_Phdr::p_filesz, Elf64_Xword{13}), "host-local"));
}

TEST_F(ChangedPlugin, WithBrokenNotesIsNotOfThisBuild) {
  const auto break_note = [&](std::size_t back, std::uint32_t value) {
    return changed([&](std::string& content) {
      const std::size_t at = content.find("linnet", content.find("host-local " LINNET_VERSION) - 8);
      ASSERT_NE(at, std::string::npos);
      std::memcpy(content.data() + at - back, &value, sizeof value);
    });
  };
  constexpr std::size_t kNameSize = 12;
  constexpr std::size_t kTextSize = 8;
  EXPECT_FALSE(has_build_note(break_note(kNameSize, 0xffffffff), "host-local"));
  EXPECT_FALSE(has_build_note(break_note(kTextSize, 0xfffffff0), "host-local"));
  EXPECT_FALSE(has_build_note(break_note(kTextSize, 0), "host-local"));
}

TEST_F(ChangedPlugin, ThatIsTruncatedIsNotOfThisBuild) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{3}, std::size_t{63}, std::size_t{65}}) {
    EXPECT_FALSE(
        has_build_note(changed([&](std::string& content) { content.resize(size); }), "host-local"));
  }
}

}  // namespace
}  // namespace linnet::ipam
