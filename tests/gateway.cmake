# A controller played by a test, over real gRPC.
add_library(hearth_fake_controller STATIC
  ${CMAKE_CURRENT_SOURCE_DIR}/fakes/fleet/fake_controller.cc)
target_include_directories(hearth_fake_controller PUBLIC ${CMAKE_SOURCE_DIR})
target_link_libraries(hearth_fake_controller PUBLIC hearth_proto PRIVATE hearth_warnings)

# The edge: what clients, operators and controllers see.
hearth_test(gateway_auth_test DIR unit/gateway/auth DEPS gateway_auth)
hearth_test(gateway_accesslog_test DIR unit/gateway/accesslog DEPS gateway_accesslog hearth_json)
hearth_test(gateway_fleet_test DIR unit/gateway/fleet DEPS gateway_fleet hearth_fake_controller)
hearth_test(gateway_api_test DIR unit/gateway/api DEPS gateway_api hearth_json)
hearth_test(gateway_trace_test DIR unit/gateway/trace DEPS gateway_trace hearth_otlp)
hearth_test(gateway_metrics_test DIR unit/gateway/metrics DEPS gateway_metrics)
hearth_test(gateway_admin_test DIR unit/gateway/admin DEPS gateway_admin hearth_fakes hearth_json)
hearth_test(gateway_handover_test DIR unit/gateway/handover DEPS gateway_handover)
hearth_test(gateway_app_test DIR unit/gateway/app DEPS gateway_app hearth_json)
hearth_test(gateway_integration_test DIR integration/gateway DEPS gateway_app
  hearth_fake_controller hearth_json LABELS integration)
target_compile_definitions(gateway_integration_test PRIVATE
  HEARTH_GATEWAY_PROGRAM="$<TARGET_FILE:hearth_gateway>")
add_dependencies(gateway_integration_test hearth_gateway)

# The data path, lowest first.
hearth_test(gateway_queue_test DIR unit/gateway/queue DEPS gateway_queue)
hearth_test(gateway_balance_test DIR unit/gateway/balance DEPS gateway_balance)
hearth_test(gateway_route_test DIR unit/gateway/route DEPS gateway_route gateway_fleet hearth_fakes
  hearth_proto)
hearth_test(gateway_proxy_test DIR unit/gateway/proxy DEPS gateway_proxy gateway_metrics
  hearth_fakes hearth_h2_fakes hearth_tls_fakes)
# A program of its own, because it counts what `new` is asked for.
hearth_test(gateway_allocations_test DIR integration/allocations DEPS gateway_app LABELS integration)
hearth_test(gateway_data_path_test DIR integration/data_path DEPS gateway_proxy hearth_proto
  LABELS integration)
