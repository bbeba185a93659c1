// Products of small matrices whose operands lie in the caches.
#pragma once

#include "lanes.h"

// sums(Rows, Columns * WIDTH) += rows(Rows, k) b(k, ...), in registers; `step` lies between the numbers
// of a row. Each sum is the same chain of additions wherever it stands.
template <int Rows, int Columns>
inline void accumulate(int64_t k, const float *const *rows, int64_t step, const float *b,
                       int64_t b_row, Lanes (&sums)[Rows][Columns]) {
    for (int64_t x = 0; x < k; x++) {
        Lanes line[Columns];
#pragma GCC unroll 8
        for (int y = 0; y < Columns; y++) line[y] = load(b + x * b_row + y * WIDTH);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; r++) {
            const Lanes value = every(rows[r][x * step]);
#pragma GCC unroll 8
            for (int y = 0; y < Columns; y++) sums[r][y] = multiply_add(value, line[y], sums[r][y]);
        }
    }
}

// What a product is added to: nothing, a row that all its rows share, or what is there.
enum class Start { nothing, row, there };

// `Rows` rows and `Columns` * WIDTH columns of the product below.
template <int Rows, int Columns, Start start>
inline void multiply_tile(int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                          int64_t b_row, float *c, int64_t c_row, const float *row) {
    const float *rows[Rows];
    Lanes sums[Rows][Columns];
#pragma GCC unroll 8
    for (int r = 0; r < Rows; r++) {
        rows[r] = a + r * a_row;
#pragma GCC unroll 8
        for (int y = 0; y < Columns; y++)
            sums[r][y] = start == Start::nothing ? every(0.0f)
                         : start == Start::row   ? load(row + y * WIDTH)
                                                 : load(c + r * c_row + y * WIDTH);
    }
    accumulate<Rows, Columns>(k, rows, a_column, b, b_row, sums);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; r++)
#pragma GCC unroll 8
        for (int y = 0; y < Columns; y++) store(c + r * c_row + y * WIDTH, sums[r][y]);
}

// All rows of it, tiles of fewer rows where some are left.
template <int Columns, Start start, int Rows = TILE_ROWS>
inline void multiply_columns(int64_t m, int64_t k, const float *a, int64_t a_row, int64_t a_column,
                             const float *b, int64_t b_row, float *c, int64_t c_row,
                             const float *row) {
    int64_t i = 0;
    for (; i + Rows <= m; i += Rows)
        multiply_tile<Rows, Columns, start>(k, a + i * a_row, a_row, a_column, b, b_row,
                                            c + i * c_row, c_row, row);
    if constexpr (Rows > 1)
        if (i < m)
            multiply_columns<Columns, start, Rows - 1>(m - i, k, a + i * a_row, a_row, a_column, b,
                                                       b_row, c + i * c_row, c_row, row);
}

// c(m, w) = a(m, k) b(k, w) + start; rows of b and c are contiguous, a has any strides.
template <Start start = Start::nothing>
inline void multiply(int64_t m, int64_t k, int64_t w, const float *a, int64_t a_row, int64_t a_column,
                     const float *b, int64_t b_row, float *c, int64_t c_row,
                     const float *row = nullptr) {
    int64_t j = 0;
    if constexpr (TILE_COLUMNS >= 4)
        for (; j + 4 * WIDTH <= w; j += 4 * WIDTH)
            multiply_columns<4, start>(m, k, a, a_row, a_column, b + j, b_row, c + j, c_row, row + j);
    for (; j + 2 * WIDTH <= w; j += 2 * WIDTH)
        multiply_columns<2, start>(m, k, a, a_row, a_column, b + j, b_row, c + j, c_row, row + j);
    for (; j + WIDTH <= w; j += WIDTH)
        multiply_columns<1, start>(m, k, a, a_row, a_column, b + j, b_row, c + j, c_row, row + j);
    for (; j < w; j++)
        for (int64_t i = 0; i < m; i++) {
            float sum = start == Start::nothing ? 0.0f : start == Start::row ? row[j] : c[i * c_row + j];
            for (int64_t x = 0; x < k; x++) sum += a[i * a_row + x * a_column] * b[x * b_row + j];
            c[i * c_row + j] = sum;
        }
}

// out[d] += the sum of column d of rows(m, w).
inline void add_columns(int64_t m, int64_t w, const float *rows, float *out) {
    for (int64_t i = 0; i < m; i++)
#pragma omp simd
        for (int64_t d = 0; d < w; d++) out[d] += rows[i * w + d];
}
