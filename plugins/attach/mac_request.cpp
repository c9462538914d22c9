#include "plugins/attach/mac_request.h"

#include <array>

#include "base/text.h"
#include "libcni/error.h"

namespace linnet::attach {

namespace {

std::optional<std::string> text_at(const cni::Json& conf, std::string_view outer,
                                   std::string_view inner, std::string_view source) {
  const cni::Json* object = cni::find_key(conf, outer);
  const cni::Json* value = object != nullptr ? cni::find_key(*object, inner) : nullptr;
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->is_string()) {
    throw cni::Error(cni::Code::kInvalidNetworkConfig,
                     concat(source, ": expected a string, got ", cni::dump(*value)));
  }
  return value->get<std::string>();
}

}  // namespace

MacAddress parse_mac(std::string_view source, std::string_view text, cni::Code code) {
  const std::optional<MacAddress> mac = MacAddress::parse(text);
  if (!mac || mac->is_multicast() || mac->is_zero()) {
    throw cni::Error(code, concat(source, ": ", linnet::quoted(text),
                                  " is no unicast Ethernet address (expected six hexadecimal pairs "
                                  "such as 02:11:22:33:44:55)"));
  }
  return *mac;
}

std::optional<MacAddress> requested_mac(const cni::Request& request, const cni::NetConf& conf) {
  constexpr std::array<std::string_view, 1> kKnown = {"MAC"};
  const auto arguments = cni::known_args(request.args, kKnown);
  if (const auto mac = text_at(conf.json, "runtimeConfig", "mac", "\"runtimeConfig.mac\"");
      mac && !mac->empty()) {
    return parse_mac("\"runtimeConfig.mac\"", *mac, cni::Code::kInvalidNetworkConfig);
  }
  if (const cni::Json* args = cni::find_key(conf.json, "args")) {
    if (const auto mac = text_at(*args, "cni", "mac", "\"args.cni.mac\""); mac && !mac->empty()) {
      return parse_mac("\"args.cni.mac\"", *mac, cni::Code::kInvalidNetworkConfig);
    }
  }
  if (const auto found = arguments.find("MAC"); found != arguments.end()) {
    return parse_mac("CNI_ARGS: MAC", found->second, cni::Code::kInvalidEnvironment);
  }
  return std::nullopt;
}

}  // namespace linnet::attach
