// Where fields of sequence lie.
#define seq_lits    0
#define seq_match   4
#define seq_offset  8
#define seq_lit     12
#define seq_off     13
#define seq_mat     14
#define seq_size    16

// What writes bits has HAVE of them in ACC, the lowest first, and goes on at OUT.
#define OUT  DI
#define ACC  R8
#define HAVE R9

// FLUSH writes the whole bytes.
#define FLUSH \
	MOVQ  ACC, (OUT); \
	MOVQ  HAVE, DX; \
	SHRQ  $3, DX; \
	ADDQ  DX, OUT; \
	SHLQ  $3, DX; \
	SHRXQ DX, ACC, ACC; \
	SUBQ  DX, HAVE
