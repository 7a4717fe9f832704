# find_package(hearth REQUIRED); target_link_libraries(bootstrap PRIVATE hearth::hearth)
if(NOT TARGET hearth::hearth)
  find_package(Threads REQUIRED)
  get_filename_component(_hearth_include "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
  add_library(hearth::hearth INTERFACE IMPORTED)
  set_target_properties(hearth::hearth PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${_hearth_include}"
    INTERFACE_COMPILE_FEATURES cxx_std_17
    INTERFACE_LINK_LIBRARIES Threads::Threads)
  unset(_hearth_include)
endif()
