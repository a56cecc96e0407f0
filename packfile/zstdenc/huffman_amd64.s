//go:build !purego

#include "textflag.h"
#include "asm_amd64.h"

#define LITS SI // the next literal's is before
#define CODE R10

// PUT adds the code of the literal I before.
#define PUT(I, T, N) \
	MOVBLZX -I(LITS), T; \
	MOVWLZX 2(CODE)(T*4), N; \
	MOVWLZX (CODE)(T*4), T; \
	SHLXQ HAVE, T, T; \
	ADDQ  N, HAVE; \
	ORQ   T, ACC

// func huffmanBMI2(out, lits *byte, n int, h *huffman) int
TEXT ·huffmanBMI2(SB), NOSPLIT, $0-40
	MOVQ out+0(FP), OUT
	MOVQ lits+8(FP), LITS
	MOVQ n+16(FP), CX
	MOVQ h+24(FP), CODE
	ADDQ CX, LITS
	XORL ACC, ACC
	XORL HAVE, HAVE

	// Five codes of up to 11 bits and 7 that are left are less than 64.
five:
	SUBQ $5, CX
	JLT  rest
	PUT(1, AX, BX)
	PUT(2, R11, R12)
	PUT(3, AX, BX)
	PUT(4, R11, R12)
	PUT(5, AX, BX)
	FLUSH
	SUBQ $5, LITS
	JMP  five
rest:
	ADDQ $5, CX
	JEQ  done
one:
	PUT(1, AX, BX)
	FLUSH
	DECQ LITS
	DECQ CX
	JNE  one
done:
	BTSQ HAVE, ACC // where they end
	INCQ HAVE
	FLUSH
	TESTQ HAVE, HAVE
	JEQ  whole
	INCQ OUT // that byte is written, too
whole:
	SUBQ out+0(FP), OUT
	MOVQ OUT, ret+32(FP)
	RET
