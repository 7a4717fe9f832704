# The watchdog: pure parts, the whole application in memory, and real processes.
hearth_test(watchdog_config_test DIR unit/watchdog/config DEPS watchdog_config)
hearth_test(watchdog_event_test DIR unit/watchdog/event DEPS watchdog_event)
hearth_test(watchdog_wire_test DIR unit/watchdog/wire DEPS watchdog_wire hearth_fakes)
hearth_test(watchdog_logs_test DIR unit/watchdog/logs DEPS watchdog_logs hearth_fakes)
hearth_test(watchdog_supervise_test DIR unit/watchdog/supervise DEPS watchdog_supervise hearth_fakes)
hearth_test(watchdog_front_test DIR unit/watchdog/front DEPS watchdog_front)
hearth_test(watchdog_runtimeapi_test DIR unit/watchdog/runtimeapi DEPS watchdog_runtimeapi)
hearth_test(watchdog_modes_test DIR unit/watchdog/modes DEPS watchdog_modes)
hearth_test(watchdog_app_test DIR unit/watchdog/app DEPS watchdog_app hearth_fakes)

hearth_test(watchdog_integration_test DIR integration/watchdog DEPS watchdog_app hearth_fakes
  LABELS integration)
if(TARGET watchdog_integration_test)
  add_dependencies(watchdog_integration_test hearth_watchdog)
  target_compile_definitions(watchdog_integration_test PRIVATE
    HEARTH_WATCHDOG="$<TARGET_FILE:hearth_watchdog>")
endif()
