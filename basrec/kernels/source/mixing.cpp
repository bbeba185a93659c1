// The cross-sequence mix and its inner products in one pass, forward and backward.
//
// Mix m of position t joins the rows `vectors[t]` and `vectors[partner]` of outputs, positives and
// negatives with the same weight, and scores the mixed output with the mixed positive and negative.
// partner (mixes, rows): a packed position, or -1 where the partner has no item: then the output is
// joined with padding[slot], and the positive and the negative with zeros. The first `single` mixes
// have one weight a position, item (single, rows); the others one a sequence and dimension,
// feature (mixes - single, sequences, size).
#include "lanes.h"

#include <vector>

namespace {

struct Mix {
    const float *outputs, *positives, *negatives, *padding;
    const int64_t *partner, *slot, *sequence;
    const float *item, *feature;
    int64_t mixes, single, rows, size, sequences;

    void weights(int64_t m, int64_t t, float *out) const {
        if (m < single)
            std::fill(out, out + size, item[m * rows + t]);
        else
            std::copy_n(feature + ((m - single) * sequences + sequence[t]) * size, size, out);
    }
};

} // namespace

extern "C" void mix_forward(const float *outputs, const float *positives, const float *negatives,
                            const float *padding, const int64_t *partner, const int64_t *slot,
                            const int64_t *sequence, const float *item, const float *feature,
                            int64_t mixes, int64_t single, int64_t rows, int64_t size,
                            int64_t sequences, float *up, float *down, int64_t threads) {
    const Mix mix{outputs, positives, negatives, padding, partner,  slot,     sequence, item,
                  feature, mixes,     single,    rows,    size,     sequences};
    const std::vector<float> nothing(size, 0.0f);
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> weights(size);
#pragma omp for schedule(static)
        for (int64_t place = 0; place < mixes * rows; place++) {
            const int64_t m = place / rows, t = place % rows, p = partner[place];
            mix.weights(m, t, weights.data());
            const float *w = weights.data();
            const float *h = outputs + t * size, *a = positives + t * size, *b = negatives + t * size;
            const float *h2 = p >= 0 ? outputs + p * size : padding + slot[place] * size;
            const float *a2 = p >= 0 ? positives + p * size : nothing.data();
            const float *b2 = p >= 0 ? negatives + p * size : nothing.data();
            float high = 0.0f, low = 0.0f;
#pragma omp simd reduction(+ : high, low)
            for (int64_t d = 0; d < size; d++) {
                const float mixed = h2[d] + w[d] * (h[d] - h2[d]);
                high += mixed * (a2[d] + w[d] * (a[d] - a2[d]));
                low += mixed * (b2[d] + w[d] * (b[d] - b2[d]));
            }
            up[place] = high;
            down[place] = low;
        }
    }
}

// Within one mix a position is the partner of one other at most, and so is a padded slot where each
// has a row of its own: positions share the work, and mixes follow each other. Padding rows that many
// positions share are summed by each thread for its own part of the dimensions instead.
extern "C" void mix_backward(const float *outputs, const float *positives, const float *negatives,
                             const float *padding, const int64_t *partner, const int64_t *slot,
                             const int64_t *sequence, const float *item, const float *feature,
                             int64_t mixes, int64_t single, int64_t rows, int64_t size,
                             int64_t sequences, const float *up, const float *down, float *to_outputs,
                             float *to_positives, float *to_negatives, float *to_padding,
                             int64_t chunks, int64_t padding_rows, int64_t shared,
                             int64_t threads) {
    const Mix mix{outputs, positives, negatives, padding, partner,  slot,     sequence, item,
                  feature, mixes,     single,    rows,    size,     sequences};
    const std::vector<float> nothing(size, 0.0f);
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> weights(size), spare(2 * size);
        for (int64_t m = 0; m < mixes; m++) {
#pragma omp for schedule(static)
            for (int64_t chunk = 0; chunk < chunks; chunk++) {
                float *pads = to_padding + (shared ? chunk * padding_rows * size : 0);
                for (int64_t t = rows * chunk / chunks; t < rows * (chunk + 1) / chunks; t++) {
                    const int64_t place = m * rows + t, p = partner[place];
                    mix.weights(m, t, weights.data());
                    const float *w = weights.data();
                    const bool real = p >= 0;
                    const float *h = outputs + t * size, *a = positives + t * size;
                    const float *b = negatives + t * size;
                    const float *h2 = real ? outputs + p * size : padding + slot[place] * size;
                    const float *a2 = real ? positives + p * size : nothing.data();
                    const float *b2 = real ? negatives + p * size : nothing.data();
                    // Slopes of a position and of its partner go to separate arrays: both may be
                    // written for the same row at once, by different positions of this loop.
                    float *own = to_outputs + t * size, *own_a = to_positives + t * size;
                    float *own_b = to_negatives + t * size;
                    const int64_t beside = rows * size;
                    float *met = real ? to_outputs + beside + p * size : pads + slot[place] * size;
                    float *met_a = real ? to_positives + beside + p * size : spare.data();
                    float *met_b = real ? to_negatives + beside + p * size : spare.data() + size;
                    const float high = up[place], low = down[place];
#pragma omp simd
                    for (int64_t d = 0; d < size; d++) {
                        const float mixed = h2[d] + w[d] * (h[d] - h2[d]);
                        const float slope = high * (a2[d] + w[d] * (a[d] - a2[d])) +
                                            low * (b2[d] + w[d] * (b[d] - b2[d]));
                        const float rest = 1.0f - w[d];
                        own[d] += w[d] * slope;
                        met[d] += rest * slope;
                        own_a[d] += w[d] * high * mixed;
                        met_a[d] += rest * high * mixed;
                        own_b[d] += w[d] * low * mixed;
                        met_b[d] += rest * low * mixed;
                    }
                }
            }
        }
    }
}
