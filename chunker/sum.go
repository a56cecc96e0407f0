package chunker

// SumAll computes the ids of chunks of kind k: ids[i] becomes k.Sum(chunks[i]).
// There are as many of either. Data is named several times as fast as chunk by
// chunk if there are some KiB of it at once and the processor has AVX-512. Safe
// for concurrent use, with different ids.
func (k Kind) SumAll(ids []ID, chunks [][]byte) {
	ids = ids[:len(chunks)]
	if k == Data {
		sumAll(ids, chunks)
	} else {
		sumEach(k, ids, chunks)
	}
}

func sumEach(k Kind, ids []ID, chunks [][]byte) {
	for i, c := range chunks {
		ids[i] = k.Sum(c)
	}
}
