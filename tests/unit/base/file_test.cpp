#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/support/temp_folder.h"

namespace linnet {
namespace {

int code_of(auto&& step) {
  try {
    step();
  } catch (const SystemError& error) {
    return error.code();
  }
  return 0;
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

TEST(File, IsReadWholeWhateverItsSize) {
  const test::TempFolder folder;
  for (const std::size_t size : {0UL, 1UL, 4095UL, 4096UL, 4097UL, 100000UL}) {
    const std::string content(size, 'x');
    EXPECT_EQ(read_file(folder.write("f", content), 100000), content) << size;
  }
}

TEST(File, PastTheLimitIsAnErrorNotACut) {
  const test::TempFolder folder;
  const std::string path = folder.write("f", "12345");
  EXPECT_EQ(code_of([&] { (void)read_file(path, 4); }), EFBIG);
  EXPECT_EQ(read_file(path, 5), "12345");
}

TEST(File, ThatIsMissingIsAbsentOrAnErrorAsAsked) {
  const test::TempFolder folder;
  EXPECT_EQ(find_file(folder.at("none"), 10), std::nullopt);
  EXPECT_EQ(find_file(folder.write("f", "x") + "/below", 10), std::nullopt);
  EXPECT_EQ(code_of([&] { (void)read_file(folder.at("none"), 10); }), ENOENT);
}

TEST(File, BehindALinkToItselfIsAnErrorAndNotAbsent) {
  const test::TempFolder folder;
  ASSERT_EQ(::symlink("loop", folder.at("loop").c_str()), 0);
  EXPECT_EQ(code_of([&] { (void)find_file(folder.at("loop"), 10); }), ELOOP);
  EXPECT_EQ(code_of([&] { write_file_atomically(folder.at("loop/f"), "x", 0600); }), ELOOP);
  EXPECT_EQ(code_of([&] { ensure_directory(folder.at("loop/a/b"), 0755); }), ELOOP);
}

TEST(File, PlantedFifoDoesNotHangTheReader) {
  const test::TempFolder folder;
  ASSERT_EQ(::mkfifo(folder.at("fifo").c_str(), 0600), 0);
  EXPECT_EQ(find_file(folder.at("fifo"), 10), "");
}

TEST(AtomicWrite, ReplacesContentAndModeAndLeavesNothingElse) {
  const test::TempFolder folder;
  const std::string path = folder.write("f", "old");
  const mode_t before = ::umask(077);
  write_file_atomically(path, "new", 0640);
  ::umask(before);
  EXPECT_EQ(read_file(path, 10), "new");
  EXPECT_EQ(mode_of(path), 0640U);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"f"});
}

TEST(AtomicWrite, ReplacesALinkAndNotWhatItPointsTo) {
  const test::TempFolder folder;
  const std::string target = folder.write("target", "keep");
  ASSERT_EQ(::symlink(target.c_str(), folder.at("link").c_str()), 0);
  write_file_atomically(folder.at("link"), "new", 0600);
  EXPECT_EQ(read_file(target, 10), "keep");
  EXPECT_EQ(read_file(folder.at("link"), 10), "new");
}

TEST(AtomicWrite, ThatFailsLeavesTheOldFileAndNoTemporaryOne) {
  const test::TempFolder folder;
  folder.write("d/inside", "x");
  EXPECT_NE(code_of([&] { write_file_atomically(folder.at("d"), "new", 0600); }), 0);
  EXPECT_EQ(code_of([&] { write_file_atomically(folder.at("no/f"), "new", 0600); }), ENOENT);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"d"});
}

TEST(EnsureDirectory, MakesMissingParentsAndToleratesExistingOnes) {
  const test::TempFolder folder;
  ensure_directory(folder.at("a/b/c"), 0700);
  ensure_directory(folder.at("a/b/c"), 0700);
  EXPECT_EQ(mode_of(folder.at("a")), 0700U);
  EXPECT_EQ(mode_of(folder.at("a/b/c")), 0700U);
}

TEST(EnsureDirectory, BelowAFileIsAnError) {
  const test::TempFolder folder;
  folder.write("f", "x");
  EXPECT_EQ(code_of([&] { ensure_directory(folder.at("f/a"), 0700); }), ENOTDIR);
}

TEST(OpenFile, IsCloseOnExec) {
  const test::TempFolder folder;
  const UniqueFd fd = open_file(folder.write("f", "x"), O_RDONLY);
  EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(WriteAll, ReportsAFullDevice) {
  const UniqueFd full = open_file("/dev/full", O_WRONLY);
  EXPECT_EQ(code_of([&] { write_all(full.get(), "x", "/dev/full"); }), ENOSPC);
}

TEST(SystemErrorText, NamesWhatWasTriedAndStartsInLowerCase) {
  EXPECT_STREQ(SystemError(ENOENT, "open /x").what(), "open /x: no such file or directory");
  EXPECT_EQ(errno_text(100000), "errno 100000");
}

}  // namespace
}  // namespace linnet
