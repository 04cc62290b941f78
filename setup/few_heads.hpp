// Attention of a few query rows over an F16 cache, for processors with AVX-512.
//
// llama.cpp's CPU kernel for fewer rows than a tile goes through the cache once for every query head, one cell at a time,
// with an F16 dot product and an F16 sum for each. Heads that share keys and values (GQA) are taken together here: 16
// visible cells are converted once and serve all of them. Sums are F32, and do not depend on the number of threads.
#pragma once

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
#define FEW_HEADS 1

#include <immintrin.h>

#include <cmath>
#include <cstring>

namespace few_heads {

constexpr int CELLS = 16, LANES = 16, MOST_HEADS = 16, MOST_DIMS = 256;
constexpr uint16_t HIDDEN = 0xFC00;  // minus infinity

// Whether this attention is one that `compute` knows. Not asked: whether every thread gets work. Then a text would depend
// on their number, and one row of few heads costs little beside the weights.
inline bool knows(const ggml_tensor * dst) {
    const ggml_tensor *q = dst->src[0], *k = dst->src[1], *v = dst->src[2], *mask = dst->src[3];
    float bias, softcap;
    memcpy(&bias, (const float *) dst->op_params + 1, sizeof bias);
    memcpy(&softcap, (const float *) dst->op_params + 2, sizeof softcap);
    const auto fits = [](const ggml_tensor * t) {
        return t->type == GGML_TYPE_F16 && t->ne[0] % LANES == 0 && t->ne[0] <= MOST_DIMS && t->ne[3] == 1;
    };
    return mask && mask->type == GGML_TYPE_F16 && mask->ne[2] == 1 && mask->ne[3] == 1 && !dst->src[4] && bias == 0.0f &&
           softcap == 0.0f && q->type == GGML_TYPE_F32 && q->ne[3] == 1 && fits(k) && fits(v) && k->ne[2] == v->ne[2] &&
           q->ne[2] % k->ne[2] == 0 && q->ne[2] / k->ne[2] <= MOST_HEADS &&
           q->ne[1] < (int64_t) ggml_fa_tile_config::Q;
}

inline void to_floats(const char * halves, float * floats, int dims) {
    for (int d = 0; d < dims; d += LANES) {
        _mm512_storeu_ps(floats + d, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) halves + d / LANES)));
    }
}

// Lane n of the result: the sum of all lanes of rows[n].
inline __m512 sums_of(const __m512 * rows) {
    __m512 fours[4];
    for (int n = 0; n < 4; n++) {
        const __m512 *r = rows + 4 * n;
        const __m512d first = _mm512_castps_pd(_mm512_add_ps(_mm512_unpacklo_ps(r[0], r[1]), _mm512_unpackhi_ps(r[0], r[1])));
        const __m512d second = _mm512_castps_pd(_mm512_add_ps(_mm512_unpacklo_ps(r[2], r[3]), _mm512_unpackhi_ps(r[2], r[3])));
        fours[n] = _mm512_add_ps(
            _mm512_castpd_ps(_mm512_unpacklo_pd(first, second)), _mm512_castpd_ps(_mm512_unpackhi_pd(first, second)));
    }
    const auto joined = [](__m512 a, __m512 b) {
        return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
    };
    return joined(joined(fours[0], fours[1]), joined(fours[2], fours[3]));
}

// The next visible cells from `at` on, at most 16, and what the mask adds to their scores.
inline int next_cells(const uint16_t * mask, int64_t cells, int64_t & at, int64_t * seen, float * added) {
    const __m512i hidden = _mm512_set1_epi16((short) HIDDEN);
    int count = 0;
    while (at < cells && count < CELLS) {
        if (at + 32 <= cells && _mm512_cmpeq_epi16_mask(_mm512_loadu_si512(mask + at), hidden) == 0xFFFFFFFF) {
            at += 32;
            continue;
        }
        for (const int64_t end = at + 32 < cells ? at + 32 : cells; at < end && count < CELLS; at++) {
            if (mask[at] != HIDDEN) {
                seen[count] = at;
                added[count++] = GGML_CPU_FP16_TO_FP32(mask[at]);
            }
        }
    }
    return count;
}

// out += weights * rows, N vectors of each.
template <int N> inline void weigh(float * out, const float * weights, const float * rows, int stride) {
    __m512 sums[N];
    for (int j = 0; j < N; j++) {
        sums[j] = _mm512_loadu_ps(out + j * LANES);
    }
    for (int c = 0; c < CELLS; c++) {
        const __m512 weight = _mm512_set1_ps(weights[c]);
        for (int j = 0; j < N; j++) {
            sums[j] = _mm512_fmadd_ps(weight, _mm512_loadu_ps(rows + c * stride + j * LANES), sums[j]);
        }
    }
    for (int j = 0; j < N; j++) {
        _mm512_storeu_ps(out + j * LANES, sums[j]);
    }
}

inline void weigh_all(float * out, const float * weights, const float * rows, int dims) {
    int d = 0;
    for (; d + 8 * LANES <= dims; d += 8 * LANES) {
        weigh<8>(out + d, weights, rows + d, dims);
    }
    for (; d + 4 * LANES <= dims; d += 4 * LANES) {
        weigh<4>(out + d, weights, rows + d, dims);
    }
    for (; d < dims; d += LANES) {
        weigh<1>(out + d, weights, rows + d, dims);
    }
}

// All query heads of one row that share one head of keys and values; softmax as it goes (arXiv 2112.05682).
inline void attend(ggml_tensor * dst, int64_t row, int64_t shared) {
    const ggml_tensor *q = dst->src[0], *k = dst->src[1], *v = dst->src[2], *mask = dst->src[3];
    const int heads = q->ne[2] / k->ne[2], dims = k->ne[0], out_dims = v->ne[0];
    float scale;
    memcpy(&scale, (const float *) dst->op_params, sizeof scale);
    alignas(64) float rows[CELLS * MOST_DIMS], outs[MOST_HEADS * MOST_DIMS], weights[MOST_HEADS * CELLS], added[CELLS];
    float highest[MOST_HEADS], total[MOST_HEADS];
    const float * queries[MOST_HEADS];
    for (int h = 0; h < heads; h++) {
        queries[h] = (const float *) ((const char *) q->data + row * q->nb[1] + (shared * heads + h) * q->nb[2]);
        highest[h] = -INFINITY;
        total[h] = 0.0f;
    }
    memset(outs, 0, sizeof(float) * heads * out_dims);
    const uint16_t * visible = (const uint16_t *) ((const char *) mask->data + row * mask->nb[1]);
    const char *keys = (const char *) k->data + shared * k->nb[2], *values = (const char *) v->data + shared * v->nb[2];
    int64_t at = 0, seen[CELLS];
    while (const int count = next_cells(visible, k->ne[1], at, seen, added)) {
        const __mmask16 there = (__mmask16) ((1u << count) - 1);
        const __m512 bias = _mm512_maskz_loadu_ps(there, added);
        for (int c = 0; c < count; c++) {
            to_floats(keys + seen[c] * k->nb[1], rows + c * dims, dims);
        }
        memset(rows + count * dims, 0, sizeof(float) * (CELLS - count) * dims);
        for (int h = 0; h < heads; h++) {
            __m512 products[CELLS];
            for (int c = 0; c < CELLS; c++) {
                products[c] = _mm512_setzero_ps();
            }
            for (int d = 0; d < dims; d += LANES) {
                const __m512 query = _mm512_loadu_ps(queries[h] + d);
                for (int c = 0; c < CELLS; c++) {
                    products[c] = _mm512_fmadd_ps(query, _mm512_loadu_ps(rows + c * dims + d), products[c]);
                }
            }
            const __m512 scores = _mm512_mask_fmadd_ps(sums_of(products), there, _mm512_set1_ps(scale), bias);
            const float top = _mm512_mask_reduce_max_ps(there, scores);
            if (top > highest[h]) {
                const float faded = expf(highest[h] - top);
                highest[h] = top;
                total[h] *= faded;
                for (int d = 0; d < out_dims; d += LANES) {
                    float * out = outs + h * out_dims + d;
                    _mm512_storeu_ps(out, _mm512_mul_ps(_mm512_loadu_ps(out), _mm512_set1_ps(faded)));
                }
            }
            const __m512 grown = ggml_v_expf(_mm512_sub_ps(scores, _mm512_set1_ps(highest[h])));
            const __m512 shares = _mm512_maskz_mov_ps(there, grown);
            total[h] += _mm512_reduce_add_ps(shares);
            _mm512_storeu_ps(weights + h * CELLS, shares);
        }
        for (int c = 0; c < count; c++) {
            to_floats(values + seen[c] * v->nb[1], rows + c * out_dims, out_dims);
        }
        memset(rows + count * out_dims, 0, sizeof(float) * (CELLS - count) * out_dims);
        for (int h = 0; h < heads; h++) {
            weigh_all(outs + h * out_dims, weights + h * CELLS, rows, out_dims);
        }
    }
    for (int h = 0; h < heads; h++) {
        float * out = (float *) ((char *) dst->data + (shared * heads + h + row * dst->ne[1]) * dst->nb[1]);
        const float part = total[h] == 0.0f ? 0.0f : 1.0f / total[h];
        for (int d = 0; d < out_dims; d++) {
            out[d] = outs[h * out_dims + d] * part;
        }
    }
}

inline void compute(const ggml_compute_params * params, ggml_tensor * dst) {
    const int64_t shared = dst->src[1]->ne[2], units = dst->src[0]->ne[1] * shared;
    if (params->ith == 0) {
        ggml_threadpool_chunk_set(params->threadpool, params->nth);
    }
    ggml_barrier(params->threadpool);
    for (int64_t unit = params->ith; unit < units; unit = ggml_threadpool_chunk_add(params->threadpool, 1)) {
        attend(dst, unit / shared, unit % shared);
    }
}

}  // namespace few_heads
#endif
