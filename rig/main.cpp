// netrig: what the datapaths of containers cost, and what steering buys.
#include "base/log.h"
#include "rig/commands.h"

int main(int argc, char** argv) {
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
  set_log_name("netrig");
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    log_warning(error.what());
    return 1;
  }
}
