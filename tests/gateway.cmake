# The edge: what clients, operators and controllers see.
hearth_test(gateway_auth_test DIR unit/gateway/auth DEPS gateway_auth)
hearth_test(gateway_accesslog_test DIR unit/gateway/accesslog DEPS gateway_accesslog hearth_json)
hearth_test(gateway_fleet_test DIR unit/gateway/fleet DEPS gateway_fleet hearth_proto)
hearth_test(gateway_api_test DIR unit/gateway/api DEPS gateway_api hearth_json)
hearth_test(gateway_metrics_test DIR unit/gateway/metrics DEPS gateway_metrics)
