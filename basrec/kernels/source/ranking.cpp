// Inner products of many outputs with a whole catalogue, counted or sorted in passing, never stored.
//
// The catalogue is laid out in panels of PANEL items, (panels, size, PANEL), the last filled up with
// zeros. Each score is the same chain of additions wherever its row and item stand, so equal vectors
// have equal scores, and a target's score is found again exactly among all.
#include "matrix.h"

#include <algorithm>
#include <vector>

namespace {

constexpr int64_t COLUMNS = TILE_COLUMNS, PANEL = COLUMNS * WIDTH, ROWS = TILE_ROWS;

// Go through all rows [first, last) and panels; work(row, item of the first lane, scores) is called
// for each row and panel, the panels in their order.
template <typename Work>
void each_score(const float *vectors, const float *panels, int64_t items, int64_t size, int64_t first,
                int64_t last, Work work) {
    for (int64_t panel = 0; panel * PANEL < items; panel++)
        for (int64_t i = first; i < last; i += ROWS) {
            const float *rows[ROWS];
            for (int64_t r = 0; r < ROWS; r++)
                rows[r] = vectors + std::min(i + r, last - 1) * size;
            Lanes sums[ROWS][COLUMNS] = {};
            accumulate<ROWS, COLUMNS>(size, rows, 1, panels + panel * size * PANEL, PANEL, sums);
            for (int64_t r = 0; r < std::min(ROWS, last - i); r++)
                work(i + r, panel * PANEL, sums[r]);
        }
}

inline int64_t bound(int64_t rows, int64_t part, int64_t parts) { return rows * part / parts; }

inline bool any(Whole mask) {
    int32_t found = 0;
    for (int64_t y = 0; y < WIDTH; y++) found |= mask[y];
    return found != 0;
}

// The best items of one row so far, best first; of equal scores the one that came first.
struct Best {
    int64_t most;
    std::vector<std::pair<float, int64_t>> found;
    float least() const { return int64_t(found.size()) < most ? -INFINITY : found.back().first; }

    void offer(float score, int64_t item) {
        if (int64_t(found.size()) == most) found.pop_back();
        auto place = found.end();
        while (place != found.begin() && (place - 1)->first < score) --place;
        found.insert(place, {score, item});
    }
};

} // namespace

// panels must have room for items rounded up to PANEL.
extern "C" void ranking_panels(const float *table, int64_t items, int64_t size, float *panels,
                               int64_t threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t panel = 0; panel < (items + PANEL - 1) / PANEL; panel++)
        for (int64_t x = 0; x < size; x++)
            for (int64_t y = 0; y < PANEL; y++) {
                const int64_t item = panel * PANEL + y;
                panels[(panel * size + x) * PANEL + y] = item < items ? table[item * size + x] : 0.0f;
            }
}

extern "C" int64_t ranking_panel() { return PANEL; }

// scores[p] of vectors[row[p]] with item[p].
extern "C" void ranking_pairs(const float *vectors, const float *panels, int64_t size,
                              const int64_t *row, const int64_t *item, int64_t pairs, float *scores,
                              int64_t threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t p = 0; p < pairs; p++) {
        const float *rows[1] = {vectors + row[p] * size};
        const int64_t lane = item[p] % PANEL;
        const float *panel = panels + item[p] / PANEL * size * PANEL + lane / WIDTH * WIDTH;
        Lanes sums[1][1] = {};
        accumulate<1, 1>(size, rows, 1, panel, PANEL, sums);
        scores[p] = sums[0][0][lane % WIDTH];
    }
}

// How many items score above each row's limit, and how many equal to it.
extern "C" void ranking_count(const float *vectors, const float *panels, int64_t rows, int64_t items,
                              int64_t size, const float *limits, int64_t *above, int64_t *equal,
                              int64_t threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t part = 0; part < threads; part++) {
        const int64_t first = bound(rows, part, threads), last = bound(rows, part + 1, threads);
        std::vector<Whole> higher(last - first, Whole{}), same(last - first, Whole{});
        each_score(vectors, panels, items, size, first, last,
                   [&](int64_t row, int64_t item, const Lanes(&sums)[COLUMNS]) {
                       const Lanes limit = every(limits[row]);
                       Whole over = {}, level = {}; // a true comparison is -1
                       const bool whole = item + PANEL <= items;
#pragma GCC unroll 8
                       for (int64_t y = 0; y < COLUMNS; y++) {
                           Whole greater = sums[y] > limit, equals = sums[y] == limit;
                           if (!whole) {
                               const Whole place = STEPS + int32_t(item + y * WIDTH);
                               greater &= place < int32_t(items), equals &= place < int32_t(items);
                           }
                           over -= greater, level -= equals;
                       }
                       higher[row - first] += over, same[row - first] += level;
                   });
        for (int64_t row = first; row < last; row++) {
            above[row] = equal[row] = 0;
            for (int64_t y = 0; y < WIDTH; y++)
                above[row] += higher[row - first][y], equal[row] += same[row - first][y];
        }
    }
}

// Each row's best items that are not among excluded[offsets[row] .. offsets[row + 1]), ascending;
// -1 and minus infinity fill up where there are fewer than `most`.
extern "C" void ranking_top(const float *vectors, const float *panels, int64_t rows, int64_t items,
                            int64_t size, int64_t most, const int64_t *offsets,
                            const int64_t *excluded, float *scores, int64_t *found, int64_t threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t part = 0; part < threads; part++) {
        const int64_t first = bound(rows, part, threads), last = bound(rows, part + 1, threads);
        std::vector<Best> best(last - first, Best{most, {}});
        for (Best &own : best) own.found.reserve(most);
        each_score(vectors, panels, items, size, first, last,
                   [&](int64_t row, int64_t item, const Lanes(&sums)[COLUMNS]) {
                       Best &own = best[row - first];
                       const Lanes least = every(own.least());
                       Whole better = {};
#pragma GCC unroll 8
                       for (int64_t y = 0; y < COLUMNS; y++) better |= sums[y] > least;
                       if (!any(better)) return;
                       for (int64_t y = 0; y < std::min(PANEL, items - item); y++) {
                           const float score = sums[y / WIDTH][y % WIDTH];
                           if (score > own.least() &&
                               !std::binary_search(excluded + offsets[row],
                                                   excluded + offsets[row + 1], item + y))
                               own.offer(score, item + y);
                       }
                   });
        for (int64_t row = first; row < last; row++)
            for (int64_t place = 0; place < most; place++) {
                const auto &own = best[row - first].found;
                const bool there = place < int64_t(own.size());
                scores[row * most + place] = there ? own[place].first : -INFINITY;
                found[row * most + place] = there ? own[place].second : -1;
            }
    }
}
