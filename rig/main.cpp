// netrig: what the datapaths of containers cost, and what steering buys.
#include "base/log.h"
#include "rig/commands.h"

namespace {

int run(int argc, char** argv) {
  using namespace linnet;
  CLI::App app("Measures what container networks cost, in namespaces of its own.", "netrig");
  app.require_subcommand(1);
  rig::add_run(app);
  rig::add_selftest(app);
  rig::add_steering(app);
  rig::add_compare(app);
  rig::add_report(app);
  rig::add_stat(app);
  rig::add_setup(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
}

}  // namespace

int main(int argc, char** argv) {
  linnet::set_log_name("netrig");
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    linnet::log_warning(error.what());
    return 1;
  }
}
