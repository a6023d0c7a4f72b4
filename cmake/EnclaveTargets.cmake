# Functions by which the folders declare their targets, and the flags that all of them share.

# What the warnings are; errors in CI.
add_library(enclave_flags INTERFACE)
target_compile_definitions(enclave_flags INTERFACE _GNU_SOURCE)
target_compile_options(enclave_flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wformat=2 -Wswitch-enum -Wno-missing-field-initializers)
if(ENCLAVE_WERROR)
    target_compile_options(enclave_flags INTERFACE -Werror)
endif()
if(ENCLAVE_SANITIZE)
    target_compile_options(enclave_flags INTERFACE
        -fsanitize=${ENCLAVE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(enclave_flags INTERFACE -fsanitize=${ENCLAVE_SANITIZE})
else()
    target_compile_definitions(enclave_flags INTERFACE $<$<CONFIG:Release,RelWithDebInfo>:_FORTIFY_SOURCE=2>)
    target_compile_options(enclave_flags INTERFACE -fstack-protector-strong)
    target_link_options(enclave_flags INTERFACE -Wl,-z,relro,-z,now)
endif()

# The public headers.
add_library(enclave_headers INTERFACE)
target_include_directories(enclave_headers INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# enclave_add_plugin(KIND NAME SOURCES... [LIBRARIES...]): the plugin lib/enclave/KIND-NAME.so.
function(enclave_add_plugin kind name)
    cmake_parse_arguments(PLUGIN "" "" "SOURCES;LIBRARIES" ${ARGN})
    set(target ${kind}_${name})
    add_library(${target} MODULE ${PLUGIN_SOURCES})
    target_link_libraries(${target} PRIVATE enclave_flags enclave_headers ${PLUGIN_LIBRARIES})
    target_link_options(${target} PRIVATE
        -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/plugin.map -Wl,--no-undefined)
    if(ENCLAVE_SANITIZE) # the sanitizers' symbols come from the program
        target_link_options(${target} PRIVATE -Wl,-z,undefs)
    endif()
    set_target_properties(${target} PROPERTIES
        PREFIX "" OUTPUT_NAME ${kind}-${name}
        LIBRARY_OUTPUT_DIRECTORY ${ENCLAVE_PLUGIN_OUTPUT_DIRECTORY}
        LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/plugin.map)
    install(TARGETS ${target} LIBRARY DESTINATION ${ENCLAVE_PLUGIN_INSTALL_DIR})
endfunction()

# enclave_install_program(TARGET): in bin/, where it finds the library wherever the two are installed.
function(enclave_install_program target)
    file(RELATIVE_PATH up ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
    set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/${up}")
    install(TARGETS ${target} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# enclave_add_internal_library(NAME SOURCES... [LIBRARIES...]): a static library shared by plugins or tests.
function(enclave_add_internal_library name)
    cmake_parse_arguments(LIB "" "" "SOURCES;LIBRARIES" ${ARGN})
    add_library(${name} STATIC ${LIB_SOURCES})
    target_link_libraries(${name} PUBLIC enclave_headers ${LIB_LIBRARIES} PRIVATE enclave_flags)
    target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
endfunction()

# musl makes static programs a tenth of what they are with glibc.
find_program(ENCLAVE_MUSL_GCC musl-gcc DOC "Compiler for static programs")
mark_as_advanced(ENCLAVE_MUSL_GCC)

# enclave_add_static_program(NAME SOURCES... [HEADERS...] [INCLUDES...]): a program that lies beside the plugins. Never
# built with sanitizers, so it has a command of its own and not an executable's flags.
function(enclave_add_static_program name)
    cmake_parse_arguments(PROGRAM "" "" "SOURCES;HEADERS;INCLUDES" ${ARGN})
    set(compiler ${CMAKE_C_COMPILER})
    if(ENCLAVE_MUSL_GCC)
        set(compiler ${ENCLAVE_MUSL_GCC})
    endif()
    set(flags -std=gnu17 -D_GNU_SOURCE -O2 -static -fstack-protector-strong -Wall -Wextra -Wshadow
        -Wstrict-prototypes -Wformat=2 -Wswitch-enum -Wno-missing-field-initializers -Wl,-s)
    if(ENCLAVE_WERROR)
        list(APPEND flags -Werror)
    endif()
    list(TRANSFORM PROGRAM_INCLUDES PREPEND -I)
    set(program ${ENCLAVE_PLUGIN_OUTPUT_DIRECTORY}/${name})
    add_custom_command(OUTPUT ${program}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${ENCLAVE_PLUGIN_OUTPUT_DIRECTORY}
        COMMAND ${compiler} ${flags} ${PROGRAM_INCLUDES} ${PROGRAM_SOURCES} -o ${program}
        DEPENDS ${PROGRAM_SOURCES} ${PROGRAM_HEADERS}
        COMMENT "Building ${name}" VERBATIM)
    string(REPLACE "-" "_" target ${name})
    add_custom_target(${target} ALL DEPENDS ${program})
    install(PROGRAMS ${program} DESTINATION ${ENCLAVE_PLUGIN_INSTALL_DIR})
endfunction()

# enclave_add_test(NAME SOURCES... [LIBRARIES...] [LABELS...] [TIMEOUT N] [COST N] [NO_SANITIZER | NO_TSAN]): a
# CMocka program run by ctest; not under sanitizers, or not the one for threads, where these would find
# nothing that another test does not have them look at. COST is about how many seconds it takes: the longest begin first,
# so that none of them is what the others have left to wait for; 1 unless given.
function(enclave_add_test name)
    cmake_parse_arguments(TEST "NO_SANITIZER;NO_TSAN" "TIMEOUT;COST" "SOURCES;LIBRARIES;LABELS" ${ARGN})
    if((TEST_NO_SANITIZER AND ENCLAVE_SANITIZE) OR (TEST_NO_TSAN AND ENCLAVE_SANITIZE STREQUAL "thread"))
        return()
    endif()
    add_executable(${name} ${TEST_SOURCES})
    target_link_libraries(${name} PRIVATE enclave_flags enclave_headers PkgConfig::CMOCKA ${TEST_LIBRARIES})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    add_test(NAME ${name} COMMAND ${name})
    if(NOT TEST_TIMEOUT)
        set(TEST_TIMEOUT 120)
    endif()
    set_tests_properties(${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT} LABELS "${TEST_LABELS}" SKIP_RETURN_CODE 77)
    if(TEST_COST)
        set_tests_properties(${name} PROPERTIES COST ${TEST_COST})
    endif()
endfunction()
