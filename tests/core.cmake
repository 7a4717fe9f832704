# Fakes that every component's tests may use, and the tests of core (model's are in core_model.cmake
# where its owner keeps them).
file(GLOB fakes CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fakes/*.cc)
add_library(hearth_fakes STATIC ${fakes})
target_link_libraries(hearth_fakes PUBLIC core_net PRIVATE hearth_warnings)

hearth_test(core_base_test DIR unit/core/base DEPS core_base)
hearth_test(core_http_test DIR unit/core/http DEPS core_http)
hearth_test(core_log_test DIR unit/core/log DEPS core_log hearth_fakes)
hearth_test(core_metrics_test DIR unit/core/metrics DEPS core_metrics)
hearth_test(core_net_test DIR unit/core/net DEPS core_net hearth_fakes)
# An HTTP/2 peer on the library alone, apart because few tests need it.
add_library(hearth_h2_fakes STATIC ${CMAKE_CURRENT_SOURCE_DIR}/fakes/h2/h2_client.cc)
target_link_libraries(hearth_h2_fakes PUBLIC hearth_fakes PRIVATE hearth_nghttp2 hearth_warnings)
hearth_test(core_h2_test DIR unit/core/h2 DEPS core_h2 hearth_h2_fakes)
file(GLOB tls_fakes CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fakes/tls/*.cc)
add_library(hearth_tls_fakes STATIC ${tls_fakes})
target_link_libraries(hearth_tls_fakes PUBLIC core_tls PRIVATE OpenSSL::SSL hearth_warnings)
hearth_test(core_tls_test DIR unit/core/tls DEPS core_tls hearth_fakes hearth_tls_fakes OpenSSL::SSL)
hearth_test(fakes_test DIR unit/fakes DEPS core_net hearth_fakes)
hearth_test(core_property_test DIR property/core DEPS core_net hearth_fakes LABELS property)

find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME lint_layering
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/lint/check_layering.py ${CMAKE_SOURCE_DIR})
add_test(NAME lint_layering_test
  COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_SOURCE_DIR}/tests/lint/check_layering_test.py)
set_tests_properties(lint_layering lint_layering_test PROPERTIES LABELS lint TIMEOUT 60)

if(NOT HEARTH_FUZZ)
  add_subdirectory(${CMAKE_CURRENT_SOURCE_DIR}/fuzz)
endif()
