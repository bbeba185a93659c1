// Dropout, residual, layer norm and dropout again in one pass over rows, forward and backward.
//
// out = drop_after(weight * normed + bias), normed = (x - mean) / sqrt(variance + EPSILON),
// x = drop_before(vectors) + residual; `spread` (rows,) is 1 / sqrt(...).
#pragma once

#include "lanes.h"

constexpr float EPSILON = 1e-12f;

struct Norm {
    int64_t size;
    const float *weight, *bias;
    Dropout before, after;

    // The factors of one row, its first element being number `place` of all.
    static void fill(const Dropout &dropout, uint32_t place, int64_t size, float *out) {
        if (dropout.threshold == 0) {
            std::fill(out, out + size, 1.0f);
            return;
        }
        for (int64_t d = 0; d < size; d += WIDTH) {
            const Lanes lanes = dropout.factors(place + static_cast<uint32_t>(d));
            if (d + WIDTH <= size)
                store(out + d, lanes);
            else
                std::memcpy(out + d, &lanes, (size - d) * sizeof(float));
        }
    }

    // `row` is the number of the first row among all, from which the dropped elements follow.
    void forward(int64_t row, int64_t rows, const float *vectors, const float *residual, float *out,
                 float *normed, float *spread, float *factors) const {
        for (int64_t i = 0; i < rows; i++) {
            const float *in = vectors + i * size, *add = residual + i * size;
            float *x = normed + i * size, *result = out + i * size, mean = 0.0f, variance = 0.0f;
            const uint32_t place = static_cast<uint32_t>((row + i) * size);
            fill(before, place, size, factors);
#pragma omp simd reduction(+ : mean)
            for (int64_t d = 0; d < size; d++) {
                x[d] = in[d] * factors[d] + add[d];
                mean += x[d];
            }
            mean /= size;
#pragma omp simd reduction(+ : variance)
            for (int64_t d = 0; d < size; d++) {
                x[d] -= mean;
                variance += x[d] * x[d];
            }
            const float inverse = 1.0f / std::sqrt(variance / size + EPSILON);
            spread[i] = inverse;
            fill(after, place, size, factors);
#pragma omp simd
            for (int64_t d = 0; d < size; d++) {
                x[d] *= inverse;
                result[d] = (weight[d] * x[d] + bias[d]) * factors[d];
            }
        }
    }

    // What the forward pass gave, from what it kept.
    void again(int64_t row, int64_t rows, const float *normed, float *out, float *factors) const {
        for (int64_t i = 0; i < rows; i++) {
            fill(after, static_cast<uint32_t>((row + i) * size), size, factors);
#pragma omp simd
            for (int64_t d = 0; d < size; d++)
                out[i * size + d] = (weight[d] * normed[i * size + d] + bias[d]) * factors[d];
        }
    }

    // Slopes of the residual and of the vectors; those of weight and bias are added to.
    void backward(int64_t row, int64_t rows, const float *slope, const float *normed,
                  const float *spread, float *to_residual, float *to_vectors, float *to_weight,
                  float *to_bias, float *factors) const {
        for (int64_t i = 0; i < rows; i++) {
            const float *given = slope + i * size, *x = normed + i * size;
            float *plain = to_residual + i * size, *dropped = to_vectors + i * size;
            const uint32_t place = static_cast<uint32_t>((row + i) * size);
            float mean = 0.0f, along = 0.0f;
            fill(after, place, size, factors);
#pragma omp simd reduction(+ : mean, along)
            for (int64_t d = 0; d < size; d++) {
                const float kept = given[d] * factors[d];
                to_bias[d] += kept;
                to_weight[d] += kept * x[d];
                plain[d] = kept * weight[d];
                mean += plain[d];
                along += plain[d] * x[d];
            }
            mean /= size;
            along /= size;
            fill(before, place, size, factors);
            const float inverse = spread[i];
#pragma omp simd
            for (int64_t d = 0; d < size; d++) {
                plain[d] = inverse * (plain[d] - mean - along * x[d]);
                dropped[d] = plain[d] * factors[d];
            }
        }
    }
};
