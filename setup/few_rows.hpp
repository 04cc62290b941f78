// Products of a few activation rows with K-quantized weights, for processors with AVX-512 VNNI.
//
// Drafts decoded together are 4 to 12 rows against the whole model. llama.cpp's kernel for interleaved Q4_K weights is
// made for 16 rows and more, and Q6_K weights have no interleaved kernel on x86 at all; both are bound by arithmetic
// there where memory could be the limit. These read each weight once and multiply it with four rows by `vpdpbusd`.
//
// Layouts (repack.h): a weight block holds 256 weights of 8 columns, in turns of 8 bytes a column; an activation block
// holds 256 int8 values of 4 rows, in turns of 8 values a row, and their sums over 16 values.
#pragma once

#if defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define FEW_ROWS 1

#include <immintrin.h>

#include <cstring>
#include <type_traits>

namespace few_rows {

constexpr int COLUMNS = 8;

// Where 256 activations of a row lie. A chunk is 8 values, a quad the sums over 4 times 16 values.
struct Four {
    using Block = block_q8_Kx4;
    static constexpr int count = 4;
    static const int8_t * chunk(const Block * a, int, int l, int c, int m) { return a[l].qs + c * 32 + m * 8; }
    static const int16_t * quad(const Block * a, int, int l, int q, int m) { return a[l].bsums + q * 16 + m * 4; }
    static float scale(const Block * a, int, int l, int m) { return a[l].d[m]; }
};

// Rows that were left over are quantized one by one and lie one after the other, `nb` blocks each.
template <int N> struct Loose {
    using Block = block_q8_K;
    static constexpr int count = N;
    static const int8_t * chunk(const Block * a, int nb, int l, int c, int m) { return a[m * nb + l].qs + c * 8; }
    static const int16_t * quad(const Block * a, int nb, int l, int q, int m) { return a[m * nb + l].bsums + q * 4; }
    static float scale(const Block * a, int nb, int l, int m) { return a[m * nb + l].d; }
};

// 8 values of a row, once for each of the 8 columns.
inline __m512i for_all_columns(const int8_t * chunk) {
    int64_t eight;
    memcpy(&eight, chunk, sizeof eight);
    return _mm512_set1_epi64(eight);
}

// A column's sum lies in two neighbouring lanes; what is multiplied with it must too.
inline __m512 twice(__m256 eight) {
    const __m512i order = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    return _mm512_permutexvar_ps(order, _mm512_castps256_ps512(eight));
}

inline __m256 both_lanes(__m512 sums) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m512 added = _mm512_add_ps(sums, _mm512_permute_ps(sums, 0xB1));
    return _mm512_castps512_ps256(_mm512_permutexvar_ps(even, added));
}

inline __m256 halves_to_floats(const ggml_half * eight) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) eight));
}

// 12 bytes hold 6-bit scales and minima of one sub-block of 32 weights, for 8 columns.
inline void unpack_six_bits(const uint8_t * packed, __m128i & scales, __m128i & minima) {
    uint32_t u[3];
    memcpy(u, packed, sizeof u);
    const uint32_t s0 = u[0] & 0x3f3f3f3f, s1 = (u[2] & 0x0f0f0f0f) | (((u[0] >> 6) & 0x03030303) << 4);
    const uint32_t m0 = u[1] & 0x3f3f3f3f, m1 = ((u[2] >> 4) & 0x0f0f0f0f) | (((u[1] >> 6) & 0x03030303) << 4);
    scales = _mm_cvtsi64_si128((int64_t) (s0 | (uint64_t) s1 << 32));
    minima = _mm_cvtsi64_si128((int64_t) (m0 | (uint64_t) m1 << 32));
}

// weight = d * scale * q - dmin * minimum, q in 0..15; the activations' sums serve the second term.
template <typename Rows>
inline void q4_K(int n, float * s, size_t bs, const void * vx, const void * vy, int row_blocks, int nc) {
    const int nb = n / QK_K;
    const __m512i nibble = _mm512_set1_epi8(0x0F);
    for (int x = 0; x < nc / COLUMNS; x++) {
        for (int y = 0; y < row_blocks; y++) {
            const block_q4_Kx8 * b = (const block_q4_Kx8 *) vx + (size_t) x * nb;
            const typename Rows::Block * a = (const typename Rows::Block *) vy + (size_t) y * nb;
            __m512 sums[Rows::count];
            __m256 below[Rows::count];
            for (int m = 0; m < Rows::count; m++) {
                sums[m] = _mm512_setzero_ps();
                below[m] = _mm256_setzero_ps();
            }
            for (int l = 0; l < nb; l++) {
                __m512i total[Rows::count];
                __m256i offset[Rows::count];
                for (int m = 0; m < Rows::count; m++) {
                    total[m] = _mm512_setzero_si512();
                    offset[m] = _mm256_setzero_si256();
                }
                for (int g = 0; g < 4; g++) {  // 64 weights: low nibbles hold the first 32, high ones the others
                    __m128i s0, s1, m0, m1;
                    unpack_six_bits(b[l].scales + g * 24, s0, m0);
                    unpack_six_bits(b[l].scales + g * 24 + 12, s1, m1);
                    const __m512i scale0 = _mm512_cvtepu8_epi32(_mm_unpacklo_epi8(s0, s0));
                    const __m512i scale1 = _mm512_cvtepu8_epi32(_mm_unpacklo_epi8(s1, s1));
                    const __m256i minima = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(m0, m1));
                    __m512i low[4], high[4];
                    for (int c = 0; c < 4; c++) {
                        const __m512i both = _mm512_loadu_si512(b[l].qs + (g * 4 + c) * 64);
                        low[c] = _mm512_and_si512(both, nibble);
                        high[c] = _mm512_and_si512(_mm512_srli_epi16(both, 4), nibble);
                    }
                    for (int m = 0; m < Rows::count; m++) {
                        __m512i dot0 = _mm512_setzero_si512(), dot1 = _mm512_setzero_si512();
                        for (int c = 0; c < 4; c++) {
                            dot0 = _mm512_dpbusd_epi32(dot0, low[c], for_all_columns(Rows::chunk(a, nb, l, g * 8 + c, m)));
                            dot1 =
                                _mm512_dpbusd_epi32(dot1, high[c], for_all_columns(Rows::chunk(a, nb, l, g * 8 + 4 + c, m)));
                        }
                        total[m] = _mm512_add_epi32(total[m], _mm512_mullo_epi32(dot0, scale0));
                        total[m] = _mm512_add_epi32(total[m], _mm512_mullo_epi32(dot1, scale1));
                        const int16_t * quad = Rows::quad(a, nb, l, g, m);
                        const uint32_t pair = (uint16_t) (quad[0] + quad[1]) | (uint32_t) (quad[2] + quad[3]) << 16;
                        offset[m] = _mm256_add_epi32(offset[m], _mm256_madd_epi16(minima, _mm256_set1_epi32((int32_t) pair)));
                    }
                }
                const __m512 d = twice(halves_to_floats(b[l].d));
                const __m256 dmin = halves_to_floats(b[l].dmin);
                for (int m = 0; m < Rows::count; m++) {
                    const float own = Rows::scale(a, nb, l, m);
                    sums[m] = _mm512_fmadd_ps(
                        _mm512_cvtepi32_ps(total[m]), _mm512_mul_ps(d, _mm512_set1_ps(own)), sums[m]);
                    below[m] = _mm256_fmadd_ps(
                        _mm256_cvtepi32_ps(offset[m]), _mm256_mul_ps(dmin, _mm256_set1_ps(own)), below[m]);
                }
            }
            for (int m = 0; m < Rows::count; m++) {
                float * out = s + (size_t) (y * Rows::count + m) * bs + x * COLUMNS;
                _mm256_storeu_ps(out, _mm256_sub_ps(both_lanes(sums[m]), below[m]));
            }
        }
    }
}

// weight = d * scale * (q - 32), q in 0..63 from 4 low and 2 high bits, one signed scale for 16 weights.
template <typename Rows>
inline void q6_K(int n, float * s, size_t bs, const void * vx, const void * vy, int row_blocks, int nc) {
    const int nb = n / QK_K;
    const __m512i nibble = _mm512_set1_epi8(0x0F), upper = _mm512_set1_epi8(0x30);
    for (int x = 0; x < nc / COLUMNS; x++) {
        for (int y = 0; y < row_blocks; y++) {
            const block_q6_Kx8 * b = (const block_q6_Kx8 *) vx + (size_t) x * nb;
            const typename Rows::Block * a = (const typename Rows::Block *) vy + (size_t) y * nb;
            __m512 sums[Rows::count];
            for (int m = 0; m < Rows::count; m++) {
                sums[m] = _mm512_setzero_ps();
            }
            for (int l = 0; l < nb; l++) {
                __m512i total[Rows::count];
                __m256i offset[Rows::count];
                for (int m = 0; m < Rows::count; m++) {
                    total[m] = _mm512_setzero_si512();
                    offset[m] = _mm256_setzero_si256();
                }
                for (int t = 0; t < 16; t += 2) {
                    const __m128i two = _mm_loadu_si128((const __m128i *) (b[l].scales + t * COLUMNS));
                    const __m256i scales = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(two, _mm_srli_si128(two, 8)));
                    for (int m = 0; m < Rows::count; m++) {
                        int32_t pair;
                        memcpy(&pair, Rows::quad(a, nb, l, t / 4, m) + t % 4, sizeof pair);
                        offset[m] = _mm256_add_epi32(offset[m], _mm256_madd_epi16(scales, _mm256_set1_epi32(pair)));
                    }
                }
                for (int half = 0; half < 2; half++) {
                    for (int p = 0; p < 2; p++) {  // 16 of each run of 32 weights
                        __m512i bits[2], first[2], second[2];
                        for (int c = 0; c < 2; c++) {
                            const int at = half * 8 + p * 2 + c;
                            bits[c] = _mm512_loadu_si512(b[l].qh + (half * 4 + p * 2 + c) * 64);
                            first[c] = _mm512_loadu_si512(b[l].ql + at * 64);
                            second[c] = _mm512_loadu_si512(b[l].ql + (at + 4) * 64);
                        }
                        for (int run = 0; run < 4; run++) {
                            __m512i q[2];
                            for (int c = 0; c < 2; c++) {
                                const __m512i four = run % 2 ? second[c] : first[c];
                                const __m512i lower =
                                    _mm512_and_si512(run < 2 ? four : _mm512_srli_epi16(four, 4), nibble);
                                const __m512i two = run < 2 ? _mm512_slli_epi16(bits[c], 4 - 2 * run)
                                                            : _mm512_srli_epi16(bits[c], 2 * run - 4);
                                q[c] = _mm512_or_si512(lower, _mm512_and_si512(two, upper));
                            }
                            const int t = half * 8 + run * 2 + p, chunk = half * 16 + run * 4 + p * 2;
                            const __m128i own = _mm_loadl_epi64((const __m128i *) (b[l].scales + t * COLUMNS));
                            const __m512i scale = _mm512_cvtepi8_epi32(_mm_unpacklo_epi8(own, own));
                            for (int m = 0; m < Rows::count; m++) {
                                __m512i dot = _mm512_dpbusd_epi32(
                                    _mm512_setzero_si512(), q[0], for_all_columns(Rows::chunk(a, nb, l, chunk, m)));
                                dot = _mm512_dpbusd_epi32(dot, q[1], for_all_columns(Rows::chunk(a, nb, l, chunk + 1, m)));
                                total[m] = _mm512_add_epi32(total[m], _mm512_mullo_epi32(dot, scale));
                            }
                        }
                    }
                }
                const __m512 d = twice(halves_to_floats(b[l].d));
                for (int m = 0; m < Rows::count; m++) {
                    const __m512i back = _mm512_slli_epi32(_mm512_cvtepu32_epi64(offset[m]), 5);  // 32 * sum, even lanes
                    sums[m] = _mm512_fmadd_ps(
                        _mm512_cvtepi32_ps(_mm512_sub_epi32(total[m], back)),
                        _mm512_mul_ps(d, _mm512_set1_ps(Rows::scale(a, nb, l, m))),
                        sums[m]);
                }
            }
            for (int m = 0; m < Rows::count; m++) {
                _mm256_storeu_ps(s + (size_t) (y * Rows::count + m) * bs + x * COLUMNS, both_lanes(sums[m]));
            }
        }
    }
}

// Two or three rows that no group of four takes. False when this kind of weights has no kernel here.
template <typename Weights, int INTER, int COLS>
inline bool leftover(int n, float * s, size_t bs, const void * vx, const void * vy, int nr, int nc) {
    constexpr bool is_q4 = std::is_same_v<Weights, block_q4_K>, is_q6 = std::is_same_v<Weights, block_q6_K>;
    if constexpr ((is_q4 || is_q6) && INTER == 8 && COLS == 8) {
        if (nr != 2 && nr != 3) {
            return false;
        }
        if constexpr (is_q4) {
            (nr == 2 ? q4_K<Loose<2>> : q4_K<Loose<3>>)(n, s, bs, vx, vy, 1, nc);
        } else {
            (nr == 2 ? q6_K<Loose<2>> : q6_K<Loose<3>>)(n, s, bs, vx, vy, 1, nc);
        }
        return true;
    }
    return false;
}

}  // namespace few_rows
#endif
