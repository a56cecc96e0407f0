//go:build !purego

#include "textflag.h"
#include "asm_amd64.h"

// Where fields of finder lie.
#define finder_lit   131072
#define finder_off   131328
#define finder_mat   131584
#define finder_last0 131840
#define finder_last1 131844
#define finder_last2 131848

#define F     R9  // the finder; its table is first
#define SRC   SI
#define S     R8  // position that is looked at
#define EMIT  R12 // where the last copy ends
#define REP   R13 // the last copy's offset; once one is found, that one's
#define TO    R11
#define LITS  R10

// HASH makes a place in the table of the 8 bytes in AX, of which 7 count.
#define HASH \
	SHLQ  $8, AX; \
	IMULQ prime-32(SP), AX; \
	SHRQ  $49, AX

// SEE leaves in T where the hash at position S+I was last seen, and notes that
// it is there. BX is the address of S.
#define SEE(I, T) \
	MOVQ I(BX), AX; \
	HASH; \
	LEAQ I(S), CX; \
	MOVL (F)(AX*4), T; \
	MOVL CX, (F)(AX*4)

// func findAVX2(f *finder, seqs *sequence, lits, src *byte, from, n int) (sequences, literals, end int)
TEXT ·findAVX2(SB), NOSPLIT, $32-72
	MOVQ f+0(FP), F
	MOVQ seqs+8(FP), TO
	MOVQ lits+16(FP), LITS
	MOVQ src+24(FP), SRC
	MOVQ from+32(FP), EMIT
	MOVQ n+40(FP), AX
	SUBQ $32, AX
	MOVQ AX, wide-8(SP)   // 32 bytes can be read up to there
	SUBQ $16, AX
	MOVQ AX, limit-16(SP)
	MOVQ $0xcf1bbcdcb7a56463, AX
	MOVQ AX, prime-32(SP)
	MOVL finder_last0(F), REP
	MOVQ EMIT, S
	CMPQ S, $1
	ADCQ $0, S            // 0 becomes 1

search:
	CMPQ S, limit-16(SP)
	JGT  done
	LEAQ (SRC)(S*1), BX
	MOVQ BX, DI
	SUBQ REP, DI
	SEE(0, DX)
	SEE(1, R14)
	MOVL 1(DI), AX
	CMPL AX, 1(BX)
	JEQ  again
	MOVL (BX), AX
	CMPL AX, (SRC)(DX*1)
	JEQ  at0
	MOVL 1(BX), AX
	CMPL AX, (SRC)(R14*1)
	JEQ  at1
	MOVQ S, AX
	SUBQ EMIT, AX
	SHRQ $7, AX
	LEAQ 2(S)(AX*1), S
	JMP  search

again:
	LEAQ 1(S), BX
	JMP  found
at0:
	MOVQ S, BX
	MOVQ S, REP
	SUBQ DX, REP
	JMP  found
at1:
	LEAQ 1(S), BX
	MOVQ BX, REP
	SUBQ R14, REP

found:
	// 4 bytes at BX are those REP before. How far does that go?
	LEAQ 4(BX), DI
	MOVQ DI, DX
	SUBQ REP, DX
	ADDQ SRC, DX
forward:
	CMPQ DI, wide-8(SP)
	JGT  tail
	VMOVDQU (SRC)(DI*1), Y0
	VPCMPEQB (DX), Y0, Y0
	VPMOVMSKB Y0, AX
	NOTL AX
	TESTL AX, AX
	JNZ  differs
	ADDQ $32, DI
	ADDQ $32, DX
	JMP  forward
tail:
	CMPQ DI, n+40(FP)
	JGE  back
	MOVB (SRC)(DI*1), AX
	CMPB AX, (DX)
	JNE  back
	INCQ DI
	INCQ DX
	JMP  tail
differs:
	TZCNTL AX, AX
	ADDQ AX, DI

back:
	// And how far back, in the literals?
	MOVQ BX, DX
	SUBQ EMIT, DX
	MOVQ BX, CX
	SUBQ REP, CX
	CMPQ CX, $8
	JLT  slow
	MOVQ -8(SRC)(BX*1), AX
	XORQ -8(SRC)(CX*1), AX
	BSWAPQ AX
	TZCNTQ AX, AX         // 64 if there is no difference
	SHRQ $3, AX
	CMPQ AX, DX
	CMOVQGT DX, AX
	SUBQ AX, BX
	CMPQ AX, $8
	JEQ  back
	JMP  literals
slow:
	TESTQ DX, DX
	JLE  literals
	TESTQ CX, CX
	JLE  literals
	MOVB -1(SRC)(BX*1), AX
	CMPB AX, -1(SRC)(CX*1)
	JNE  literals
	DECQ BX
	DECQ CX
	DECQ DX
	JMP  slow

literals:
	// From EMIT to BX; the copy goes from BX to DI.
	LEAQ (SRC)(EMIT*1), CX
	VMOVDQU (CX), Y0
	VMOVDQU Y0, (LITS)
	MOVQ BX, DX
	SUBQ EMIT, DX
	MOVL DX, seq_lits(TO)
	LEAQ (LITS)(DX*1), R14
	CMPQ DX, $32
	JGT  long
copied:
	MOVQ R14, LITS
	CMPQ DX, $64
	JGE  manyLits
	LEAQ ·litCodes(SB), AX
	MOVBLZX (AX)(DX*1), AX
litCode:
	MOVB AX, seq_lit(TO)
	INCL finder_lit(F)(AX*4)

	MOVQ DI, CX
	SUBQ BX, CX
	SUBQ $3, CX
	MOVL CX, seq_match(TO)
	CMPQ CX, $128
	JGE  longMatch
	LEAQ ·matCodes(SB), AX
	MOVBLZX (AX)(CX*1), AX
matCode:
	MOVB AX, seq_mat(TO)
	INCL finder_mat(F)(AX*4)

	// The offset, with literals: 1, 2, 3 for the last three. Without: 1, 2 for the last but one and two.
	CMPL DX, $1
	SBBL AX, AX           // -1 without literals
	MOVL finder_last0(F), CX
	XORL REP, CX
	ORL  AX, CX
	JZ   last
	LEAL 3(REP), CX
	LEAL 3(AX), R14
	CMPL REP, finder_last2(F)
	CMOVLEQ R14, CX
	LEAL 2(AX), R14
	MOVL finder_last1(F), DX
	CMPL REP, DX
	CMOVLEQ R14, CX
	MOVL finder_last2(F), R14
	CMOVLEQ R14, DX       // last2 stays if it was last1
	MOVL DX, finder_last2(F)
	MOVL finder_last0(F), AX
	MOVL AX, finder_last1(F)
	MOVL REP, finder_last0(F)
offset:
	MOVL CX, seq_offset(TO)
	BSRL CX, AX
	MOVB AX, seq_off(TO)
	INCL finder_off(F)(AX*4)
	ADDQ $seq_size, TO

	MOVQ DI, EMIT
	MOVQ DI, S
	CMPQ DI, limit-16(SP)
	JGT  done
	MOVQ -2(SRC)(DI*1), AX
	HASH
	LEAQ -2(DI), CX
	MOVL CX, (F)(AX*4)
	JMP  search

last:
	MOVL $1, CX
	JMP  offset
manyLits:
	BSRL DX, AX
	ADDL $19, AX
	JMP  litCode
longMatch:
	BSRL CX, AX
	ADDL $36, AX
	JMP  matCode
long:
	MOVQ DX, AX
longer:
	ADDQ $32, CX
	ADDQ $32, LITS
	VMOVDQU (CX), Y0
	VMOVDQU Y0, (LITS)
	SUBQ $32, AX
	CMPQ AX, $32
	JGT  longer
	JMP  copied

done:
	VZEROUPPER
	SUBQ seqs+8(FP), TO
	SHRQ $4, TO
	MOVQ TO, sequences+48(FP)
	SUBQ lits+16(FP), LITS
	MOVQ LITS, literals+56(FP)
	MOVQ EMIT, end+64(FP)
	RET
