# How every folder declares its one target. A folder's target holds all of its *.cc files but main.cc.

find_program(HEARTH_CCACHE ccache)
if(HEARTH_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${HEARTH_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${HEARTH_CCACHE})
endif()

# Heavy translation units take half a gigabyte each at link time: one link at a time.
set_property(GLOBAL APPEND PROPERTY JOB_POOLS hearth_link=1)
set(CMAKE_JOB_POOL_LINK hearth_link)

add_library(hearth_warnings INTERFACE)
target_compile_options(hearth_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wimplicit-fallthrough -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these for code inside the standard library, and the last for guards on the stack.
  target_compile_options(hearth_warnings INTERFACE
    -Wno-restrict -Wno-maybe-uninitialized -Wno-dangling-pointer -Wno-stringop-overflow -Wno-array-bounds)
endif()

if(HEARTH_SANITIZER MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # It says that a fence is not modelled; what ours order is atomic by itself.
  target_compile_options(hearth_warnings INTERFACE -Wno-tsan)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-g1 -fstack-protector-strong)
  add_compile_definitions(_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro,-z,now)
else()
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()
if(HEARTH_SANITIZER)
  add_compile_options(-fsanitize=${HEARTH_SANITIZER} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${HEARTH_SANITIZER})
  if(HEARTH_SANITIZER MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
if(HEARTH_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
    -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=address,undefined)
endif()
find_program(HEARTH_LLD ld.lld)
if(HEARTH_LLD)
  add_link_options(-fuse-ld=lld)
endif()

# hearth_library(NAME DEPS target... [PRIVATE target...])
function(hearth_library name)
  cmake_parse_arguments(ARG "" "" "DEPS;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(sources)
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
    target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE} hearth_warnings)
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
    target_link_libraries(${name} INTERFACE ${ARG_DEPS})
  endif()
endfunction()

# hearth_program(NAME OUTPUT file-name DEPS target... [STATIC]): main.cc of this folder.
function(hearth_program name)
  cmake_parse_arguments(ARG "STATIC" "OUTPUT" "DEPS" ${ARGN})
  add_executable(${name} main.cc)
  set_target_properties(${name} PROPERTIES OUTPUT_NAME ${ARG_OUTPUT})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} hearth_warnings)
  if(ARG_STATIC AND NOT HEARTH_SANITIZER)
    set_target_properties(${name} PROPERTIES HEARTH_STATIC ON POSITION_INDEPENDENT_CODE OFF)
    target_link_options(${name} PRIVATE -static -no-pie -Wl,--gc-sections)
  endif()
endfunction()

# hearth_test(NAME DIR folder-below-tests DEPS target... [LABELS label...]): one test program a folder.
function(hearth_test name)
  cmake_parse_arguments(ARG "" "DIR" "DEPS;LABELS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${ARG_DIR}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} hearth_catch_main rapidcheck rapidcheck_catch
    hearth_warnings)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 300)
endfunction()
