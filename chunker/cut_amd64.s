//go:build !purego

#include "textflag.h"

// findBlocks computes the fingerprints of 512 bytes at a time and compares each
// with zero. A fingerprint is fp[i] = 2·fp[i-1] + gear[data[i]], in 16 bits.
//
// 1. A block is 32 segments of 16 bytes. Each of the 32 lanes (16-bit words) of
//    a register goes through one segment, so that all it needs is there in its
//    own lane. Loaded as it is, a block has segments s0, s1 … in quarters:
//
//	Z8  = s0  s1  s2  s3       a segment: words w0 … w7 of bytes b0 b1, b2 b3 …
//	Z9  = s4  s5  s6  s7
//	 …                         three rounds of unpacking (words, pairs, fours)
//	Z15 = s28 s29 s30 s31      transpose the 8×8 words of each quarter:
//
//	          quarter 0        quarter 1        quarter 2        quarter 3
//	Z16 = s0.w0 s4.w0 … s28.w0 | s1.w0 s5.w0 … | s2.w0 s6.w0 … | s3.w0 s7.w0 …
//	Z17 = s0.w1 s4.w1 … s28.w1 | s1.w1 …
//	 …
//	Z23 = s0.w7 s4.w7 … s28.w7 | s1.w7 …
//
//    Lane 8q+r is segment 4r+q from now on.
//
// 2. LOOKUP finds gear[b] for 64 bytes in 64-byte tables: VPERMI2B picks by the
//    low 7 bits from two of them, the top bit (K1) chooses between two such
//    pairs, and this for the low bytes (Z0–Z3) and the high bytes (Z4–Z7) of
//    gear. The results are put together to words, those of the even bytes and
//    those of the odd bytes: two steps of every lane.
//
// 3. STEP is the recurrence. After 16 steps Z8 … Z23 hold what the fingerprints
//    would be if each segment began with fingerprint 0.
//
// 4. In truth it begins with that at the end of the segment before it, its
//    carry. 16 doublings leave nothing of a carry in 16 bits, so that Z23, the
//    end, is right as it is: one permutation (Z27) brings every lane its carry
//    from there. Lane 0's comes from the block before (Z28).
//
// 5. fp[j] = local[j] + carry<<(j+1), which is zero if and only if local[j] is
//    the carry, negated and doubled j+1 times (Z29): TEST. K5 and K6 keep the
//    lanes that never were equal.
//
// No block waits for the one before it, so that the processor works on several.
// K2 and K3 are the even and the odd bytes, K4 is lane 0, Z30 is zero, Z24–Z26
// and Z31 are for the moment.

// The lane from which each lane's carry comes: 8q+r from 8(q-1)+r; r from
// 24+r-1; and what lane 31 gives to lane 0 is for the next block.
DATA carries<>+0(SB)/8, $0x001a00190018001f
DATA carries<>+8(SB)/8, $0x001e001d001c001b
DATA carries<>+16(SB)/8, $0x0003000200010000
DATA carries<>+24(SB)/8, $0x0007000600050004
DATA carries<>+32(SB)/8, $0x000b000a00090008
DATA carries<>+40(SB)/8, $0x000f000e000d000c
DATA carries<>+48(SB)/8, $0x0013001200110010
DATA carries<>+56(SB)/8, $0x0017001600150014
GLOBL carries<>(SB), RODATA|NOPTR, $64

// LOOKUP replaces the words of WORDS, each two bytes, by gear: EVEN of the
// first bytes, ODD of the second. ODD may be WORDS.
#define LOOKUP(WORDS, EVEN, ODD) \
	VPMOVB2M  WORDS, K1        \
	VMOVDQA64 WORDS, Z24       \
	VPERMI2B  Z1, Z0, Z24      \ // low bytes of gear[b], b < 128
	VMOVDQA64 WORDS, Z25       \
	VPERMI2B  Z3, Z2, Z25      \ // and b ≥ 128
	VMOVDQA64 WORDS, Z26       \
	VPERMI2B  Z5, Z4, Z26      \ // high bytes, b < 128
	VPERMI2B  Z7, Z6, WORDS    \ // and b ≥ 128
	VMOVDQU8  Z25, K1, Z24     \
	VMOVDQU8  WORDS, K1, Z26   \
	VPSLLW    $8, Z26, EVEN    \
	VMOVDQU8  Z24, K2, EVEN    \
	VPSRLW    $8, Z24, ODD     \
	VMOVDQU8  Z26, K3, ODD

// STEP makes gear in NEXT the fingerprint after PREV.
#define STEP(PREV, NEXT) \
	VPADDW PREV, PREV, Z24 \
	VPADDW Z24, NEXT, NEXT

// TEST takes from KEEP the lanes where LOCAL plus the next shift of the carry
// is zero.
#define TEST(LOCAL, KEEP) \
	VPADDW  Z29, Z29, Z29              \
	VPCMPUW $4, Z29, LOCAL, KEEP, KEEP // not equal

// func findBlocks(data *byte, blocks int, planes *[512]byte, carry uint16) (block int, lanes uint32)
TEXT ·findBlocks(SB), NOSPLIT, $0-44
	MOVQ    data+0(FP), SI
	MOVQ    blocks+8(FP), CX
	MOVQ    planes+16(FP), DI
	MOVWLZX carry+24(FP), AX

	VMOVDQU64 (DI), Z0
	VMOVDQU64 64(DI), Z1
	VMOVDQU64 128(DI), Z2
	VMOVDQU64 192(DI), Z3
	VMOVDQU64 256(DI), Z4
	VMOVDQU64 320(DI), Z5
	VMOVDQU64 384(DI), Z6
	VMOVDQU64 448(DI), Z7

	VPBROADCASTW AX, Z28
	VMOVDQU64    carries<>(SB), Z27
	VPXORD       Z30, Z30, Z30
	MOVQ         $0x5555555555555555, AX
	KMOVQ        AX, K2
	NOTQ         AX
	KMOVQ        AX, K3
	MOVL         $1, AX
	KMOVD        AX, K4
	XORL         BX, BX

loop:
	VMOVDQU64 (SI), Z8
	VMOVDQU64 64(SI), Z9
	VMOVDQU64 128(SI), Z10
	VMOVDQU64 192(SI), Z11
	VMOVDQU64 256(SI), Z12
	VMOVDQU64 320(SI), Z13
	VMOVDQU64 384(SI), Z14
	VMOVDQU64 448(SI), Z15

	// A prefetch of what is not there is no fault.
	PREFETCHT0 2048(SI)
	PREFETCHT0 2112(SI)
	PREFETCHT0 2176(SI)
	PREFETCHT0 2240(SI)
	PREFETCHT0 2304(SI)
	PREFETCHT0 2368(SI)
	PREFETCHT0 2432(SI)
	PREFETCHT0 2496(SI)

	// Transpose: words,
	VPUNPCKLWD Z9, Z8, Z16
	VPUNPCKHWD Z9, Z8, Z17
	VPUNPCKLWD Z11, Z10, Z18
	VPUNPCKHWD Z11, Z10, Z19
	VPUNPCKLWD Z13, Z12, Z20
	VPUNPCKHWD Z13, Z12, Z21
	VPUNPCKLWD Z15, Z14, Z22
	VPUNPCKHWD Z15, Z14, Z23

	// pairs of them,
	VPUNPCKLDQ Z18, Z16, Z8
	VPUNPCKHDQ Z18, Z16, Z9
	VPUNPCKLDQ Z19, Z17, Z10
	VPUNPCKHDQ Z19, Z17, Z11
	VPUNPCKLDQ Z22, Z20, Z12
	VPUNPCKHDQ Z22, Z20, Z13
	VPUNPCKLDQ Z23, Z21, Z14
	VPUNPCKHDQ Z23, Z21, Z15

	// and fours.
	VPUNPCKLQDQ Z12, Z8, Z16
	VPUNPCKHQDQ Z12, Z8, Z17
	VPUNPCKLQDQ Z13, Z9, Z18
	VPUNPCKHQDQ Z13, Z9, Z19
	VPUNPCKLQDQ Z14, Z10, Z20
	VPUNPCKHQDQ Z14, Z10, Z21
	VPUNPCKLQDQ Z15, Z11, Z22
	VPUNPCKHQDQ Z15, Z11, Z23

	LOOKUP(Z16, Z8, Z9)
	STEP(Z8, Z9)
	LOOKUP(Z17, Z10, Z11)
	STEP(Z9, Z10)
	STEP(Z10, Z11)
	LOOKUP(Z18, Z12, Z13)
	STEP(Z11, Z12)
	STEP(Z12, Z13)
	LOOKUP(Z19, Z14, Z15)
	STEP(Z13, Z14)
	STEP(Z14, Z15)
	LOOKUP(Z20, Z16, Z17)
	STEP(Z15, Z16)
	STEP(Z16, Z17)
	LOOKUP(Z21, Z18, Z19)
	STEP(Z17, Z18)
	STEP(Z18, Z19)
	LOOKUP(Z22, Z20, Z21)
	STEP(Z19, Z20)
	STEP(Z20, Z21)
	LOOKUP(Z23, Z22, Z23)
	STEP(Z21, Z22)
	STEP(Z22, Z23)

	// The carries, negated; Z31's lane 0 is for the next block.
	VPERMW    Z23, Z27, Z31
	VMOVDQA64 Z31, Z29
	VMOVDQU16 Z28, K4, Z29
	VMOVDQA64 Z31, Z28
	VPSUBW    Z29, Z30, Z29

	KXNORD K5, K5, K5
	KXNORD K6, K6, K6
	TEST(Z8, K5)
	TEST(Z9, K6)
	TEST(Z10, K5)
	TEST(Z11, K6)
	TEST(Z12, K5)
	TEST(Z13, K6)
	TEST(Z14, K5)
	TEST(Z15, K6)
	TEST(Z16, K5)
	TEST(Z17, K6)
	TEST(Z18, K5)
	TEST(Z19, K6)
	TEST(Z20, K5)
	TEST(Z21, K6)
	TEST(Z22, K5)
	TEST(Z23, K6)
	KANDD  K6, K5, K5

	KORTESTD K5, K5 // carry flag: all ones
	JCC      hit
	ADDQ     $512, SI
	INCQ     BX
	CMPQ     BX, CX
	JLT      loop

	// Here K5 is all ones: no lanes.
hit:
	KNOTD K5, K5
	KMOVD K5, AX
	MOVQ  BX, block+32(FP)
	MOVL  AX, lanes+40(FP)
	VZEROUPPER
	RET
