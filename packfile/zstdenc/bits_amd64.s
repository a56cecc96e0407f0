//go:build !purego

#include "textflag.h"
#include "asm_amd64.h"

// Where fields of table lie.
#define table_next  512
#define table_width 1536
#define table_log   1728

#define SEQ  SI
#define LT   R10
#define OT   R11
#define MT   R12
#define LS   R13 // states
#define OS   R14
#define MS   R15

// PUT adds the lowest N bits of V. Clobbers DX.
#define PUT(V, N) \
	BZHIL N, V, DX; \
	SHLXQ HAVE, DX, DX; \
	ORQ   DX, ACC; \
	ADDQ  N, HAVE

// CODE encodes the symbol in the byte FIELD with table T and its STATE.
#define CODE(FIELD, T, STATE) \
	MOVBLZX FIELD(SEQ), AX; \
	MOVQ  (T)(AX*8), BX; \
	LEAL  (STATE)(BX*1), CX; \
	SHRL  $16, CX; \
	PUT(STATE, CX); \
	SHRXL CX, STATE, STATE; \
	SARQ  $32, BX; \
	ADDQ  BX, STATE; \
	MOVWLZX table_next(T)(STATE*2), STATE

// FIRST is the state to begin with, see table.first.
#define FIRST(FIELD, T, STATE) \
	MOVBLZX FIELD(SEQ), AX; \
	MOVQ  (T)(AX*8), BX; \
	LEAL  0x8000(BX), CX; \
	SHRL  $16, CX; \
	MOVL  CX, DX; \
	SHLL  $16, DX; \
	SUBL  BX, DX; \
	SHRXL CX, DX, STATE; \
	SARQ  $32, BX; \
	ADDQ  BX, STATE; \
	MOVWLZX table_next(T)(STATE*2), STATE

// FOLLOW puts the bits that follow the symbol in the byte CODEFIELD.
#define FOLLOW(FIELD, CODEFIELD, T) \
	MOVBLZX CODEFIELD(SEQ), AX; \
	MOVBLZX table_width(T)(AX*1), CX; \
	MOVL  FIELD(SEQ), BX; \
	PUT(BX, CX)

#define FOLLOWALL \
	FOLLOW(seq_lits, seq_lit, LT); \
	FLUSH; \
	FOLLOW(seq_match, seq_mat, MT); \
	FOLLOW(seq_offset, seq_off, OT); \
	FLUSH

// func bitsBMI2(out *byte, seqs *sequence, n int, t *[kinds]*table) int
TEXT ·bitsBMI2(SB), NOSPLIT, $0-40
	MOVQ out+0(FP), OUT
	MOVQ seqs+8(FP), SEQ
	MOVQ n+16(FP), AX
	DECQ AX
	SHLQ $4, AX
	ADDQ AX, SEQ
	MOVQ t+24(FP), AX
	MOVQ 0(AX), LT
	MOVQ 8(AX), OT
	MOVQ 16(AX), MT
	XORL ACC, ACC
	XORL HAVE, HAVE
	FIRST(seq_lit, LT, LS)
	FIRST(seq_off, OT, OS)
	FIRST(seq_mat, MT, MS)
	FOLLOWALL
next:
	SUBQ $seq_size, SEQ
	CMPQ SEQ, seqs+8(FP)
	JLT  done
	CODE(seq_off, OT, OS)
	CODE(seq_mat, MT, MS)
	CODE(seq_lit, LT, LS)
	FOLLOWALL
	JMP  next
done:
	MOVBLZX table_log(MT), CX
	PUT(MS, CX)
	MOVBLZX table_log(OT), CX
	PUT(OS, CX)
	MOVBLZX table_log(LT), CX
	PUT(LS, CX)
	MOVL $1, AX
	MOVL $1, CX
	PUT(AX, CX)
	FLUSH
	ADDQ $7, HAVE
	SHRQ $3, HAVE
	ADDQ HAVE, OUT
	SUBQ out+0(FP), OUT
	MOVQ OUT, ret+32(FP)
	RET
