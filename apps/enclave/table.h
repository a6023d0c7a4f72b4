/*
 * table.h - rows of text under headings, each column as wide as its longest cell.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENCLAVE_APP_TABLE_H
#define ENCLAVE_APP_TABLE_H

#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 8

/* Fill in `cells` (one for each column) of a row. Strings must live until the table is printed. */
typedef void (*table_row)(void *ctx, size_t row, const char **cells);

/* Print headings and `rows` rows. The last column is not padded. */
void table_print(FILE *file, const char *const *headings, size_t columns, size_t rows,
                 table_row row, void *ctx);

#endif
