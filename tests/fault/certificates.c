/*
 * certificates.c - see certificates.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "certificates.h"

#include "program.h"

#include <stdint.h>
#include <stdio.h>

/* One shell script, of our own words and a folder that mkdtemp named: openssl wants many calls. */
static const char script[] =
    "set -e; cd \"$1\"; mkdir server client stranger\n"
    "key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch'\n"
    "authority() {\n"
    "    openssl req -x509 $key -days 2 -subj \"/CN=$1\" -keyout $1-key.pem -out $1.pem\n"
    "}\n"
    "certificate() { # FOLDER AUTHORITY EXTENSIONS\n"
    "    openssl req $key -subj \"/CN=$1\" -keyout $1/key.pem -out $1/request.pem\n"
    "    echo \"$3\" >$1/extensions\n"
    "    openssl x509 -req -days 2 -in $1/request.pem -CA $2.pem -CAkey $2-key.pem \\\n"
    "        -CAcreateserial -extfile $1/extensions -out $1/cert.pem\n"
    "    cp $2.pem $1/ca.pem\n"
    "}\n"
    "authority ours; authority other\n"
    "certificate server ours 'subjectAltName=IP:127.0.0.1'\n"
    "certificate client ours extendedKeyUsage=clientAuth\n"
    "certificate stranger other extendedKeyUsage=clientAuth\n";

int certificates_make(const char *dir)
{
    char log[128];
    char *argv[] = {(char[]){"sh"},     (char[]){"-c"},         (char *)(uintptr_t)script,
                    (char[]){"script"}, (char *)(uintptr_t)dir, NULL};

    (void)snprintf(log, sizeof log, "%s/openssl.log", dir);
    return program_run(argv, log) == 0 ? 0 : -1;
}
