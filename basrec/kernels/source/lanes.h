// As many numbers at once as a processor's vector holds, and random numbers by counter.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __FMA__
#include <immintrin.h>
#endif

// Numbers in a vector, and the tile of a product whose sums stay in registers: rows, and vectors of
// columns. Vectors wider than the processor's, or more than it has registers, cost a factor of five.
#ifdef __AVX512F__
#define STEPS_OF_LANES {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
constexpr int64_t WIDTH = 16, TILE_ROWS = 4, TILE_COLUMNS = 4; // 32 registers
#else
#define STEPS_OF_LANES {0, 1, 2, 3, 4, 5, 6, 7}
constexpr int64_t WIDTH = 8, TILE_ROWS = 6, TILE_COLUMNS = 2; // 16 registers
#endif
// The most numbers in a vector on any machine: what is laid out by it is the same on all.
constexpr int64_t WIDEST = 16;
typedef float Lanes __attribute__((vector_size(4 * WIDTH)));
typedef int32_t Whole __attribute__((vector_size(4 * WIDTH)));
typedef uint32_t Bits __attribute__((vector_size(4 * WIDTH)));
constexpr Whole STEPS = STEPS_OF_LANES;

inline Lanes every(float value) { return Lanes{} + value; }

inline Lanes load(const float *from) {
    Lanes lanes;
    std::memcpy(&lanes, from, sizeof lanes);
    return lanes;
}

inline void store(float *to, Lanes lanes) { std::memcpy(to, &lanes, sizeof lanes); }

// a b + c, rounded once where the processor can. Said outright, since compilers take both ways in
// turns, and then equal sums differ.
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
#if defined(__AVX512F__)
    return reinterpret_cast<Lanes>(_mm512_fmadd_ps(
        reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(c)));
#elif defined(__FMA__)
    return reinterpret_cast<Lanes>(_mm256_fmadd_ps(
        reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), reinterpret_cast<__m256>(c)));
#else
    return a * b + c;
#endif
}

inline float total(Lanes lanes) {
    float sum = 0.0f;
    for (int64_t y = 0; y < WIDTH; y++) sum += lanes[y];
    return sum;
}

inline float highest(Lanes lanes) {
    float most = lanes[0];
    for (int64_t y = 1; y < WIDTH; y++) most = std::max(most, lanes[y]);
    return most;
}

// e^x to within 2 units in the last place, for x <= 88; below -87 it gives e^-87.
// x = n log 2 + r with |r| <= log(2) / 2, a polynomial for e^r, and n added to the exponent.
inline Lanes exponential(Lanes x) {
    x = x > -87.0f ? x : every(-87.0f);
    const Lanes turns = x * 1.44269504f;
    const Whole whole = __builtin_convertvector(turns + (x < 0.0f ? every(-0.5f) : every(0.5f)), Whole);
    const Lanes n = __builtin_convertvector(whole, Lanes);
    const Lanes r = x - n * 0.693359375f + n * 2.12194440e-4f;
    Lanes p = every(1.0f / 5040.0f);
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    return reinterpret_cast<Lanes>(reinterpret_cast<Whole>(p) + (whole << 23));
}

// Whether dropout keeps an element: a hash of (seed, index) compared with a threshold, so that the
// backward pass finds the forward pass's mask again instead of storing it, on any number of threads.
// The mixing steps are those of a 32-bit finalizer with low bias; the second half of the seed enters
// between its two multiplications.
struct Dropout {
    uint32_t low, high, threshold;
    float scale;

    // `site` tells the places of one pass apart that share its seed.
    Dropout(float probability, uint64_t seed, uint32_t site)
        : low(static_cast<uint32_t>(seed) + site * 0x9e3779b9u),
          high(static_cast<uint32_t>(seed >> 32) ^ (site * 0x85ebca6bu)),
          threshold(static_cast<uint32_t>(probability * 4294967296.0)),
          scale(1.0f / (1.0f - probability)) {}

    // The factors of WIDTH elements in a row.
    Lanes factors(uint32_t index) const {
        Bits x = reinterpret_cast<Bits>(STEPS) + (index + low);
        x ^= x >> 16;
        x *= 0x7feb352du;
        x ^= x >> 15;
        x += high;
        x *= 0x846ca68bu;
        x ^= x >> 16;
        return x >= threshold ? every(scale) : every(0.0f);
    }
};

// Gaussian error linear unit x P(X <= x), and its slope. Source: erf by Abramowitz and Stegun 7.1.26,
// whose error is below 1.5e-7; its exponential is that of the normal density too.
struct Gelu {
    Lanes value, slope;

    explicit Gelu(Lanes x) {
        const Lanes size = (x < 0.0f ? -x : x) * 0.70710678f;
        const Lanes t = 1.0f / (1.0f + 0.3275911f * size);
        const Lanes bell = exponential(-size * size);
        Lanes p = every(1.061405429f);
        p = p * t - 1.453152027f;
        p = p * t + 1.421413741f;
        p = p * t - 0.284496736f;
        p = p * t + 0.254829592f;
        const Lanes tail = 0.5f * p * t * bell;
        const Lanes below = x < 0.0f ? tail : 1.0f - tail;
        value = x * below;
        slope = below + x * bell * 0.39894228f;
    }
};
