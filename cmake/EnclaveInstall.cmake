# What `cmake --install` lays down besides the programs and plugins, which their folders declare: the public headers,
# libenclave, and the two ways of finding them (pkg-config and CMake). All of it can be moved as a whole.
include(CMakePackageConfigHelpers)

set_target_properties(enclave_headers PROPERTIES EXPORT_NAME headers)
install(TARGETS libenclave enclave_headers EXPORT EnclaveTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/enclave DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h" PATTERN "ABI.md")
# The documents, and what they point at, placed as in the source tree: a link works in both. The configurations are
# examples here, so that a file in use is never overwritten by an installation.
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
    DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs ${PROJECT_SOURCE_DIR}/config ${PROJECT_SOURCE_DIR}/include
    DESTINATION ${CMAKE_INSTALL_DOCDIR})
file(GLOB_RECURSE readmes RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS late/README.md plugins/README.md)
file(GLOB examples RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS
    examples/*/*.c examples/*/CMakeLists.txt examples/*/README.md) # and not what was built there
foreach(document IN LISTS readmes examples)
    get_filename_component(folder ${document} DIRECTORY)
    install(FILES ${PROJECT_SOURCE_DIR}/${document} DESTINATION ${CMAKE_INSTALL_DOCDIR}/${folder})
endforeach()

# The CMake package Enclave: targets Enclave::enclave (embedding) and Enclave::headers (plugins).
set(ENCLAVE_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Enclave)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/EnclaveConfig.cmake.in
    ${PROJECT_BINARY_DIR}/cmake/EnclaveConfig.cmake
    INSTALL_DESTINATION ${ENCLAVE_CMAKE_DIR} PATH_VARS ENCLAVE_PLUGIN_INSTALL_DIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/EnclaveConfigVersion.cmake
    COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/EnclaveConfig.cmake ${PROJECT_BINARY_DIR}/cmake/EnclaveConfigVersion.cmake
    DESTINATION ${ENCLAVE_CMAKE_DIR})
install(EXPORT EnclaveTargets NAMESPACE Enclave:: DESTINATION ${ENCLAVE_CMAKE_DIR})

# pkg-config. Folders are given relative to the .pc file's own place, unless they were chosen as absolute ones.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(ENCLAVE_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
    set(ENCLAVE_PC_LIBDIR ${CMAKE_INSTALL_LIBDIR})
else()
    file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
    string(REGEX REPLACE "/$" "" up "${up}")
    set(ENCLAVE_PC_PREFIX "\${pcfiledir}/${up}")
    set(ENCLAVE_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(ENCLAVE_PC_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR})
else()
    set(ENCLAVE_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/enclave.pc.in ${PROJECT_BINARY_DIR}/cmake/enclave.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cmake/enclave.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
