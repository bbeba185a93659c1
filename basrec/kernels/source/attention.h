// Attention within one sequence and one head, forward and backward.
//
// A row of qkv holds queries, keys and values of all heads side by side. The first `padded` rows of a
// sequence see all of its rows, the others see the rows from there up to themselves.
#pragma once

#include "matrix.h"

#include <vector>

// Where no column is looked at; lower than any score.
constexpr float LOWEST = -1e30f;

// The columns [low, high) that row i looks at, and the whole vectors [begin, end) around them.
struct Range {
    int32_t low, high;
    int64_t begin, end;
    Range(int64_t i, int64_t count, int64_t padded)
        : low(i < padded ? 0 : padded), high(i < padded ? count : i + 1), begin(low / WIDTH * WIDTH),
          end((high + WIDTH - 1) / WIDTH * WIDTH) {}
    Whole holds(int64_t j) const {
        const Whole place = STEPS + static_cast<int32_t>(j);
        return (place >= low) & (place < high);
    }
};

// One sequence: where its rows begin, how many they are, how many of them count as padding, and how
// many of the first are not asked for: they are seen by others, but see nothing themselves.
struct Sequence {
    int64_t begin, count, padded, skipped;
    int64_t asked() const { return count - skipped; }
};

struct Attention {
    int64_t heads, size, longest, stride;
    float scale;
    Dropout dropout;
    std::vector<float> turned, scores, other;

    // `size` is that of one head; `longest` the longest sequence. Dropped columns are told by the stride.
    Attention(int64_t heads, int64_t size, int64_t longest, Dropout dropout)
        : heads(heads), size(size), longest(longest), stride((longest + WIDEST - 1) / WIDEST * WIDEST),
          scale(1.0f / std::sqrt(static_cast<float>(size))), dropout(dropout),
          turned(size * stride), scores(longest * stride), other(longest * stride) {}

    // The first of the numbers that decide over a row's dropped columns.
    uint32_t first(int64_t row, int64_t head) const {
        return static_cast<uint32_t>((row * heads + head) * stride);
    }

    // out(asked, count) = rows(asked, size) others(count, size)^T. Columns beyond hold anything.
    void compare(int64_t asked, int64_t count, const float *rows, int64_t row, const float *others,
                 int64_t width, float *out) {
        for (int64_t j = 0; j < count; j++)
            for (int64_t d = 0; d < size; d++) turned[d * stride + j] = others[j * width + d];
        const int64_t whole = (count + WIDTH - 1) / WIDTH * WIDTH;
        multiply(asked, size, whole, rows, row, 1, turned.data(), stride, out, stride);
    }

    // qkv begins at the sequence's first row, out and totals at its first that is asked for; totals
    // holds the logarithm of each row's sum of exponentials.
    void forward(const Sequence &sequence, const float *qkv, float *out, float *totals) {
        const int64_t count = sequence.count, columns = heads * size, width = 3 * columns;
        const int64_t asked = sequence.asked(), skipped = sequence.skipped;
        for (int64_t h = 0; h < heads; h++) {
            const float *query = qkv + h * size, *key = query + columns, *value = key + columns;
            compare(asked, count, query + skipped * width, width, key, width, scores.data());
            for (int64_t i = 0; i < asked; i++) {
                const Range seen(skipped + i, count, sequence.padded);
                float *row = scores.data() + i * stride;
                Lanes most = every(LOWEST), sum = every(0.0f);
                for (int64_t j = seen.begin; j < seen.end; j += WIDTH) {
                    const Lanes score = seen.holds(j) ? load(row + j) : every(LOWEST);
                    most = score > most ? score : most;
                }
                const float top = highest(most);
                for (int64_t j = seen.begin; j < seen.end; j += WIDTH) {
                    const Lanes power = exponential((load(row + j) - top) * scale);
                    const Lanes kept = seen.holds(j) ? power : every(0.0f);
                    store(row + j, kept);
                    sum += kept;
                }
                const float whole = total(sum), share = 1.0f / whole;
                totals[i * heads + h] = top * scale + std::log(whole);
                const uint32_t place = first(sequence.begin + skipped + i, h);
                for (int64_t j = 0; j < seen.begin; j += WIDTH) store(row + j, every(0.0f));
                for (int64_t j = seen.begin; j < seen.end; j += WIDTH)
                    store(row + j, load(row + j) * share * dropout.factors(place + j));
                for (int64_t j = seen.end; j < count; j += WIDTH) store(row + j, every(0.0f));
            }
            multiply(asked, count, size, scores.data(), stride, 1, value, width, out + h * size,
                     columns);
        }
    }

    // `above` is the slope of `out`, `result` that of qkv, from the sequence's first row on.
    void backward(const Sequence &sequence, const float *qkv, const float *out, const float *totals,
                  const float *above, float *result) {
        const int64_t count = sequence.count, columns = heads * size, width = 3 * columns;
        const int64_t asked = sequence.asked(), skipped = sequence.skipped;
        for (int64_t h = 0; h < heads; h++) {
            const float *query = qkv + h * size, *key = query + columns, *value = key + columns;
            const float *slope = above + h * size;
            float *to_query = result + h * size, *to_key = to_query + columns;
            compare(asked, count, query + skipped * width, width, key, width, scores.data());
            compare(asked, count, slope, columns, value, width, other.data());
            for (int64_t i = 0; i < skipped; i++) std::fill_n(to_query + i * width, size, 0.0f);
            for (int64_t i = 0; i < asked; i++) {
                const Range seen(skipped + i, count, sequence.padded);
                float *row = scores.data() + i * stride, *slopes = other.data() + i * stride;
                float mean = 0.0f;
                const float *mine = slope + i * columns, *made = out + h * size + i * columns;
#pragma omp simd reduction(+ : mean)
                for (int64_t d = 0; d < size; d++) mean += mine[d] * made[d];
                const float whole = totals[i * heads + h];
                const uint32_t place = first(sequence.begin + skipped + i, h);
                // row becomes the dropped probabilities, slopes the slope of the scores
                for (int64_t j = 0; j < count; j += WIDTH) {
                    if (j < seen.begin || j >= seen.end) {
                        store(row + j, every(0.0f));
                        store(slopes + j, every(0.0f));
                        continue;
                    }
                    const auto held = seen.holds(j);
                    const Lanes share = exponential(load(row + j) * scale - whole);
                    const Lanes kept = dropout.factors(place + j);
                    const Lanes down = share * (kept * load(slopes + j) - mean) * scale;
                    store(row + j, held ? share * kept : every(0.0f));
                    store(slopes + j, held ? down : every(0.0f));
                }
            }
            multiply(asked, count, size, other.data(), stride, 1, key, width,
                     to_query + skipped * width, width);
            multiply(count, asked, size, other.data(), 1, stride, query + skipped * width, width,
                     to_key, width);
            multiply(count, asked, size, scores.data(), 1, stride, slope, columns, to_key + columns,
                     width);
        }
    }
};
