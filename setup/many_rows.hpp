// Products of many activation rows with K-quantized weights, for processors with AVX-512 VNNI: a prompt is read with these.
//
// 256 weights of 16 columns are unpacked once into the first cache and serve 128 rows. A lane's sum over the weights of
// one scale fits 16 bits (15 * 127 * 16 and 32 * 127 * 8 are below 2^15), so that the sums of two scales are packed and
// multiplied with both by one `vpdpwssd`, instead of two products of 32 bits and two additions.
//
// Layouts: see few_rows.hpp. Column order inside a register of 16 sums: a0 a1 b0 b1, a2 a3 b2 b3, ... for groups a and b.
#pragma once

#ifdef FEW_ROWS
#define MANY_ROWS 1

namespace many_rows {

constexpr int PANEL = 32;  // times four rows
constexpr int LEAST = 16;  // rows from which it pays to unpack into memory

// 256 weights of two groups of 8 columns.
struct alignas(64) Unpacked {
    int8_t q[32][2][64];  // by chunk of 8 weights
    int16_t scale[8][2][32];  // by pair of scales, as packed sums want them
    int32_t start[16][2][16];  // what a sum begins with, by scale
    int16_t minimum[4][32];  // by 64 weights, for both groups
    float d[16], dmin[16];
};

inline __m512i load(const void * from) { return _mm512_load_si512(from); }

// Eight values of each group in the column order above.
inline __m512 ordered(__m256 a, __m256 b) {
    const __m512i order = _mm512_setr_epi32(0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
    return _mm512_permutex2var_ps(_mm512_castps256_ps512(a), order, _mm512_castps256_ps512(b));
}

inline __m512 in_columns(__m512 sums) {
    const __m512i order = _mm512_setr_epi32(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    return _mm512_permutexvar_ps(order, sums);
}

// Bytes 0..7 are one scale of 8 columns, 8..15 the next: each twice, two columns of both in 128 bits.
inline __m256i for_packed(__m128i two) {
    const __m256i order = _mm256_setr_epi8(0, 0, 1, 1, 8, 8, 9, 9, 2, 2, 3, 3, 10, 10, 11, 11,
                                           4, 4, 5, 5, 12, 12, 13, 13, 6, 6, 7, 7, 14, 14, 15, 15);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(two), order);
}

struct Q4 {
    using Block = block_q4_Kx8;
    static constexpr int CHUNKS = 4;  // of one scale
    static constexpr bool HAS_MINIMA = true;
    static constexpr auto few = few_rows::q4_K<few_rows::Four>;

    static void unpack(const Block & a, const Block & b, Unpacked & to) {
        const __m512i nibble = _mm512_set1_epi8(0x0F);
        const Block * groups[2] = { &a, &b };
        for (int g = 0; g < 4; g++) {
            __m128i minima[2];
            for (int k = 0; k < 2; k++) {
                const Block & from = *groups[k];
                for (int c = 0; c < 4; c++) {
                    const __m512i both = _mm512_loadu_si512(from.qs + (g * 4 + c) * 64);
                    _mm512_store_si512(to.q[g * 8 + c][k], _mm512_and_si512(both, nibble));
                    _mm512_store_si512(to.q[g * 8 + 4 + c][k], _mm512_and_si512(_mm512_srli_epi16(both, 4), nibble));
                }
                __m128i s0, s1, m0, m1;
                few_rows::unpack_six_bits(from.scales + g * 24, s0, m0);
                few_rows::unpack_six_bits(from.scales + g * 24 + 12, s1, m1);
                const __m256i scales = for_packed(_mm_unpacklo_epi64(s0, s1));
                _mm512_store_si512(to.scale[g][k], _mm512_cvtepu8_epi16(scales));
                minima[k] = _mm_unpacklo_epi8(m0, m1);
            }
            const __m256 m = _mm256_castsi256_ps(_mm256_cvtepu8_epi16(minima[0]));
            _mm512_store_ps(to.minimum[g], ordered(m, _mm256_castsi256_ps(_mm256_cvtepu8_epi16(minima[1]))));
        }
        const __m256 da = few_rows::halves_to_floats(a.d), db = few_rows::halves_to_floats(b.d);
        const __m256 ma = few_rows::halves_to_floats(a.dmin), mb = few_rows::halves_to_floats(b.dmin);
        _mm512_store_ps(to.d, ordered(da, db));
        _mm512_store_ps(to.dmin, ordered(ma, mb));
    }
};

struct Q6 {
    using Block = block_q6_Kx8;
    static constexpr int CHUNKS = 2;
    static constexpr bool HAS_MINIMA = false;
    static constexpr auto few = few_rows::q6_K<few_rows::Four>;

    // weight = d * scale * (q - 32). Activations are multiplied as a + 128, and sums begin with -128 * (q - 32).
    static void unpack(const Block & a, const Block & b, Unpacked & to) {
        const __m512i nibble = _mm512_set1_epi8(0x0F), upper = _mm512_set1_epi8(0x30);
        const __m512i middle = _mm512_set1_epi8(32), all = _mm512_set1_epi8((char) 128);
        const Block * groups[2] = { &a, &b };
        for (int k = 0; k < 2; k++) {
            const Block & from = *groups[k];
            for (int n = 0; n < 8; n++) {  // two halves of four chunks each, 16 weights of each of four runs in two
                const int half = n / 4, c = n % 4;
                const __m512i bits = _mm512_loadu_si512(from.qh + n * 64);
                for (int run = 0; run < 4; run++) {
                    const __m512i four = _mm512_loadu_si512(from.ql + (half * 8 + c + (run % 2 ? 4 : 0)) * 64);
                    const __m512i lower = _mm512_and_si512(run < 2 ? four : _mm512_srli_epi16(four, 4), nibble);
                    const __m512i two = run < 2 ? _mm512_slli_epi16(bits, 4 - 2 * run) : _mm512_srli_epi16(bits, 2 * run - 4);
                    const __m512i q = _mm512_or_si512(lower, _mm512_and_si512(two, upper));
                    _mm512_store_si512(to.q[half * 16 + run * 4 + c][k], _mm512_sub_epi8(q, middle));
                }
            }
            for (int t = 0; t < 16; t++) {
                __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), all, load(to.q[2 * t][k]));
                sum = _mm512_dpbusd_epi32(sum, all, load(to.q[2 * t + 1][k]));
                _mm512_store_si512(to.start[t][k], _mm512_sub_epi32(_mm512_setzero_si512(), sum));
            }
            for (int pair = 0; pair < 8; pair++) {
                const __m128i two = _mm_loadu_si128((const __m128i *) (from.scales + pair * 16));
                _mm512_store_si512(to.scale[pair][k], _mm512_cvtepi8_epi16(for_packed(two)));
            }
        }
        _mm512_store_ps(to.d, ordered(few_rows::halves_to_floats(a.d), few_rows::halves_to_floats(b.d)));
    }
};

// Four rows' 256 activations with the unpacked weights: sums of 16 columns for each row.
template <typename Kind> inline void four_sums(const Unpacked & w, const int8_t * rows, __m512i sums[4]) {
    const __m512i half = _mm512_set1_epi8((char) 128);
    __m512i total[4][2];
    for (int m = 0; m < 4; m++) {
        total[m][0] = total[m][1] = _mm512_setzero_si512();
    }
    for (int pair = 0; pair < 16 / Kind::CHUNKS; pair++) {
        __m512i dot[2][4][2];
#pragma GCC unroll 2
        for (int side = 0; side < 2; side++) {
            const int t = pair * 2 + side;
#pragma GCC unroll 4
            for (int m = 0; m < 4; m++) {
                dot[side][m][0] = Kind::HAS_MINIMA ? _mm512_setzero_si512() : load(w.start[t][0]);
                dot[side][m][1] = Kind::HAS_MINIMA ? _mm512_setzero_si512() : load(w.start[t][1]);
            }
#pragma GCC unroll 4
            for (int c = t * Kind::CHUNKS; c < (t + 1) * Kind::CHUNKS; c++) {
                const __m512i first = load(w.q[c][0]), second = load(w.q[c][1]);
#pragma GCC unroll 4
                for (int m = 0; m < 4; m++) {
                    const __m512i eight = few_rows::for_all_columns(rows + c * 32 + m * 8);
                    if constexpr (Kind::HAS_MINIMA) {
                        dot[side][m][0] = _mm512_dpbusd_epi32(dot[side][m][0], first, eight);
                        dot[side][m][1] = _mm512_dpbusd_epi32(dot[side][m][1], second, eight);
                    } else {
                        const __m512i raised = _mm512_xor_si512(eight, half);
                        dot[side][m][0] = _mm512_dpbusd_epi32(dot[side][m][0], raised, first);
                        dot[side][m][1] = _mm512_dpbusd_epi32(dot[side][m][1], raised, second);
                    }
                }
            }
        }
#pragma GCC unroll 4
        for (int m = 0; m < 4; m++) {
#pragma GCC unroll 2
            for (int k = 0; k < 2; k++) {
                const __m512i packed = _mm512_packs_epi32(dot[0][m][k], dot[1][m][k]);
                total[m][k] = _mm512_dpwssd_epi32(total[m][k], packed, load(w.scale[pair][k]));
            }
        }
    }
    for (int m = 0; m < 4; m++) {
        const __m512i low = _mm512_unpacklo_epi64(total[m][0], total[m][1]);
        sums[m] = _mm512_add_epi32(low, _mm512_unpackhi_epi64(total[m][0], total[m][1]));
    }
}

template <typename Kind>
inline void add_products(const Unpacked & w, const block_q8_Kx4 & a, float * sums) {
    __m512i totals[4];
    four_sums<Kind>(w, a.qs, totals);
    alignas(64) int32_t over_32[16];  // two sums of 32 activations: of 64 weights and a row
    if constexpr (Kind::HAS_MINIMA) {
        const __m512i ones = _mm512_set1_epi16(1);
        const __m512i first = _mm512_madd_epi16(_mm512_loadu_si512(a.bsums), ones);
        const __m512i second = _mm512_madd_epi16(_mm512_loadu_si512(a.bsums + 32), ones);
        _mm512_store_si512(over_32, _mm512_packs_epi32(first, second));
    }
    for (int m = 0; m < 4; m++) {
        __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(totals[m]), _mm512_load_ps(w.d));
        if constexpr (Kind::HAS_MINIMA) {
            __m512i below = _mm512_setzero_si512();
            for (int g = 0; g < 4; g++) {
                const int at = g % 2 * 8 + m / 2 * 4 + g / 2 * 2 + m % 2;
                below = _mm512_dpwssd_epi32(below, load(w.minimum[g]), _mm512_set1_epi32(over_32[at]));
            }
            value = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(below), _mm512_load_ps(w.dmin), value);
        }
        float * own = sums + m * 16;
        _mm512_store_ps(own, _mm512_fmadd_ps(value, _mm512_set1_ps(a.d[m]), _mm512_load_ps(own)));
    }
}

// `row_blocks` times four rows with `nc` columns, a multiple of 8.
template <typename Kind>
inline void product(int n, float * s, size_t bs, const void * vx, const void * vy, int row_blocks, int nc) {
    const int nb = n / QK_K;
    const typename Kind::Block * weights = (const typename Kind::Block *) vx;
    const block_q8_Kx4 * rows = (const block_q8_Kx4 *) vy;
    alignas(64) float sums[PANEL * 64];
    Unpacked unpacked;
    for (int first = 0; first < row_blocks; first += PANEL) {
        const int count = row_blocks - first < PANEL ? row_blocks - first : PANEL;
        for (int x = 0; x + 2 <= nc / 8; x += 2) {
            memset(sums, 0, sizeof(float) * 64 * count);
            for (int l = 0; l < nb; l++) {
                Kind::unpack(weights[(size_t) x * nb + l], weights[(size_t) (x + 1) * nb + l], unpacked);
                for (int y = 0; y < count; y++) {
                    add_products<Kind>(unpacked, rows[(size_t) (first + y) * nb + l], sums + y * 64);
                }
            }
            for (int row = 0; row < 4 * count; row++) {
                float * out = s + (size_t) (first * 4 + row) * bs + x * 8;
                _mm512_storeu_ps(out, in_columns(_mm512_load_ps(sums + row * 16)));
            }
        }
    }
    if (nc / 8 % 2) {  // a group without a second one
        const int last = nc / 8 - 1;
        Kind::few(n, s + last * 8, bs, weights + (size_t) last * nb, vy, row_blocks, 8);
    }
}

}  // namespace many_rows
#endif
