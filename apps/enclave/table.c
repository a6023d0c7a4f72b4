/*
 * table.c - see table.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "table.h"

#include "text.h"

#include <assert.h>

/* No padding beyond this: a wild cell shifts its own row only. */
#define WIDTH_MAX 64

static void print_row(FILE *file, const char *const *cells, const size_t *widths, size_t columns)
{
    for (size_t c = 0; c < columns; c++) {
        size_t used = text_print(file, cells[c]);
        if (c + 1 < columns) {
            fprintf(file, "%*s", (int)(used < widths[c] ? widths[c] - used : 0) + 2, "");
        }
    }
    putc('\n', file);
}

static void widen(size_t *widths, const char *const *cells, size_t columns)
{
    for (size_t c = 0; c < columns; c++) {
        size_t width = text_width(cells[c]);
        width = width < WIDTH_MAX ? width : WIDTH_MAX;
        widths[c] = width > widths[c] ? width : widths[c];
    }
}

void table_print(FILE *file, const char *const *headings, size_t columns, size_t rows,
                 table_row row, void *ctx)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    const char *cells[TABLE_COLUMNS_MAX] = {NULL};

    assert(columns <= TABLE_COLUMNS_MAX);
    widen(widths, headings, columns);
    for (size_t r = 0; r < rows; r++) {
        row(ctx, r, cells);
        widen(widths, cells, columns);
    }
    print_row(file, headings, widths, columns);
    for (size_t r = 0; r < rows; r++) {
        row(ctx, r, cells);
        print_row(file, cells, widths, columns);
    }
}
