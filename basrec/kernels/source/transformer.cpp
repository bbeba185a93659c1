// A stack of post-norm transformer blocks over packed rows, forward and backward.
//
// Rows are taken in blocks of whole sequences that stay in the caches while they go through all
// layers. The last layer leaves out rows whose outputs nobody asks for, apart from what others see of
// them. What the backward pass needs is kept, apart from what is cheap to make again: dropout masks,
// activations and the outputs of norms. Gradients of weights are summed by each thread for its own
// blocks, so that they depend on the number of threads, and on nothing else.
#include "attention.h"
#include "norm.h"

#include <omp.h>

namespace {

constexpr int64_t BLOCK_ROWS = 64;
constexpr int64_t FIRST_WEIGHTS = 3, LAYER_WEIGHTS = 12;

struct Sizes {
    int64_t rows, sequences, size, inner, heads, layers, slots;
};

// Rows [begin, begin + rows) are those of sequences [first, last).
struct Block {
    int64_t first, last, begin, rows;
};

// The weights of one layer, or the places that gather their slopes; (outputs, inputs) matrices.
template <typename Number> struct Layer {
    Number *qkv, *qkv_bias, *out, *out_bias, *norm, *norm_bias;
    Number *expand, *expand_bias, *contract, *contract_bias, *last_norm, *last_norm_bias;

    explicit Layer(Number *const *at)
        : qkv(at[0]), qkv_bias(at[1]), out(at[2]), out_bias(at[3]), norm(at[4]), norm_bias(at[5]),
          expand(at[6]), expand_bias(at[7]), contract(at[8]), contract_bias(at[9]),
          last_norm(at[10]), last_norm_bias(at[11]) {}
};

// What one layer keeps of each row for the backward pass.
struct Kept {
    float *qkv, *context, *totals, *normed, *spread, *inner, *last_normed, *last_spread;

    static int64_t width(const Sizes &sizes) {
        return 6 * sizes.size + sizes.heads + sizes.inner + 2;
    }

    Kept(float *base, int64_t rows, const Sizes &sizes) {
        auto take = [&](int64_t width) {
            float *part = base;
            base += width * rows;
            return part;
        };
        qkv = take(3 * sizes.size), context = take(sizes.size), totals = take(sizes.heads);
        normed = take(sizes.size), spread = take(1), inner = take(sizes.inner);
        last_normed = take(sizes.size), last_spread = take(1);
    }
};

int64_t kept_width(const Sizes &sizes) {
    return sizes.size + 1 + sizes.layers * Kept::width(sizes);
}

// Matrices (rows, columns) turned over, so that products run along the lines of both operands.
struct Turned {
    std::vector<std::vector<float>> matrices;

    Turned(const std::vector<Layer<const float>> &layers, const Sizes &sizes, int64_t threads)
        : matrices(4 * layers.size()) {
#pragma omp parallel for num_threads(threads) schedule(static)
        for (size_t number = 0; number < matrices.size(); number++) {
            const Layer<const float> &layer = layers[number / 4];
            const int64_t size = sizes.size, inner = sizes.inner;
            const float *const from[] = {layer.qkv, layer.out, layer.expand, layer.contract};
            const int64_t rows[] = {3 * size, size, inner, size};
            turn(from[number % 4], rows[number % 4], number % 4 == 3 ? inner : size, matrices[number]);
        }
    }

    const float *at(int64_t layer, int64_t which) const { return matrices[4 * layer + which].data(); }

  private:
    static void turn(const float *from, int64_t rows, int64_t columns, std::vector<float> &out) {
        out.resize(rows * columns);
        for (int64_t j = 0; j < columns; j++)
            for (int64_t i = 0; i < rows; i++) out[j * rows + i] = from[i * columns + j];
    }
};

class Transformer {
  public:
    Transformer(const Sizes &sizes, const float *const *weights, const int64_t *lengths,
                const int64_t *padded, const int64_t *skipped, float dropout, float attention_dropout, uint64_t seed)
        : sizes(sizes), weights(weights), lengths(lengths), padded(padded), skipped(skipped),
          dropout(dropout), attention_dropout(attention_dropout), seed(seed) {
        Block block{0, 0, 0, 0};
        for (int64_t b = 0; b < sizes.sequences; b++) {
            if (block.rows > 0 && block.rows + lengths[b] > BLOCK_ROWS) {
                blocks.push_back(block);
                block = {b, b, block.begin + block.rows, 0};
            }
            block.last = b + 1;
            block.rows += lengths[b];
            longest = std::max(longest, lengths[b]);
            most_rows = std::max(most_rows, block.rows);
        }
        blocks.push_back(block);
        for (int64_t l = 0; l < sizes.layers; l++)
            layers.emplace_back(weights + FIRST_WEIGHTS + l * LAYER_WEIGHTS);
    }

    void forward(const float *vectors, float *out, float *kept, int64_t threads) const {
        const Turned turned(layers, sizes, threads);
#pragma omp parallel num_threads(threads)
        {
            const int64_t size = sizes.size, inner = sizes.inner;
            Attention attention = new_attention();
            std::vector<float> activated(most_rows * inner), projected(most_rows * size);
            std::vector<float> asked(most_rows * size);
            std::vector<float> factors(std::max(size, inner) + WIDTH);
            std::vector<float> own(kept ? 0 : most_rows * kept_width(sizes));
            each_block([&](const Block &block) {
                const int64_t rows = block.rows, row = block.begin;
                float *x = out + row * size;
                int64_t live = rows;
                float *normed = kept ? kept + row * size : own.data();
                float *spread = kept ? kept + sizes.rows * size + row : own.data() + rows * size;
                slot_vectors(block, projected.data());
                first_norm().forward(row, rows, vectors + row * size, projected.data(), x, normed,
                                     spread, factors.data());
                for (int64_t l = 0; l < sizes.layers; l++) {
                    const Kept all = kept ? kept_of(kept, l)
                                          : Kept(own.data() + rows * (size + 1), rows, sizes);
                    const Kept mine = kept ? part(all, row) : all;
                    const Layer<const float> &layer = layers[l];
                    multiply<Start::row>(rows, size, 3 * size, x, size, 1, turned.at(l, 0), 3 * size,
                                         mine.qkv, 3 * size, layer.qkv_bias);
                    attention.dropout = attention_mask(l);
                    each_sequence(block, l, [&](const Sequence &sequence, int64_t place) {
                        const int64_t at = sequence.begin - row;
                        attention.forward(sequence, mine.qkv + at * 3 * size,
                                          mine.context + place * size,
                                          mine.totals + place * sizes.heads);
                    });
                    if (is_last(l)) {
                        live = take_asked(block, x, asked.data());
                        x = asked.data();
                    }
                    multiply<Start::row>(live, size, size, mine.context, size, 1, turned.at(l, 1),
                                         size, projected.data(), size, layer.out_bias);
                    norm(l).forward(row, live, projected.data(), x, x, mine.normed, mine.spread,
                                    factors.data());
                    multiply<Start::row>(live, size, inner, x, size, 1, turned.at(l, 2), inner,
                                         mine.inner, inner, layer.expand_bias);
                    activate(live * inner, mine.inner, activated.data(), nullptr);
                    multiply<Start::row>(live, inner, size, activated.data(), inner, 1,
                                         turned.at(l, 3), size, projected.data(), size,
                                         layer.contract_bias);
                    last_norm(l).forward(row, live, projected.data(), x, x, mine.last_normed,
                                         mine.last_spread, factors.data());
                }
                put_asked(block, asked.data(), out + row * size);
            });
        }
    }

    // `slopes` (threads, number of weights) is given as zeros and holds each thread's part after.
    void backward(const float *above, const float *kept, float *to_vectors, float *slopes,
                  const int64_t *offsets, int64_t number, int64_t threads) const {
        float *base = const_cast<float *>(kept);
#pragma omp parallel num_threads(threads)
        {
            const int64_t size = sizes.size, inner = sizes.inner;
            Attention attention = new_attention();
            std::vector<float> x(most_rows * size), slope(most_rows * size), beside(most_rows * size);
            std::vector<float> dropped(most_rows * size), activated(most_rows * inner);
            std::vector<float> bend(most_rows * inner), wide(most_rows * 3 * size);
            std::vector<float> factors(std::max(size, inner) + WIDTH);
            std::vector<float *> to(FIRST_WEIGHTS + sizes.layers * LAYER_WEIGHTS);
            for (size_t w = 0; w < to.size(); w++)
                to[w] = slopes + omp_get_thread_num() * number + offsets[w];
            each_block([&](const Block &block) {
                const int64_t rows = block.rows, row = block.begin;
                int64_t live = take_asked(block, above + row * size, slope.data());
                for (int64_t l = sizes.layers - 1; l >= 0; l--) {
                    const Layer<const float> &layer = layers[l];
                    const Layer<float> sum(to.data() + FIRST_WEIGHTS + l * LAYER_WEIGHTS);
                    const Kept mine = part(kept_of(base, l), row);
                    last_norm(l).backward(row, live, slope.data(), mine.last_normed, mine.last_spread,
                                          beside.data(), dropped.data(), sum.last_norm,
                                          sum.last_norm_bias, factors.data());
                    activate(live * inner, mine.inner, activated.data(), bend.data());
                    add_columns(live, size, dropped.data(), sum.contract_bias);
                    multiply<Start::there>(size, live, inner, dropped.data(), 1, size,
                                           activated.data(), inner, sum.contract, inner);
                    multiply(live, size, inner, dropped.data(), size, 1, layer.contract, inner,
                             activated.data(), inner);
#pragma omp simd
                    for (int64_t d = 0; d < live * inner; d++) bend[d] *= activated[d];
                    norm(l).again(row, live, mine.normed, x.data(), factors.data());
                    add_columns(live, inner, bend.data(), sum.expand_bias);
                    multiply<Start::there>(inner, live, size, bend.data(), 1, inner, x.data(), size,
                                           sum.expand, size);
                    multiply<Start::there>(live, inner, size, bend.data(), inner, 1, layer.expand,
                                           size, beside.data(), size);
                    norm(l).backward(row, live, beside.data(), mine.normed, mine.spread, slope.data(),
                                     dropped.data(), sum.norm, sum.norm_bias, factors.data());
                    add_columns(live, size, dropped.data(), sum.out_bias);
                    multiply<Start::there>(size, live, size, dropped.data(), 1, size, mine.context,
                                           size, sum.out, size);
                    multiply(live, size, size, dropped.data(), size, 1, layer.out, size,
                             beside.data(), size);
                    attention.dropout = attention_mask(l);
                    each_sequence(block, l, [&](const Sequence &sequence, int64_t place) {
                        const int64_t at = sequence.begin - row;
                        attention.backward(sequence, mine.qkv + at * 3 * size,
                                           mine.context + place * size,
                                           mine.totals + place * sizes.heads,
                                           beside.data() + place * size, wide.data() + at * 3 * size);
                    });
                    if (is_last(l)) {
                        std::swap(slope, beside);
                        put_asked(block, beside.data(), slope.data());
                        live = rows;
                    }
                    if (l > 0)
                        last_norm(l - 1).again(row, rows, part(kept_of(base, l - 1), row).last_normed,
                                               x.data(), factors.data());
                    else
                        first_norm().again(row, rows, base + row * size, x.data(), factors.data());
                    add_columns(rows, 3 * size, wide.data(), sum.qkv_bias);
                    multiply<Start::there>(3 * size, rows, size, wide.data(), 1, 3 * size, x.data(),
                                           size, sum.qkv, size);
                    multiply<Start::there>(rows, 3 * size, size, wide.data(), 3 * size, 1, layer.qkv,
                                           size, slope.data(), size);
                }
                first_norm().backward(row, rows, slope.data(), base + row * size,
                                      base + sizes.rows * size + row, to_vectors + row * size,
                                      dropped.data(), to[1], to[2], factors.data());
                each_sequence(block, 0, [&](const Sequence &sequence, int64_t) {
                    for (int64_t i = 0; i < sequence.count; i++) {
                        float *place = to[0] + (sizes.slots - sequence.count + i) * size;
                        const float *given = to_vectors + (sequence.begin + i) * size;
#pragma omp simd
                        for (int64_t d = 0; d < size; d++) place[d] += given[d];
                    }
                });
            });
        }
    }

  private:
    Sizes sizes;
    const float *const *weights;
    const int64_t *lengths, *padded, *skipped;
    float dropout, attention_dropout;
    uint64_t seed;
    std::vector<Block> blocks;
    std::vector<Layer<const float>> layers;
    int64_t longest = 0, most_rows = 0;

    // Sites of dropout: 0 after the first norm, then three in each layer.
    Norm first_norm() const {
        return {sizes.size, weights[1], weights[2], Dropout(0.0f, 0, 0), Dropout(dropout, seed, 0)};
    }
    Dropout attention_mask(int64_t l) const { return Dropout(attention_dropout, seed, 1 + 3 * l); }
    Norm norm(int64_t l) const {
        return {sizes.size, layers[l].norm, layers[l].norm_bias, Dropout(dropout, seed, 2 + 3 * l),
                Dropout(0.0f, 0, 0)};
    }
    Norm last_norm(int64_t l) const {
        return {sizes.size, layers[l].last_norm, layers[l].last_norm_bias,
                Dropout(dropout, seed, 3 + 3 * l), Dropout(0.0f, 0, 0)};
    }
    Attention new_attention() const {
        return Attention(sizes.heads, sizes.size / sizes.heads, longest, attention_mask(0));
    }

    Kept kept_of(float *base, int64_t l) const {
        return Kept(base + sizes.rows * (sizes.size + 1 + l * Kept::width(sizes)), sizes.rows, sizes);
    }
    Kept part(Kept all, int64_t row) const {
        all.qkv += row * 3 * sizes.size, all.context += row * sizes.size;
        all.totals += row * sizes.heads, all.normed += row * sizes.size, all.spread += row;
        all.inner += row * sizes.inner, all.last_normed += row * sizes.size, all.last_spread += row;
        return all;
    }

    // The vector of each row's slot: a sequence's last row always has the last one.
    void slot_vectors(const Block &block, float *out) const {
        each_sequence(block, 0, [&](const Sequence &sequence, int64_t) {
            const float *first = weights[0] + (sizes.slots - sequence.count) * sizes.size;
            std::copy_n(first, sequence.count * sizes.size,
                        out + (sequence.begin - block.begin) * sizes.size);
        });
    }

    // `bend` gets the slopes, where it is asked for.
    static void activate(int64_t count, const float *in, float *out, float *bend) {
        int64_t d = 0;
        for (; d + WIDTH <= count; d += WIDTH) {
            const Gelu gelu(load(in + d));
            store(out + d, gelu.value);
            if (bend) store(bend + d, gelu.slope);
        }
        if (d < count) {
            float rest[WIDTH] = {};
            std::copy(in + d, in + count, rest);
            const Gelu gelu(load(rest));
            std::memcpy(out + d, &gelu.value, (count - d) * sizeof(float));
            if (bend) std::memcpy(bend + d, &gelu.slope, (count - d) * sizeof(float));
        }
    }

    // Give each thread neighbouring blocks of about as many rows; there may be fewer than asked for.
    template <typename Work> void each_block(Work work) const {
        const int64_t own = omp_get_thread_num(), threads = omp_get_num_threads();
        for (const Block &block : blocks)
            if (block.begin * threads / std::max<int64_t>(sizes.rows, 1) == own) work(block);
    }
    // work(sequence, place of its first row among those that layer l asks for).
    template <typename Work> void each_sequence(const Block &block, int64_t l, Work work) const {
        int64_t begin = block.begin, place = 0;
        for (int64_t b = block.first; b < block.last; b++) {
            const Sequence sequence{begin, lengths[b], padded[b], is_last(l) ? skipped[b] : 0};
            work(sequence, place);
            begin += sequence.count, place += sequence.asked();
        }
    }

    bool is_last(int64_t l) const { return l == sizes.layers - 1; }

    // Move the rows of a block that the last layer asks for together, and give how many they are.
    int64_t take_asked(const Block &block, const float *rows, float *asked) const {
        int64_t count = 0;
        each_sequence(block, sizes.layers - 1, [&](const Sequence &sequence, int64_t place) {
            const float *first = rows + (sequence.begin - block.begin + sequence.skipped) * sizes.size;
            std::copy_n(first, sequence.asked() * sizes.size, asked + place * sizes.size);
            count += sequence.asked();
        });
        return count;
    }
    // Move them back, the others being zero.
    void put_asked(const Block &block, const float *asked, float *rows) const {
        each_sequence(block, sizes.layers - 1, [&](const Sequence &sequence, int64_t place) {
            float *first = rows + (sequence.begin - block.begin) * sizes.size;
            std::fill_n(first, sequence.skipped * sizes.size, 0.0f);
            std::copy_n(asked + place * sizes.size, sequence.asked() * sizes.size,
                        first + sequence.skipped * sizes.size);
        });
    }
};

} // namespace

extern "C" int64_t transformer_kept(int64_t size, int64_t inner, int64_t heads, int64_t layers) {
    return kept_width(Sizes{0, 0, size, inner, heads, layers, 0});
}

extern "C" void transformer_forward(int64_t rows, int64_t sequences, int64_t size, int64_t inner,
                                    int64_t heads, int64_t layers, int64_t slots,
                                    const float *const *weights, const int64_t *lengths,
                                    const int64_t *padded, const int64_t *skipped, float dropout,
                                    float attention_dropout, uint64_t seed, const float *vectors, float *out, float *kept,
                                    int64_t threads) {
    const Sizes sizes{rows, sequences, size, inner, heads, layers, slots};
    Transformer(sizes, weights, lengths, padded, skipped, dropout, attention_dropout, seed)
        .forward(vectors, out, kept, threads);
}

extern "C" void transformer_backward(int64_t rows, int64_t sequences, int64_t size, int64_t inner,
                                     int64_t heads, int64_t layers, int64_t slots,
                                     const float *const *weights, const int64_t *lengths,
                                     const int64_t *padded, const int64_t *skipped, float dropout,
                                     float attention_dropout, uint64_t seed, const float *above, const float *kept,
                                     float *to_vectors, float *slopes, const int64_t *offsets,
                                     int64_t number, int64_t threads) {
    const Sizes sizes{rows, sequences, size, inner, heads, layers, slots};
    Transformer(sizes, weights, lengths, padded, skipped, dropout, attention_dropout, seed)
        .backward(above, kept, to_vectors, slopes, offsets, number, threads);
}
