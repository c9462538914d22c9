#include "libcni/exec.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

namespace linnet::cni {

namespace {

std::string base_name(std::string_view path) {
  const std::size_t slash = path.find_last_of('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

void forward_to_stderr(const std::string& text) {
  // Nobody can be told that stderr cannot be written.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

// The error that a failed plugin printed, or the best that can be said when it printed none.
Error error_of(const PluginOutput& output) {
  const std::string_view printed = trim(output.standard_output);
  const std::string_view logged = trim(output.standard_error);
  if (printed.empty()) {
    return {Code::kInternal, logged.empty()
                                 ? concat("netplugin failed with no error message (exit code ",
                                          output.exit_code, ")")
                                 : concat("netplugin failed: ", logged)};
  }
  try {
    const Json json = parse_json(printed, "error object");
    ObjectReader reader(json, "", Code::kDecodingFailure);
    const auto code = reader.integer("code", 0, INT32_MAX);
    std::string message = reader.text("msg").value_or("");
    if (message.empty()) {
      message = concat("netplugin failed: ", logged.empty() ? "no error message" : logged);
    }
    return {static_cast<int>(code.value_or(static_cast<int>(Code::kInternal))), message,
            reader.text("details").value_or("")};
  } catch (const Error& error) {
    return {Code::kInternal, concat("netplugin failed but error parsing its diagnostic message ",
                                    linnet::quoted(printed), ": ", error.message())};
  }
}

}  // namespace

std::string find_plugin(std::string_view type, std::span<const std::string> path) {
  if (const std::string problem = problem_with_plugin_type(type); !problem.empty()) {
    throw Error(Code::kInvalidNetworkConfig, concat("\"type\": ", problem));
  }
  for (const std::string& folder : path) {
    std::string candidate = concat(folder, '/', type);
    struct stat status {};
    if (::stat(candidate.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      return candidate;
    }
  }
  throw Error(Code::kInvalidEnvironment,
              concat("find plugin ", linnet::quoted(type), " in path [", join(path, " "),
                     "]: no such file"),
              "install it in one of these folders, or add its folder to CNI_PATH");
}

void throw_if_failed(const PluginOutput& output, std::string_view executable,
                     std::string_view verb) {
  if (output.exit_code == 0) {
    if (!output.standard_error.empty()) {
      forward_to_stderr(output.standard_error);
    }
    return;
  }
  throw failure_of(base_name(executable), verb, error_of(output));
}

Error failure_of(std::string_view type, std::string_view verb, const Error& error) {
  return {error.code(),
          concat("plugin type=\"", type, "\" failed (", lower_case(verb), "): ", error.message()),
          error.details()};
}

PluginProcess Delegate::start(Verb verb) const {
  return PluginProcess::start(executable_, {{"CNI_COMMAND", std::string(verb_name(verb))}});
}

Result Delegate::finish_add(PluginProcess process, const NetConf& conf) const {
  const PluginOutput output = process.finish();
  throw_if_failed(output, executable_, verb_name(Verb::kAdd));
  const std::string what = concat("result of ", base_name(executable_));
  return parse_result(parse_json(output.standard_output, what), conf.cni_version, what);
}

void Delegate::finish(PluginProcess process, Verb verb) const {
  throw_if_failed(process.finish(), executable_, verb_name(verb));
}

void Delegate::run(Verb verb, const NetConf& conf) const {
  PluginProcess process = start(verb);
  process.give(conf.raw);
  finish(std::move(process), verb);
}

}  // namespace linnet::cni
