# Debian 12's packages, as targets. Their headers are system headers: our warnings do not apply.

find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC REQUIRED)
find_package(absl REQUIRED)
find_package(cpprestsdk REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(ZLIB REQUIRED)
find_library(HEARTH_LIBARCHIVE archive REQUIRED)

# Abseil's Status. A program marked HEARTH_STATIC takes the archives, every other the shared
# libraries that gRPC brings along as well, so that no process holds two copies.
set(_absl_static
  absl_status absl_cord absl_cordz_info absl_cord_internal absl_cordz_functions
  absl_exponential_biased absl_cordz_handle absl_crc_cord_state absl_synchronization
  absl_graphcycles_internal absl_time absl_time_zone absl_civil_time absl_stacktrace absl_symbolize
  absl_debugging_internal absl_demangle_internal absl_malloc_internal absl_str_format_internal
  absl_strerror absl_strings absl_strings_internal absl_int128 absl_throw_delegate absl_base
  absl_spinlock_wait absl_raw_logging_internal absl_log_severity absl_bad_optional_access
  absl_bad_variant_access absl_statusor)
set(_absl_archives)
foreach(lib IN LISTS _absl_static)
  find_library(HEARTH_${lib}_ARCHIVE NAMES lib${lib}.a)
  if(HEARTH_${lib}_ARCHIVE)
    list(APPEND _absl_archives ${HEARTH_${lib}_ARCHIVE})
  endif()
endforeach()
add_library(hearth_absl INTERFACE)
set(_static "$<BOOL:$<TARGET_PROPERTY:HEARTH_STATIC>>")
target_link_libraries(hearth_absl INTERFACE "$<$<NOT:${_static}>:absl::statusor>")
target_link_libraries(hearth_absl INTERFACE "$<${_static}:-Wl$<COMMA>--start-group>")
foreach(archive IN LISTS _absl_archives)
  target_link_libraries(hearth_absl INTERFACE "$<${_static}:${archive}>")
endforeach()
target_link_libraries(hearth_absl INTERFACE "$<${_static}:-Wl$<COMMA>--end-group>")

# HTTP/2 framing. The archive for static programs, as for Abseil.
find_library(HEARTH_NGHTTP2 nghttp2 REQUIRED)
find_library(HEARTH_NGHTTP2_ARCHIVE NAMES libnghttp2.a REQUIRED)
add_library(hearth_nghttp2 INTERFACE)
target_link_libraries(hearth_nghttp2 INTERFACE
  "$<IF:${_static},${HEARTH_NGHTTP2_ARCHIVE},${HEARTH_NGHTTP2}>")

add_library(hearth_json INTERFACE)  # nlohmann-json is header only, in the default include path

if(HEARTH_TESTS)
  find_package(Catch2 REQUIRED)
  find_package(rapidcheck REQUIRED)
endif()
